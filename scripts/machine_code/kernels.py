"""What our kernels are made of: where multiplications and additions are fused and subnormals are
flushed, what an update is, how wide loads are, what a chase waits for, which fences there are."""

import functools
import re

from disassembly import ROUTINES, register, wide

# Kernels in which a fused multiply-add is written, by source: what they are for.
WRITTEN = {
    "kernels/roofs/roofs.cu": r"\broofs_multiply_add<",
    "kernels/paged_attention/paged.cu": r"\bpaged_(attend|merge)\b",
    "kernels/decoder/decoder.cu":
        r"\bdecoder_((multiply|normalise|place)_rows|swiglu|embed<3>)",
    "kernels/mma/mma.cu": r"\bmma_scalar<",
}


def short(name):
    """A kernel's name without its parameters."""
    depth = 0
    for at, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            return name[:at].replace("void ", "", 1)
    return name


# --- arithmetic ----------------------------------------------------------------------------------

FUSED = re.compile(r"^(FFMA2?|DFMA|HFMA2|FSWZADD)\b")


def fused(instruction):
    """Whether it rounds a product and a sum once. With both factors zero HFMA2 is how a constant
    gets into a register; with a factor of one such an instruction is how halves are added."""
    factors = [o.lstrip("-") for o in instruction.operands[1:-1]]
    zero = [o for o in factors[:2] if o.startswith("RZ")]
    return FUSED.match(instruction.op) is not None and len(zero) < 2 and "1" not in factors


# Integer division takes a float's reciprocal, which is normal, and the units that update floats in
# global memory flush, on every GPU.
FLUSHES = re.compile(r"^(F2I\.FTZ\.U32\.TRUNC|(RED|ATOM)G?\.E\.ADD\.F32\.FTZ\.RN)")


def flushes(instruction):
    return ".FTZ" in instruction.op and not FLUSHES.match(instruction.op)


def of_roots(code):
    """Which instructions multiply by what MUFU.RSQ gave: so nvcc takes a square root, rounded as IEEE
    754 says, of what it has found to be normal before."""
    writer, found = {}, set()
    for at, i in enumerate(code):
        if i.op == "FMUL.FTZ" and any(writer.get(register(o)) == "MUFU.RSQ"
                                      for o in i.operands[1:]):
            found.add(at)
        if i.operands:
            writer[register(i.operands[0])] = i.op
    return found


def arithmetic(functions, written=None):
    """"no FMA, no FTZ", or the worst kernel. Kernels whose names match `written` may have FMAs, and
    must."""
    bad, worst, there = 0, "", set()
    for name, code in functions.items():
        if ROUTINES.search(name):
            continue
        may = written is not None and re.search(written, name)
        roots = of_roots(code)
        wrong = [i for at, i in enumerate(code)
                 if (flushes(i) and at not in roots) or (fused(i) and not may)]
        if may and any(fused(i) for i in code):
            there.add(name)
        elif may:
            wrong.append(None)
        bad += len(wrong)
        if wrong and not worst:
            worst = f"{wrong[0].op if wrong[0] else 'no FMA'} in {short(name)}"
    if bad:
        return f"WRONG: {bad} instructions, such as {worst}"
    if written is not None and not there:
        return f"WRONG: no kernel {written}"
    return "no FMA, no FTZ" if written is None else "FMA where written, no FTZ"


def adds(functions):
    """The same of sums, which add."""
    said = arithmetic(functions)
    added = any(i.op in ("FADD", "DADD") for code in functions.values() for i in code)
    return said if added or said.startswith("WRONG") else \
        "WRONG: no FADD and no DADD: these are no sums"


# --- memory --------------------------------------------------------------------------------------


def fences(functions):
    """MEMBAR.SC, which __threadfence() becomes, puts all fences of a device in one sequence: no
    kernel needs that. A release is MEMBAR.ALL."""
    for name, code in functions.items():
        for instruction in code:
            if instruction.op.startswith("MEMBAR.SC"):
                return f"WRONG: {instruction.op} in {short(name)}"
    return "no MEMBAR.SC"


FLOAT_ATOMIC = re.compile(r"^(RED|ATOM)(G?)\.E\.ADD\.(?:NOFTZ\.)?(F32|F64|B?F16x2)(?=\.)")


def atomics(functions, variant, element):
    """What updates of an element's type are in the kernels of a variant. ATOM and not ATOMG: of an
    address that may be in any memory."""
    element = {"f32": "sum_plain<float>", "f64": "sum_plain<double>",
               "f16": "__half2", "bf16": "__nv_bfloat162"}[element]
    seen, kernels = set(), 0
    for name, code in functions.items():
        if f"atomics_by_{variant}," not in name or element not in name:
            continue
        kernels += 1
        own = {f"{m[1]}{'' if m[1] == 'RED' else m[2]} {m[3]}"
               for m in (FLOAT_ATOMIC.match(i.op) for i in code) if m}
        if any(".CAS." in i.op or ".CAST." in i.op for i in code):
            own.add("CAS")
        seen |= own or {"none"}
    return " and ".join(sorted(seen)) if kernels else "WRONG: no such kernel"


def loads(code, op, width):
    """How many instructions LDG (STG) of so many bits."""
    return sum(i.op.startswith(f"{op}.E") and wide(i.op) == width for i in code)


SUM = re.compile(r"\bsum_tiles<.+, (float|double|__half|__nv_bfloat16), "
                 r"\w+, (\d+), (true|false)>\(")
SUM_BYTES = {"float": 4, "double": 8, "__half": 2, "__nv_bfloat16": 2}


