"""turns.py: would it help if two sides took turns, session by session?

It would take out what drifts: what neighbours in time have in common, and sessions further apart do
not. So sides are dealt out of consecutive sessions in turns, to be compared like any others; and of
each case the variance between neighbours is set against that between any two sessions. Independent
sessions have 1 there, and what drifts has less.
"""
import json
import math
import os
import shutil
import statistics

from .scale import sessions_of


def in_time(root, sides):
    """All sessions of the sides, as they were begun."""
    begun = []
    for side in sides:
        for session in sessions_of(f"{root}/{side}"):
            path = os.path.abspath(f"{root}/{side}/{session}")
            with open(f"{path}/run.json", encoding="utf-8") as file:
                begun.append((json.load(file)["run"]["start"], path))
    return [path for _, path in sorted(begun)]


def link(folder, sessions):
    """A side whose sessions are links to others."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for k, session in enumerate(sessions):
        os.symlink(session, f"{folder}/session-{k + 1}")
    return folder


def deal(work, sessions, count):
    """Pairs of sides of `count` sessions each: A B B A A B B A …, from one side's worth to the next."""
    pairs = []
    for k, at in enumerate(range(0, len(sessions) - 2 * count + 1, count)):
        ten = sessions[at:at + 2 * count]
        pairs.append(tuple(link(f"{work}/turns-{k + 1}{half}", [
            s for i, s in enumerate(ten) if (i % 4 in (0, 3)) == (half == "a")]) for half in "ab"))
    return pairs


def low_times(session):
    """{case: logarithm of what its session is compared by}"""
    out = {}
    for lab in os.listdir(session):
        if not os.path.exists(f"{session}/{lab}/cases.jsonl"):
            continue
        with open(f"{session}/{lab}/cases.jsonl", encoding="utf-8") as file:
            for line in file:
                record = json.loads(line)
                bench = record.get("bench") or {}
                low = bench.get("p05") or bench.get("median")  # older runs did not record the first
                if low:
                    out[record["id"]] = math.log(low)
    return out


def neighbours(sessions):
    """Variance between neighbours over that between any two, of each case that all have."""
    times = [low_times(session) for session in sessions]
    out = []
    for case in set.intersection(*map(set, times)):
        x = [of[case] for of in times]
        whole = statistics.variance(x)
        if whole > 0:
            out.append(sum((b - a) ** 2 for a, b in zip(x, x[1:])) / (len(x) - 1) / (2 * whole))
    return out


def show(sessions):
    if len(sessions) < 3:
        return
    found = neighbours(sessions)
    if len(found) > 1:
        quarter, half, three = statistics.quantiles(found, n=4)
        print(f"{len(sessions)} sessions in the order of time, {len(found)} cases: variance between "
              f"neighbours over that between any two {half:.2f} (middle half {quarter:.2f} to "
              f"{three:.2f}); 1: independent")
