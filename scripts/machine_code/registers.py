"""What each kernel takes and spills, against the committed table registers.tsv, of one nvcc."""

import glob
import os

from disassembly import HOME, Usage
from kernels import short

TABLE = os.path.join(HOME, "scripts/machine_code/registers.tsv")
AS_RECORDED = "as recorded"
HOW = "scripts/machine-code registers --record"


def sources():
    """All kernels of ours that nvcc builds: not planted ones, nor what of CUB's is built here."""
    found = glob.glob(os.path.join(HOME, "kernels/*/*.cu"))
    there = sorted(os.path.relpath(path, HOME) for path in found if not path.endswith("_test.cu"))
    return [path for path in there if path != "kernels/tree/cub_target.cu" and
            not path.startswith("kernels/device/")]


def text_of(registers, stores, loads):
    return f"{registers}" if stores + loads == 0 else f"{registers} spills {stores}/{loads}"


class Table:
    """{(source, kernel): {architecture: text}} of the file, and the nvcc that it is of."""

    def __init__(self):
        self.release, self.archs, self.rows = None, [], {}
        if not os.path.isfile(TABLE):
            return
        with open(TABLE, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                cells = line.rstrip("\n").split("\t")
                if line.startswith("#"):
                    if line.startswith("# nvcc "):
                        self.release = cells[0].split()[2]
                elif not self.archs:
                    self.archs = cells[2:]
                elif len(cells) == 2 + len(self.archs):
                    self.rows[cells[0], cells[1]] = dict(zip(self.archs, cells[2:]))
                else:
                    raise Usage(f"{TABLE}:{number}: {len(cells)} cells, and the head has "
                                f"{2 + len(self.archs)}; {HOW} writes it anew")


TABLE_HERE = Table()


def compare(functions):
    """"as recorded", or what is not, on an architecture that is in the table."""
    recorded = {kernel: cells[functions.arch] for (source, kernel), cells in
                TABLE_HERE.rows.items() if source == functions.source and cells[functions.arch]}
    spills, others = [], []
    for name, numbers in functions.registers.items():
        kernel, now = short(name), text_of(*numbers)
        was = recorded.pop(kernel, "not there")
        if now != was:
            (spills if "spills" in now else others).append(f"{kernel}: {now}, recorded: {was}")
    others += [f"{kernel}: not there, recorded: {was}" for kernel, was in recorded.items()]
    if not spills and not others:
        return AS_RECORDED
    what = f"{len(spills)} new spills, such as {spills[0]}; use fewer live values" if spills else \
        f"{len(others)} others, such as {others[0]}; look whether it is what you want"
    return f"WRONG: {what}, or record it: {HOW}"


def record(code, archs, compiled):
    """Writes the table of {(source, arch): Compiled}."""
    rows = {}
    for (source, arch), functions in compiled.items():
        for name, numbers in functions.registers.items():
            rows.setdefault((source, short(name)), {})[arch] = text_of(*numbers)
    with open(TABLE + ".new", "w", encoding="utf-8") as file:
        file.write("# Registers of each kernel, and bytes that it spills to memory and loads "
                   "again, as ptxas says.\n"
                   f"# Written by {HOW}. Other compilers choose others.\n"
                   f"# nvcc {code.release()}\n")
        file.write("\t".join(["source", "kernel", *archs]) + "\n")
        for (source, kernel), cells in sorted(rows.items()):
            file.write("\t".join([source, kernel, *[cells.get(a, "") for a in archs]]) + "\n")
    os.replace(TABLE + ".new", TABLE)
    return len(rows)
