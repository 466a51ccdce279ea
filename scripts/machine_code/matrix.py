"""Matrix instructions: which ones a shape becomes, how they are chained, how FP8 is emulated, and
what is right on which architecture."""

import collections
import functools
import re

from disassembly import flow, is_matrix, register, width_of_result


def chain(code):
    """(matrix instructions' names in order, the longest chain of them through C)."""
    names, depth = [], {}
    for index, instruction, writer in flow(code):
        if is_matrix(instruction.op):
            names.append(instruction.op)
            c = register(instruction.operands[3])
            depth[index] = 1 + depth.get(writer(c), 0)
    return names, max(depth.values(), default=0)


def matrix_instructions(code):
    """"4 HMMA.1688.F32, chains of 2", or the scalar instructions that stand in their place."""
    names, longest = chain(code)
    if not names:
        scalar = collections.Counter(i.op for i in code if i.op in ("FFMA", "FADD", "FMUL"))
        return "no matrix unit: " + ", ".join(
            f"{count} {op}" for op, count in sorted(scalar.items(), reverse=True))
    # Volta's shape is one product in four steps.
    names = [re.sub(r"\.STEP\d$", ".STEP", name) for name in names]
    kinds = ", ".join(f"{count} {name}" for name, count in collections.Counter(names).items())
    return kinds if longest == 1 else f"{kinds}, chains of {longest}"


UNPACK = re.compile(r"^F2FP\..*\.UNPACK_B$")


def emulated_fp8(code):
    """What the two HMMAs of an emulated FP8 product are made of; raises ValueError with what is
    wrong. All products of a function are looked at."""
    unpacked = {}  # index of an UNPACK_B: (what it read, whether the high half)
    first, second, adds = {}, {}, collections.Counter()
    result = {}  # register value (number, index of its writer): index of the second HMMA
    for index, instruction, writer in flow(code):
        op, operands = instruction
        if UNPACK.match(op):
            source = register(operands[-1])
            unpacked[index] = ((source, writer(source)), ".H1" in operands[-1])
        elif is_matrix(op):
            if not op.startswith("HMMA.16816."):
                raise ValueError(f"{op} among the products")
            halves = []
            for operand, width in ((operands[1], 4), (operands[2], 2)):
                base = register(operand)
                for number in range(base, base + width):
                    if writer(number) not in unpacked:
                        raise ValueError(f"{op} reads R{number}, which was not unpacked from FP8")
                    halves.append(unpacked[writer(number)])
            if operands[3].startswith("RZ"):
                if any(high for _, high in halves):
                    raise ValueError("the first product takes pairs with k mod 4 in {2,3}")
                first[index] = [source for source, _ in halves]
            else:
                below = writer(register(operands[3]))
                if below not in first:
                    raise ValueError(f"{op} starts from neither zero nor a first product")
                if not all(high for _, high in halves):
                    raise ValueError("the second product takes pairs with k mod 4 in {0,1}")
                if [source for source, _ in halves] != first[below]:
                    raise ValueError("the two products are not of the same values")
                second[index] = op
                base = register(operands[0])
                for number in range(base, base + width_of_result(op)):
                    result[number, index] = index
        elif op in ("FADD", "HADD2"):
            of = [result.get((register(o), writer(register(o)))) for o in operands[1:3]]
            if of.count(None) == 1:
                adds[next(o for o in of if o is not None), op] += 1
    if not first or len(first) != len(second):
        raise ValueError(f"{len(first)} products from zero, {len(second)} on top of one")
    for index, op in second.items():
        wanted = ("FADD", 4) if ".F32" in op else ("HADD2", 2)
        if adds[index, wanted[0]] != wanted[1]:
            raise ValueError(f"{adds[index, wanted[0]]} of {wanted[1]} {wanted[0]} add C")
    name = next(iter(second.values()))
    add = "FADD" if ".F32" in name else "HADD2"
    return f"low pairs {name} from 0, high pairs {name} on top, {add}"


def fp8(code):
    """What an FP8 product became, in words."""
    names, _ = chain(code)
    if any(name.startswith("QMMA.") for name in names):
        rest = [i.op for i in code if i.op == "FADD" or i.op == "HADD2" or UNPACK.match(i.op)]
        return names[0] if len(names) == 1 and not rest else f"{names} and {rest}"
    try:
        return emulated_fp8(code)
    except ValueError as wrong:
        return f"WRONG: {wrong}"


def multiplies(functions, pattern):
    """What the kernels whose names match multiply with: matrix instructions without their counts,
    an FP8 product in words, FFMA where there is no other, "none"."""
    seen = set()
    for name, code in functions.items():
        if not re.search(pattern, name):
            continue
        names = {re.sub(r"\.64x\d+x", ".64xNx", i.op) for i in code if is_matrix(i.op)}
        if any(UNPACK.match(i.op) for i in code):
            names = {fp8(code)}
        elif not names and any(i.op == "FFMA" for i in code):
            names = {"FFMA"}
        seen |= names or {"none"}
    return " and ".join(sorted(seen)) if seen else "WRONG: no such kernel"


