"""nvcc and NVRTC from the pip wheels, and what ptxas says of each kernel.

A result is {entry: {"registers", "shared", "stack", "spill_stores", "spill_loads"}}.
"""

import ctypes
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

from instances import KERNELS, Unit

ARCHITECTURES = ("sm_80", "sm_90a", "sm_100a")

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"', re.MULTILINE)
_ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
_STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")


def toolkit() -> Path:
    """Where the wheels put CUDA 13; MORSE_CUDA_TOOLKIT names another such folder."""
    named = os.environ.get("MORSE_CUDA_TOOLKIT")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("nvidia")
    for place in spec.submodule_search_locations if spec else ():
        if (Path(place) / "cu13" / "bin" / "nvcc").exists():
            return Path(place) / "cu13"
    raise SystemExit("nvcc is not there: pip install -r kernels/proof/requirements.txt")


def included(file: str) -> list[str]:
    """A source and all that it includes, sorted."""
    found, open_files = set(), [file]
    while open_files:
        name = open_files.pop()
        if name not in found:
            found.add(name)
            open_files += _INCLUDE.findall((KERNELS / name).read_text())
    return sorted(found)


def version() -> str:
    text = subprocess.run(
        [toolkit() / "bin" / "nvcc", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return re.search(r"V([\d.]+)", text).group(1)


def parse(log: str) -> dict[str, dict[str, dict[str, int]]]:
    """{architecture: {entry: figures}} from ptxas -v."""
    out: dict[str, dict[str, dict[str, int]]] = {}
    figures: dict[str, int] | None = None
    for line in log.splitlines():
        if m := _ENTRY.search(line):
            figures = out.setdefault(m.group(2), {}).setdefault(m.group(1), {"shared": 0})
        elif figures is not None:
            if m := _STACK.search(line):
                figures["stack"], figures["spill_stores"], figures["spill_loads"] = map(
                    int, m.groups()
                )
            elif m := _USED.search(line):
                figures["registers"] = int(m.group(1))
                if s := _SHARED.search(line):
                    figures["shared"] = int(s.group(1))
                figures = None
    return out


def nvcc(unit: Unit) -> dict:
    """All architectures by one run of nvcc."""
    targets = [
        f"--generate-code=arch={a.replace('sm', 'compute')},code={a}" for a in ARCHITECTURES
    ]
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [toolkit() / "bin" / "nvcc", "-std=c++17", *targets, "-fatbin", "-Xptxas", "-v"]
            + ["-Werror", "all-warnings", f"-I{KERNELS}", *unit.options, KERNELS / unit.file]
            + ["-o", Path(folder) / "out.fatbin"],
            capture_output=True,
            text=True,
        )
    if run.returncode:
        raise RuntimeError(f"nvcc {unit.file} {' '.join(unit.options)}:\n{run.stdout}{run.stderr}")
    return parse(run.stdout + run.stderr)


class Nvrtc:
    """NVRTC as the engine calls it: sources and headers by name, no include folder."""

    def __init__(self, headers: list[str]):
        self.library = ctypes.CDLL(str(toolkit() / "lib" / "libnvrtc.so.13"))
        self.headers = [(h.encode(), (KERNELS / h).read_bytes()) for h in headers]

    def compile(self, unit: Unit) -> dict:
        out = {}
        for architecture in ARCHITECTURES:
            out |= parse(self._log(unit, architecture))
        return out

    def _log(self, unit: Unit, architecture: str) -> str:
        n = len(self.headers)
        names = (ctypes.c_char_p * n)(*[h for h, _ in self.headers])
        texts = (ctypes.c_char_p * n)(*[t for _, t in self.headers])
        program = ctypes.c_void_p()
        source = (KERNELS / unit.file).read_bytes()
        self.library.nvrtcCreateProgram(
            ctypes.byref(program), source, unit.file.encode(), n, texts, names
        )
        options = ["--std=c++17", f"--gpu-architecture={architecture}", "--ptxas-options=-v"]
        options += unit.options
        encoded = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
        status = self.library.nvrtcCompileProgram(program, len(options), encoded)
        size = ctypes.c_size_t()
        self.library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self.library.nvrtcGetProgramLog(program, log)
        self.library.nvrtcDestroyProgram(ctypes.byref(program))
        text = log.value.decode()
        if status or "warning" in text:
            raise RuntimeError(f"NVRTC {unit.file} {' '.join(options)}: {status}\n{text}")
        return text


_nvrtc: Nvrtc | None = None


def compile_unit(task: tuple[Unit, list[str], str, bool]) -> tuple[Unit, list[dict]]:
    """Compiles a unit by NVRTC, and by nvcc if asked; results are kept by all that goes in."""
    unit, headers, compiler, by_nvcc = task
    parts = [compiler, *ARCHITECTURES, unit.file, *unit.options]
    if not by_nvcc:
        parts.append("NVRTC")
    digest = hashlib.sha256("\0".join(parts).encode())
    for file in included(unit.file):
        digest.update((KERNELS / file).read_bytes() + b"\0")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "morse" / "proof"
    kept = cache / f"{digest.hexdigest()}.json"
    if kept.exists():
        return unit, json.loads(kept.read_text())
    global _nvrtc
    if _nvrtc is None:
        _nvrtc = Nvrtc(headers)
    result = ([nvcc(unit)] if by_nvcc else []) + [_nvrtc.compile(unit)]
    cache.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(result))
    part.rename(kept)
    return unit, result
