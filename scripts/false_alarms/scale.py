"""scale.py: a side whose samples are multiplied: slower by a factor that is known.

Journal and benchmark.json are written anew and sealed by the recipe of docs/results.md, so that the
result is a result folder like any other. What was derived from the samples (counters, verdicts,
tables) stays as it was measured.
"""
import hashlib
import json
import os
import re
import shutil
import sys

FEW = 20  # one case in so many


def fail(text):
    sys.exit(f"false-alarms: {text}")


def sessions_of(side):
    names = [n for n in os.listdir(side) if re.fullmatch(r"session-\d+", n)]
    return sorted(names, key=lambda n: int(n[8:]))


def is_scaled(case, share, salt):
    """Whether a case is one of those that are made slower."""
    digest = hashlib.sha256(f"{salt} {case}".encode()).digest()
    return share == 1 or int.from_bytes(digest[:4], "big") % FEW == 0


def sealed(text, previous):
    """A journal's line or a document, without its closing brace, with its hash."""
    return hashlib.sha256(previous.encode() + text.encode()).hexdigest()


def scaled_case(record, factor):
    bench = record["bench"]
    for name in set(bench) - {"calls", "stop"}:
        bench[name] *= factor
    for series in record["series"]:
        if series["kind"] == "time" and series["unit"] == "s":
            if "values" not in series:
                fail(f"{record['id']}: its samples lie in a side file; take shorter runs")
            series["values"] = [None if x is None else x * factor for x in series["values"]]


def scale_lab(source, target, factor, scaled):
    """A lab's folder with its samples multiplied: journal, benchmark.json, seals."""
    os.makedirs(target)
    for name in os.listdir(source):
        if name not in ("cases.jsonl", "benchmark.json") and os.path.isfile(f"{source}/{name}"):
            shutil.copy(f"{source}/{name}", f"{target}/{name}")
    with open(f"{source}/benchmark.json", encoding="utf-8") as file:
        benchmark = json.load(file)
    for entry in benchmark["benchmarks"]:
        if scaled(entry["name"].rsplit("/", 1)[0]):
            for name in ("real_time", "cpu_time"):
                entry[name] *= factor
    text = json.dumps(benchmark, ensure_ascii=False)
    with open(f"{target}/benchmark.json", "w", encoding="utf-8") as file:
        file.write(text)
    previous = "0" * 64
    with open(f"{source}/cases.jsonl", encoding="utf-8") as old, \
            open(f"{target}/cases.jsonl", "w", encoding="utf-8") as new:
        for line in old:
            record = json.loads(line)
            del record["hash"]
            if record["record"] == "case" and record.get("bench") and scaled(record["id"]):
                scaled_case(record, factor)
            if record["record"] == "end":
                record["previous"] = previous
                record["files"]["benchmark.json"] = hashlib.sha256(text.encode()).hexdigest()
            plain = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
            previous = sealed(plain, previous)
            new.write(f'{plain[:-1]},"hash":"{previous}"}}\n')


def scale_side(source, target, factor, scaled):
    for session in sessions_of(source):
        os.makedirs(f"{target}/{session}")
        shutil.copy(f"{source}/{session}/run.json", f"{target}/{session}/run.json")
        for lab in os.listdir(f"{source}/{session}"):
            if os.path.isdir(f"{source}/{session}/{lab}"):
                scale_lab(f"{source}/{session}/{lab}", f"{target}/{session}/{lab}", factor, scaled)
