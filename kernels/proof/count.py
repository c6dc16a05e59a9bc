"""Counts bank conflicts and memory sectors of the hot kernels on the simulated device.

    kernels/sim/build.sh DIR && python kernels/proof/count.py DIR            # compares
    python kernels/proof/count.py DIR --write                                # writes counters.tsv

Runs each kernel once, in float16, at a shape that fills whole tiles and is small: what a warp asks
for does not depend on how many warps there are. Needs g++ for the simulated device, no GPU.
"""

import argparse
import ctypes
import json
import os
import random
import sys
import tempfile
from math import ceil
from pathlib import Path

import instances

PATH = instances.KERNELS / "proof" / "counters.tsv"


class Device:
    """The driver and NVRTC of a folder, called directly."""

    def __init__(self, folder: Path, headers: list[str]):
        self.driver = ctypes.CDLL(str(folder / "libcuda.so.1"))
        self.nvrtc = ctypes.CDLL(str(folder / "libnvrtc.so.13"))
        self.headers = [(h.encode(), (instances.KERNELS / h).read_bytes()) for h in headers]
        self.modules: dict = {}
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.stream = ctypes.c_void_p()
        self.check(self.driver.cuInit(0))
        self.check(self.driver.cuDeviceGet(ctypes.byref(device), 0))
        self.check(self.driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
        self.check(self.driver.cuCtxSetCurrent(context))
        self.check(self.driver.cuStreamCreate(ctypes.byref(self.stream), 0))

    @staticmethod
    def check(status: int):
        if status:
            raise SystemExit(f"the simulated device gives error {status}")

    def memory(self, count: int, size: int = 2) -> int:
        """Elements with small numbers in them; zeros where they are not of 2 bytes."""
        data = bytes(count * size)
        if size == 2:
            # float16 numbers of both signs between 2^-4 and 2^-1
            words = (0x2C00 + random.getrandbits(11) | random.getrandbits(1) << 15 for _ in range(count))
            data = b"".join(w.to_bytes(2, "little") for w in words)
        address = ctypes.c_uint64()
        self.check(self.driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(len(data))))
        self.check(
            self.driver.cuMemcpyHtoD_v2(address, ctypes.c_char_p(data), ctypes.c_size_t(len(data)))
        )
        return address.value

    def kernel(self, instance):
        unit = instances.unit(instance, "1" if "1" in instance.types else "-")
        if unit not in self.modules:
            program = ctypes.c_void_p()
            n = len(self.headers)
            names = (ctypes.c_char_p * n)(*[h for h, _ in self.headers])
            texts = (ctypes.c_char_p * n)(*[t for _, t in self.headers])
            source = (instances.KERNELS / unit.file).read_bytes()
            create = self.nvrtc.nvrtcCreateProgram
            self.check(
                create(ctypes.byref(program), source, unit.file.encode(), n, texts, names)
            )
            options = ["--std=c++17", "--gpu-architecture=sm_90", *unit.options]
            encoded = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
            self.check(self.nvrtc.nvrtcCompileProgram(program, len(options), encoded))
            size = ctypes.c_size_t()
            self.check(self.nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size)))
            image = ctypes.create_string_buffer(size.value)
            self.check(self.nvrtc.nvrtcGetCUBIN(program, image))
            module = ctypes.c_void_p()
            self.check(self.driver.cuModuleLoadData(ctypes.byref(module), image))
            self.modules[unit] = module
        function = ctypes.c_void_p()
        self.check(
            self.driver.cuModuleGetFunction(
                ctypes.byref(function), self.modules[unit], instance.entry.encode()
            )
        )
        return function

    def run(self, instance, grid, arguments, shared=None):
        """Arguments: (ctypes type, value) pairs, or integers for 32 bits and floats for float32."""
        function = self.kernel(instance)
        shared = instance.shared if shared is None else shared
        if shared > 48 * 1024:
            self.check(self.driver.cuFuncSetAttribute(function, 8, shared))
        values = [
            a if isinstance(a, ctypes._SimpleCData)
            else ctypes.c_float(a) if isinstance(a, float) else ctypes.c_int(a)
            for a in arguments
        ]  # fmt: skip
        block = (ctypes.c_void_p * len(values))(
            *[ctypes.cast(ctypes.pointer(v), ctypes.c_void_p) for v in values]
        )
        sizes = [ctypes.c_uint(x) for x in (*grid, *(1,) * (3 - len(grid)), instance.threads, 1, 1)]
        self.check(
            self.driver.cuLaunchKernel(
                function, *sizes, ctypes.c_uint(shared), self.stream, block, None
            )
        )
        self.check(self.driver.cuStreamSynchronize(self.stream))