def wide_sums(functions):
    """A kernel of N items has the loads of every vector that its plan may name, one after another:
    4 elements or 16 bytes at once where N has them, 2, and 1."""
    kernels, wrong = 0, []
    for name, code in functions.items():
        found = SUM.search(name)
        if not found:
            continue
        kernels += 1
        size, items = SUM_BYTES[found[1]], int(found[2])
        inputs = 2 if found[3] == "true" else 1
        for vector in (1, 2, 4):
            bytes_at_once = min(16, vector * size)
            want = inputs * items * size // bytes_at_once
            there = loads(code, "LDG", 8 * bytes_at_once)
            if vector <= items and there < want:
                wrong.append(f"{there} of {want} loads of {bytes_at_once} bytes in {short(name)}")
    if wrong:
        return f"WRONG: {len(wrong)}, such as {wrong[0]}"
    return "as wide as written" if kernels else "WRONG: no such kernel"


ROOFS = re.compile(r"\broofs_(read|write|copy)<(\d)>\(")


def wide_roofs(functions):
    """Each stream of a memory kernel is 16 bytes at once."""
    wrong, kernels = [], 0
    for name, code in functions.items():
        found = ROOFS.search(name)
        if not found:
            continue
        kernels += 1
        for op in {"read": ["LDG"], "write": ["STG"], "copy": ["LDG", "STG"]}[found[1]]:
            narrow = [i.op for i in code if i.op.startswith(op) and wide(i.op) < 128]
            if loads(code, op, 128) < int(found[2]) or narrow:
                wrong.append(f"{loads(code, op, 128)} {op}.128 in {short(name)}")
    if wrong:
        return f"WRONG: {len(wrong)}, such as {wrong[0]}"
    return "16 bytes at once" if kernels == 12 else f"WRONG: {kernels} of 12 kernels"


def loops(code):
    """(first, last) of what a backward branch repeats, innermost ones: none lies in another."""
    found = []
    for last, instruction in enumerate(code):
        target = re.match(r"`\((\.L_\w+)\)", instruction.operands[-1]) \
            if instruction.op.startswith("BRA") else None
        first = code.labels.get(target[1]) if target else None
        if first is not None and first < last:
            found.append((first, last))
    return [a for a in found if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in found)]


def chase(functions):
    """The unrolled loop of the walk: loads, each of an address that the one before has loaded, the
    first of it that of the last, and nothing else that touches memory."""
    code = next((c for n, c in functions.items() if "chase_walk_kernel" in n), None)
    if code is None:
        return "WRONG: no such kernel"
    best = []
    for first, last in loops(code):
        body = [i for i in code[first:last] if re.match(r"(LD|ST|RED|ATOM|CS2R|S2U?R|CALL)", i.op)]
        if len(body) > len(best):
            best = body
    if any(not i.op.startswith("LDG.E.64") for i in best):
        return f"WRONG: {[i.op for i in best]}"
    addresses = [re.search(r"\[(R\d+)", i.operands[-1]) for i in best]
    for k, address in enumerate(addresses):
        before = register(best[k - 1].operands[0])
        if not address or register(address[1]) != before:
            return f"WRONG: load {k} is not of what the one before it loaded"
    return f"a loop of {len(best)} loads, each of what the one before it loaded"


# --- rows ----------------------------------------------------------------------------------------

# CUDA's own atomicAdd of a pair asks for the old value whoever uses it; pairs of bfloat16 have
# instructions since Hopper, and before it a loop of compare and swap on the pair.
LOOP = {"75 80 86 89": "CAS"}
ATOMICS = {
    ("plain", "f32"): {"": "RED F32"},
    ("plain", "f64"): {"": "RED F64"},
    ("plain", "f16"): {"": "RED F16x2"},
    ("plain", "bf16"): {**LOOP, "": "RED BF16x2"},
    ("log", "f32"): {"": "ATOMG F32"},
    ("log", "f64"): {"": "ATOMG F64"},
    ("log", "f16"): {"": "ATOMG F16x2"},
    ("log", "bf16"): {**LOOP, "": "ATOMG BF16x2"},
}


def rows_of(source, prefix=""):
    """What is so of every source of kernels."""
    written = WRITTEN.get(source)
    says = "no FMA, no FTZ" if written is None else "FMA where written, no FTZ"
    return [(f"{prefix}arithmetic", {"": says}, functools.partial(arithmetic, written=written)),
            (f"{prefix}fences", {"": "no MEMBAR.SC"}, fences)]


SUMS = [("arithmetic", {"": "no FMA, no FTZ"}, adds), ("fences", {"": "no MEMBAR.SC"}, fences),
        ("loads", {"": "as wide as written"}, wide_sums)]
UPDATES = [*rows_of("kernels/atomics/atomics.cu"),
           *[(f"{element} {variant}", expected,
              functools.partial(atomics, variant=variant, element=element))
             for (variant, element), expected in ATOMICS.items()]]
ROOFS_ROWS = [*rows_of("kernels/roofs/roofs.cu"),
              ("loads", {"": "16 bytes at once"}, wide_roofs)]
CHASE = [*rows_of("kernels/chase/chase.cu"),
         ("loads", {"": "a loop of 8 loads, each of what the one before it loaded"}, chase)]
# Not the one that shows what instructions of the SIMT machine are: FMAs and fences are its subject.
OTHERS = ["kernels/allreduce/allreduce.cu", "kernels/decoder/decoder.cu",
          "kernels/mma/mma_probe.cu", "kernels/mma/mma_slices.cu",
          "kernels/paged_attention/paged.cu", "kernels/ranks/ranks_gpu.cu"]
