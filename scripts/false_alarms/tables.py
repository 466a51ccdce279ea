"""tables.py: what was called different between sides, counted by tool, and printed as tables."""
import collections
import sys

from .scale import FEW, is_scaled

FACTORS = (1.02, 1.05)
NANOLAB, WITHIN = "nanolab compare", (1, 2, 5)
COMPARE_PY, EQUAL_PY = "compare.py", "compare.py, as few alarms"
BENCHSTAT, MEDIANS = "benchstat", "benchstat of medians"
NVBENCH, CLOCK = "nvbench", "nvbench with a clock"
LOAD = "load"  # no tool: what nanolab says of the load beside the two sides


def settings():
    """What is done to the second side: (name, factor, share of the cases)."""
    return [("same", 1, 1)] + [(f"+{100 * (f - 1):.0f} % {'of all' if share == 1 else 'of few'}",
                                f, share) for f in FACTORS for share in (1, 1 / FEW)]


def as_few(pairs, rate):
    """The largest alpha with which the chances of unchanged pairs give at most that rate."""
    chances = sorted(c for said in pairs.values() for c, _ in said["same"][EQUAL_PY].values())
    allowed = int(rate * len(chances))
    return chances[allowed] if allowed < len(chances) else 1.0


def with_alpha(said, alpha):
    return {case: sign if chance < alpha else 0 for case, (chance, sign) in said.items()}


def count(pairs):
    """{tool: {setting: [called different or found, of]}}; settings of few also count the rest."""
    table = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
    for (_, second), said in pairs.items():
        for name, _, share in settings():
            for tool, verdicts in said[name].items():
                row = table[tool]  # in the order of the tools, also where this pair has nothing
                for case, verdict in verdicts.items():
                    if name == "same" or not is_scaled(case, share, second):
                        cell, hit = row["same" if name == "same" else "rest"], verdict != 0
                    else:
                        cell, hit = row[name], verdict > 0
                    cell[0] += hit
                    cell[1] += 1
    return table


def tables(said):
    """As count() makes it, with compare.py at as few alarms as nanolab's."""
    counted = count({p: {s: {t: v for t, v in of.items() if t not in (EQUAL_PY, LOAD)}
                         for s, of in one.items()} for p, one in said.items()})
    if any(EQUAL_PY in one["same"] for one in said.values()):
        alpha = as_few(said, counted[NANOLAB]["same"][0] / counted[NANOLAB]["same"][1])
        few = count({p: {s: {EQUAL_PY: with_alpha(of.get(EQUAL_PY, {}), alpha)}
                         for s, of in one.items()} for p, one in said.items()})
        counted[EQUAL_PY] = few[EQUAL_PY]
        print(f"compare.py, as few alarms: alpha {alpha:.3g}", file=sys.stderr)
    return counted


def show(title, counted, pairs):
    names = [name for name, _, _ in settings()]
    print(f"{pairs} pairs of sides{title}, {counted[NANOLAB]['same'][1]} cases; in percent of "
          "cases")
    print("| tool | cases | called different | " + " | ".join(f"found: {n}" for n in names[1:]) +
          " | different, of the rest of few |")
    print("|---|" + "---:|" * (len(names) + 2))
    for tool, row in counted.items():
        cells = [f"{100 * row[n][0] / row[n][1]:.2f}" if row[n][1] else "-"
                 for n in names + ["rest"]]
        print(f"| {tool} | {row['same'][1]} | " + " | ".join(cells) + " |")


def show_pairs(said):
    """The load beside each pair, and what was called different of it."""
    first = next(iter(said.values()))["same"]
    names = [tool for tool in first if tool not in (LOAD, EQUAL_PY)]
    print("| pair | load | processors | times | compared | " + " | ".join(names) + " |")
    print("|---|---:|---:|---:|---|" + "---:|" * len(names))
    for pair, one in said.items():
        load = one["same"][LOAD]
        cells = ["-".join(pair)]
        if load:
            cells += [" / ".join(f"{x:.2f}" for x in load["values"]),
                      f"{load['processors'][0]:.0f}", f"{load['times']:.2f}",
                      "no" if load["unlike"] else "yes"]
        else:
            cells += ["-", "-", "-", "yes"]
        for name in names:
            of = one["same"].get(name)
            cells.append(f"{100 * sum(v != 0 for v in of.values()) / len(of):.2f}" if of else "-")
        print("| " + " | ".join(cells) + " |")