HMMA16 = "HMMA.16816.F32"
NOT_75 = {"75": None}
SHAPES = {
    "wmma_16x16x16_f16": {"75": "4 HMMA.1688.F32, chains of 2", "": f"2 {HMMA16}"},
    "wmma_32x8x16_f16": {"75": "4 HMMA.1688.F32, chains of 2", "": f"2 {HMMA16}"},
    "wmma_8x32x16_f16": {"75": "4 HMMA.1688.F32, chains of 2", "": f"2 {HMMA16}"},
    "wmma_16x16x16_bf16": {**NOT_75, "": f"2 {HMMA16}.BF16"},
    # Volta's own: four steps on Turing. Ever since a lane's 8 results are 4 scalar multiply-adds
    # each, from zero, and an add of C.
    "mma_m8n8k4_f16": {"75": "4 HMMA.884.F32.F32.STEP", "": "no matrix unit: 32 FFMA, 8 FADD"},
    "mma_m16n8k8_f16": {"": "1 HMMA.1688.F32"},
    "mma_m16n8k16_f16": {**NOT_75, "": f"1 {HMMA16}"},
    "mma_m16n8k16_bf16": {**NOT_75, "": f"1 {HMMA16}.BF16"},
    "mma_m16n8k16_f16_f16": {**NOT_75, "": "1 HMMA.16816.F16"},
    "mma_m16n8k32_s8": {**NOT_75, "": "1 IMMA.16832.S8.S8"},
    "mma_m16n8k4_tf32": {**NOT_75, "": "1 HMMA.1684.F32.TF32"},
    "mma_m16n8k8_tf32": {**NOT_75, "": "1 HMMA.1688.F32.TF32"},
}


def fp8_expected(types, out):
    name = f"HMMA.16816.{out}"
    add = "FADD" if out == "F32" else "HADD2"
    return {"75 80 86": None,
            "89 120": f"QMMA.16832.{out}.{types}",
            "": f"low pairs {name} from 0, high pairs {name} on top, {add}"}


FP8 = {
    "mma_m16n8k32_e4m3": fp8_expected("E4M3.E4M3", "F32"),
    "mma_m16n8k32_e5m2": fp8_expected("E5M2.E5M2", "F32"),
    "mma_m16n8k32_e5m2_e4m3_f16": fp8_expected("E5M2.E4M3", "F16"),
}
# Kernels of matrix products: what their template arguments are, what they multiply with. Where a
# card lacks the instruction, the kernel is there and empty.
TEMPLATE = {"m16n8k8": 4, "m16n8k16": 5, "m16n8k32": 6,
            "bf16": 2, "f16": 3, "tf32": 4, "e4m3": 5, "e5m2": 6, "acc32": 0, "acc16": 1}
NONE_75 = {"75": "none"}


def mma_row(kernel, element, acc, expected):
    pattern = rf"\bmma_sync_tile<{TEMPLATE[kernel]}, {TEMPLATE[element]}, {TEMPLATE[acc]}, "
    return (f"{kernel} {element} {acc}", expected,
            functools.partial(multiplies, pattern=pattern))


def mma_fp8_row(element, acc):
    out = "F32" if acc == "acc32" else "F16"
    name, types = f"HMMA.16816.{out}", f"{element.upper()}.{element.upper()}"
    add = "FADD" if out == "F32" else "HADD2"
    return mma_row("m16n8k32", element, acc, {
        "75 80 86": "none", "89 120": f"QMMA.16832.{out}.{types}",
        "": f"low pairs {name} from 0, high pairs {name} on top, {add}"})


MMA = [
    mma_row("m16n8k8", "f16", "acc32", {"": "HMMA.1688.F32"}),
    mma_row("m16n8k8", "f16", "acc16", {"": "HMMA.1688.F16"}),
    mma_row("m16n8k8", "bf16", "acc32", {**NONE_75, "": "HMMA.1688.F32.BF16"}),
    mma_row("m16n8k8", "tf32", "acc32", {**NONE_75, "": "HMMA.1688.F32.TF32"}),
    mma_row("m16n8k16", "f16", "acc32", {**NONE_75, "": HMMA16}),
    mma_row("m16n8k16", "f16", "acc16", {**NONE_75, "": "HMMA.16816.F16"}),
    mma_row("m16n8k16", "bf16", "acc32", {**NONE_75, "": f"{HMMA16}.BF16"}),
    *[mma_fp8_row(element, acc) for element in ("e4m3", "e5m2") for acc in ("acc32", "acc16")],
]
WMMA = [
    *[(f"{shape} {kind} {to}",
       {"75": f"HMMA.1688.{'F32' if to == 'float' else 'F16'}" if kind == "__half" else "none",
        "": f"HMMA.16816.{'F32' if to == 'float' else 'F16'}" +
            (".BF16" if kind != "__half" else "")},
       functools.partial(multiplies, pattern=rf"\bmma_wmma<{shape}, {kind}, {to}, "))
      for shape in ("16, 16", "32, 8", "8, 32")
      for kind, to in (("__half", "float"), ("__half", "__half"), ("__nv_bfloat16", "float"))],
    ("scalar", {"": "FFMA"}, functools.partial(multiplies, pattern=r"\bmma_scalar<")),
]
WGMMA = [
    (element, {"": expected}, functools.partial(
        multiplies, pattern=rf"\bmma_wgmma<{TEMPLATE[element]}, "))
    for element, expected in (("f16", "HGMMA.64xNx16.F32"), ("bf16", "HGMMA.64xNx16.F32.BF16"),
                              ("e4m3", "QGMMA.64xNx32.F32.E4M3.E4M3"),
                              ("e5m2", "QGMMA.64xNx32.F32.E5M2.E5M2"))
]