def p(address: int):
    return ctypes.c_uint64(address)


def q(value: int):
    return ctypes.c_int64(value)


def attention(d, i, name):
    size = int(name.split("_d")[1].split("_")[0])
    bm = i.macro("BM") if "wide" not in name else 64
    rows, keys = bm, 128
    tensors = [d.memory(n * size) for n in (rows, keys, keys)]
    strides = [x for n in (rows, keys, keys, rows) for x in (q(n * size), size, size)]
    out = d.memory(rows * size)
    masks = [q(0)] * 4
    d.run(i, (1, 1, 1), [*map(p, tensors), p(0), p(out), rows, keys, *strides, *masks, 0.125])


def gemm(d, i, name):
    m, n, k = i.macro("BM"), i.macro("BN"), 128
    wide = n
    n = n // 2 if i.macro("GEGLU") else n
    a, b, c = d.memory(m * k), d.memory(k * wide), d.memory(m * n)
    ldb = k if i.macro("BT") else wide
    d.run(
        i,
        (1, 1, 1),
        [p(a), p(b), p(0), p(0), p(c), m, n, k, k, ldb, n, n, 1, *[q(0)] * 8, 1.0],
    )


def conv(d, i, name):
    side, c, k = 16, 64, 128
    x, w, y = d.memory(side * side * c), d.memory(9 * c * k), d.memory(side * side * k)
    blocks = (side * side // i.macro("BM"), k // i.macro("BN"), 1)
    shape = [1, side, side, c, c, k, k, k, 3, 3, side, side, 1, 1, 1, 1, 1, 1, 1, 1]
    d.run(i, blocks, [p(x), p(w), p(0), p(0), p(y), *shape])


def group_norm(d, i, name):
    positions, channels, groups = 64, 320, 32
    x, y = d.memory(positions * channels), d.memory(positions * channels)
    gamma, beta = d.memory(channels, 4), d.memory(channels, 4)
    partial = d.memory(2 * groups * 2, 4)
    if "fused" in name:
        shared = 4 * 10 * (positions * 2 + 16) + 8 * 4 + 16
        d.run(
            i,
            (8, 1),
            [p(x), p(0), p(gamma), p(beta), p(0), p(0), p(y), positions, channels, groups, 4]
            + [channels, channels, 0, 0, 0, 1e-5],
            shared,
        )
    elif "stats" in name:
        d.run(
            i,
            (2, 1),
            [p(x), p(0), p(partial), positions, channels, groups, channels, 0, 32],
            8 * channels,
        )
    else:
        d.run(
            i,
            (4, 1),
            [p(x), p(0), p(gamma), p(beta), p(0), p(0), p(partial), p(y), positions, channels]
            + [groups, channels, channels, 0, 0, 0, 32, 16, 1e-5],
            8 * channels + 8 * groups,
        )


def layer_norm(d, i, name):
    rows, width = 8, 320
    x, y = d.memory(rows * width), d.memory(rows * width)
    gamma = d.memory(width, 4)
    d.run(i, (2,), [p(x), p(gamma), p(gamma), p(y), rows, width, width, width, 1e-5])


def geglu(d, i, name):
    rows, width = 8, 320
    x, y = d.memory(rows * width * 2), d.memory(rows * width)
    d.run(i, (ceil(rows * width / 8 / 256),), [p(x), p(y), rows, width, 2 * width, width])


def transpose(d, i, name):
    x, y = d.memory(64 * 96), d.memory(64 * 96)
    d.run(i, (3, 2, 1), [p(x), p(y), 64, 96, 96, 64, q(0), q(0)])


def step(d, i, name):
    channels, pixels = 4, 1024
    n = channels * pixels
    x, z, r, to = d.memory(n, 4), d.memory(2 * n), d.memory(2 * n), d.memory(2 * n)
    table, counter = d.memory(32, 4), d.memory(2, 4)
    pointers = [x, z, r, 0, d.memory(3 * n, 4), 0, to, 0, 0, 0, table, counter, 0]
    d.run(
        i,
        (n // 4 // 256,),
        [*map(p, pointers), 1, channels, pixels, 2, channels, 0, 0, 0, 0, 0, 0, q(1)],
    )


KERNELS = {
    "attention_d40": attention,
    "attention_d64": attention,
    "attention_d80": attention,
    "attention_d160": attention,
    "attention_wide_d512": attention,
    "gemm_128x128": gemm,
    "gemm_64x64_bt": gemm,
    "gemm_128x128_geglu": gemm,
    "gemm_32x32": gemm,
    "conv_128x128": conv,
    "conv_64x64": conv,
    "group_norm_fused_silu_vec8": group_norm,
    "group_norm_stats_vec8": group_norm,
    "group_norm_apply_silu_vec8": group_norm,
    "layer_norm_vec8": layer_norm,
    "geglu_vec8": geglu,
    "transpose_half_half": transpose,
    "residual_feedback_step_nhwc": step,
    "residual_feedback_step_nchw": step,
}


def count(folder: Path, name: str) -> dict:
    """Counters of one kernel, in a process of its own that ends with writing them."""
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "counters.json"
        pid = os.fork()
        if pid == 0:
            os.environ |= {"MORSE_SIM_CHECK": "1", "MORSE_SIM_COUNTERS": str(file)}
            random.seed(1)
            headers, shipped = instances.read()
            instance = next(i for i in shipped if i.name == name)
            KERNELS[name](Device(folder, headers), instance, name)
            sys.stdout.flush()
            # Through libc's exit, since the simulated device writes when its library is unloaded.
            ctypes.CDLL(None).exit(0)
        _, status = os.waitpid(pid, 0)
        if status:
            raise SystemExit(f"{name} does not run on the simulated device")
        return json.loads(file.read_text())


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path, help="what kernels/sim/build.sh built")
    arguments.add_argument("--write", action="store_true", help="write counters.tsv")
    options = arguments.parse_args()
    lines = [
        "# Written by count.py: what the simulated device counted at small shapes, in float16.",
        "\t".join(
            ["kernel", "shared requests", "cycles", "without conflicts"]
            + ["global requests", "sectors", "fewest"]
        ),
    ]
    for name in KERNELS:
        lines.append("\t".join([name, *map(str, figures(count(options.folder, name)))]))
        print(lines[-1])
    text = "\n".join(lines) + "\n"
    if options.write:
        PATH.write_text(text)
    elif PATH.read_text() != text:
        print("kernels/proof/counters.tsv is stale: run count.py --write", file=sys.stderr)
        return 1
    return 0


def figures(counted: list[dict]) -> list[int]:
    """Requests, cycles and ideal of shared memory, then the same of global memory."""
    (kernel,) = counted
    return [
        kernel[place + "_loads"][key] + kernel[place + "_stores"][key]
        for place, unit in (("shared", "cycles"), ("global", "sectors"))
        for key in ("requests", unit, "ideal")
    ]


if __name__ == "__main__":
    sys.exit(main())
