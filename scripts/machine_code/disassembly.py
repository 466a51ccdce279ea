"""Machine code as lists of instructions, and where it comes from: objects of the build, or nvcc."""

import collections
import ctypes
import glob
import os
import re
import shlex
import shutil
import struct
import subprocess
import tempfile

HOME = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
BITS = "-fmad=false -ftz=false -prec-div=true -prec-sqrt=true"  # as in the Makefile
ARCHS = ["75", "80", "86", "89", "90", "90a", "100", "120"]


class Usage(Exception):
    """A line for the user; exit status 2."""


class Missing(Exception):
    """A tool that is not here; exit status 77."""


# --- instructions --------------------------------------------------------------------------------

# `op` is all of it ("HMMA.16816.F32"), `operands` are texts ("R4", "R8.reuse", "RZ").
Instruction = collections.namedtuple("Instruction", "op operands")
CODE = re.compile(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ +)?([A-Z][\w.]*)([^;]*);")
OTHER = re.compile(r"^\s*/\*[0-9a-f]{4,}\*/")  # none may be overlooked
# The compiler's subroutines that round as IEEE has it by way of FMAs, and are right.
ROUTINES = re.compile(r"\$__cuda_sm\w+?_(div|rcp|d?sqrt)_")


class Function(list):
    """The instructions of a function, and where its labels are."""

    def __init__(self):
        super().__init__()
        self.labels = {}


def demangled(names):
    said = subprocess.run(["c++filt"], input="\n".join(names), stdout=subprocess.PIPE, text=True,
                          check=True).stdout.splitlines()
    return [name.replace("(anonymous namespace)::", "") for name in said]


def parse(text):
    """{demangled name: Function} of nvdisasm's text; divisions and roots by their own names."""
    functions, own, code = {}, None, None
    for line in text.splitlines():
        found = CODE.match(line)
        if found:
            code.append(Instruction(found[1], [part.strip() for part in found[2].split(",")]))
        elif line.startswith(".text."):
            own = code = functions.setdefault(line[6:].rstrip(": "), Function())
        elif line.startswith("$") and own is not None:  # a subroutine, which is the function's own
            apart = ROUTINES.search(line)
            code = functions.setdefault(line.rstrip(": "), Function()) if apart else own
        elif line.startswith(".L_") and code is not None:
            code.labels[line.rstrip(": ")] = len(code)
        elif OTHER.match(line):
            raise Usage(f"nvdisasm's line is in no form known here: {line.strip()}")
    return dict(zip(demangled(functions), functions.values()))


def register(operand):
    """The number of "R12.reuse"; None for RZ, constants and addresses."""
    found = re.match(r"^[-|~]*R(\d+)\b", operand)
    return int(found[1]) if found else None


def is_matrix(op):
    return re.match(r"^[A-Z]+MMA\.", op) is not None


def width_of_result(op):
    """How many registers an instruction's first operand is."""
    if is_matrix(op):  # a step of Volta's shape makes two of eight
        return 4 if ".F32" in op and ".STEP" not in op else 2
    for width, mark in ((4, ".128"), (2, ".64"), (2, ".WIDE")):
        if mark in op:
            return width
    return 1


def wide(op):
    """Bits of a load or store."""
    found = re.search(r"\.(?:[US](8|16)|(64|128))(?:\.|$)", op)
    return int(found[1] or found[2]) if found else 32


def flow(code):
    """For each instruction what wrote what it reads: yields (index, instruction, writer), where
    writer(register number) is an index of `code`, or -1 for what the text does not say. Right
    for straight code and for what lies within one pass of a loop."""
    last = {}
    for index, instruction in enumerate(code):
        yield index, instruction, lambda number: last.get(number, -1)
        first = register(instruction.operands[0]) if instruction.operands else None
        if first is not None:
            for number in range(first, first + width_of_result(instruction.op)):
                last[number] = index


# --- cubins --------------------------------------------------------------------------------------


def unpacked(body):
    """A cubin as it is, from zstd (as nvcc packs what is large), or None: packed otherwise."""
    if body[:4] == b"\x7fELF":
        return body
    if body[:4] != b"\x28\xb5\x2f\xfd":
        return None
    try:
        zstd = ctypes.CDLL("libzstd.so.1")  # gcc needs it, too
    except OSError:
        return None
    size = ctypes.c_size_t
    zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    zstd.ZSTD_findFrameCompressedSize.restype = zstd.ZSTD_decompress.restype = size
    length = zstd.ZSTD_getFrameContentSize(body, size(len(body)))
    if length > 1 << 30:  # also what stands for "unknown"
        return None
    packed = zstd.ZSTD_findFrameCompressedSize(body, size(len(body)))
    if packed > len(body):  # an error
        return None
    room = ctypes.create_string_buffer(length)
    done = zstd.ZSTD_decompress(room, size(length), body, size(packed))
    return room.raw if done == length else None


def cubins_of(path):
    """{"90": bytes} of the cubins in an object's fat binaries."""
    with open(path, "rb") as file:
        data = file.read()
    found, at = {}, 0
    while True:
        at = data.find(struct.pack("<I", 0xBA55ED50), at)
        if at < 0:
            return found
        _, header, size = struct.unpack_from("<HHQ", data, at + 4)
        entry, end = at + header, at + header + size
        while entry + 32 <= end <= len(data):
            kind, _, head, length = struct.unpack_from("<HHIQ", data, entry)
            body = data[entry + head:entry + head + length]
            cubin = unpacked(body) if kind == 2 else None  # 1 is PTX
            if cubin:
                found[str(struct.unpack_from("<I", data, entry + 28)[0])] = cubin
            entry += head + length
        at += 4


def nvcc():
    candidates = [os.environ.get("NVCC"), shutil.which("nvcc"), "/usr/local/cuda/bin/nvcc"]
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return path
    raise Missing("no nvcc here")


def nvdisasm(compiler):
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    installed = glob.glob(os.path.join(cache, "nanolab/nvdisasm-*/nvidia/*/bin/nvdisasm"))
    beside = os.path.join(os.path.dirname(os.path.realpath(compiler)), "nvdisasm")
    for path in [os.environ.get("NVDISASM"), shutil.which("nvdisasm"), beside,
                 *sorted(installed, reverse=True)]:
        if path and os.access(path, os.X_OK):
            return path
    raise Missing("no nvdisasm here; scripts/install-deps --test brings it")


class Compiled(dict):
    """A source on an architecture, {name: Function}, and what ptxas reported of its kernels,
    {name: (registers, bytes spilled to memory, bytes loaded again)}."""

    def __init__(self, text, report, source, arch):
        super().__init__(parse(text) if text else {})
        self.source, self.arch, self.registers = source, arch, {}
        names, kernel, spills = [], None, (0, 0)
        for line in report.splitlines():
            found = re.search(r"Compiling entry function '(.+)' for 'sm_(\w+)'", line)
            if found:
                kernel = found[1] if found[2] == arch else None
            found = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line)
            if found:
                spills = (int(found[1]), int(found[2]))
            found = re.search(r"Used (\d+) registers", line)
            if found and kernel:
                names.append(kernel)
                self.registers[kernel] = (int(found[1]), *spills)
                kernel = None
        self.registers = dict(zip(demangled(names), self.registers.values()))


class Code:
    """The functions of a source file on an architecture."""

    def __init__(self, flags, built):
        self.nvcc = nvcc()
        self.nvdisasm = nvdisasm(self.nvcc)
        self.flags = BITS if flags is None else flags
        self.use_objects = flags is None
        self.built = built
        self.objects = {}

    def release(self):
        """"13.0"."""
        said = subprocess.run([self.nvcc, "--version"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        found = re.search(r"release ([\d.]+)", said)
        return found[1] if found else "unknown"

    def archs(self):
        """Those we know that this nvcc knows."""
        said = subprocess.run([self.nvcc, "--list-gpu-code"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        return [arch for arch in ARCHS if f"sm_{arch.rstrip('a')}\n" in said + "\n"]

    def from_object(self, source, arch):
        """(cubin, ptxas' report) of the build, if newer than its source, or None."""
        build = os.path.join(HOME, os.environ.get("B") or os.environ.get("NANOLAB_BUILD") or
                             "build")
        for path in glob.glob(os.path.join(build, "obj", source + ".cuda-*.o")):
            if path.endswith("90a.o") != (arch == "90a"):
                continue
            if os.path.getmtime(path) > os.path.getmtime(os.path.join(HOME, source)):
                if path not in self.objects:
                    self.objects[path] = cubins_of(path)
                if arch.rstrip("a") in self.objects[path]:
                    with open(path[:-len("o")] + "ptxas", encoding="utf-8") as file:
                        return self.objects[path][arch.rstrip("a")], file.read()
        return None

    def functions(self, source, arch, disassemble):
        """Compiled, which is empty but for registers where it need not be disassembled; None where
        it is not built and may not be compiled."""
        with tempfile.TemporaryDirectory(prefix="machine-code-") as folder:
            cubin = os.path.join(folder, "cubin")
            built = self.from_object(source, arch) if self.use_objects else None
            if built:
                with open(cubin, "wb") as file:
                    file.write(built[0])
                report = built[1]
            elif self.built and not source.startswith("scripts/"):
                return None
            else:
                done = subprocess.run(
                    [self.nvcc, "-std=c++17", "-O3", *shlex.split(self.flags), f"-arch=sm_{arch}",
                     "-I" + HOME, "-Xptxas", "-v", "-cubin", os.path.join(HOME, source),
                     "-o", cubin],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
                if done.returncode:
                    raise Usage(f"{source} does not compile for sm_{arch}:\n{done.stdout}")
                report = done.stdout
            if not disassemble:
                return Compiled("", report, source, arch)
            done = subprocess.run([self.nvdisasm, "-c", cubin], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                raise Usage(f"nvdisasm does not read {source} of sm_{arch}: {done.stderr}")
            return Compiled(done.stdout, report, source, arch)
