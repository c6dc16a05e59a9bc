"""Times PyTorch at the shapes of KernelTimes by CUDA events; prints "peer NAME SHAPE MICROS", tabs between."""

import math
import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit("no torch in this Python")
if not torch.cuda.is_available():
    sys.exit("torch sees no GPU")

RUNS, LAUNCHES = 7, 20
HALF = dict(device="cuda", dtype=torch.float16)


def random(*shape, **options):
    return torch.randn(*shape, **(options or HALF))


def measure(name, shape, function):
    function()
    times = []
    for _ in range(RUNS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(LAUNCHES):
            function()
        end.record()
        torch.cuda.synchronize()
        times.append(1000 * start.elapsed_time(end) / LAUNCHES)
    print("peer", name, shape, f"{sorted(times)[RUNS // 2]:.2f}", sep="\t", flush=True)


def gemm(name, m, n, k):
    x, w, b = random(m, k), random(n, k) / math.sqrt(k), random(n)
    measure(name, f"{m}x{n}x{k}", lambda: F.linear(x, w, b))


def geglu_gemm(m, n, k):
    x, w, b = random(m, k), random(2 * n, k) / math.sqrt(k), random(2 * n)

    def run():
        a, g = F.linear(x, w, b).chunk(2, dim=-1)
        return a * F.gelu(g)

    measure("gemm_128x128_geglu", f"{m}x{n}x{k}", run)


def conv(name, side, c, k, dtype=torch.float16):
    options = dict(device="cuda", dtype=dtype)
    x = random(2, c, side, side, **options).to(memory_format=torch.channels_last)
    w = (random(k, c, 3, 3, **options) / math.sqrt(9 * c)).to(memory_format=torch.channels_last)
    b = random(k, **options)
    measure(name, f"2x{side}x{side}x{c}-{k}x3", lambda: F.conv2d(x, w, b, padding=1))


def attention(name, heads, queries, keys, d):
    q, k, v = (random(2, n, heads, d).transpose(1, 2) for n in (queries, keys, keys))
    measure(
        name, f"2x{heads}x{queries}x{keys}x{d}", lambda: F.scaled_dot_product_attention(q, k, v)
    )


def main():
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    with torch.inference_mode():
        gemm("gemm_128x128", 4096, 4096, 4096)
        gemm("gemm_64x64", 8192, 320, 320)
        gemm("gemm_32x32", 154, 320, 320)
        geglu_gemm(8192, 1280, 320)
        conv("conv_128x128", 64, 320, 320)
        conv("conv_64x64", 16, 1280, 1280)
        conv("conv_plain", 16, 320, 320, torch.float32)
        attention("attention_d40", 8, 4096, 4096, 40)
        attention("attention_d40", 8, 4096, 77, 40)
        attention("attention_d64", 10, 4096, 4096, 64)
        attention("attention_d80_short", 8, 1024, 1024, 80)
        attention("attention_wide_d512", 1, 4096, 4096, 512)
        for name, positions, c in (
            ("group_norm_apply_silu_vec8", 16384, 320),
            ("group_norm_fused_silu_vec8", 256, 1280),
        ):
            side = math.isqrt(positions)
            x = random(2, c, side, side).to(memory_format=torch.channels_last)
            g, b = random(c), random(c)
            measure(name, f"2x{positions}x{c}", lambda: F.silu(F.group_norm(x, 32, g, b)))
        x, g, b = random(8192, 320), random(320), random(320)
        measure("layer_norm_vec8", "8192x320", lambda: F.layer_norm(x, (320,), g, b))
        measure("softmax_rows", "8192x320", lambda: F.softmax(x, -1))
        measure("reduce_mean_block", "8192x320", lambda: x.mean(-1))
        wide = random(8192, 2560)

        def geglu():
            a, gate = wide.chunk(2, dim=-1)
            return a * F.gelu(gate)

        measure("geglu_vec8", "8192x1280", geglu)
        image = random(2, 320, 64, 64).to(memory_format=torch.channels_last)
        shape = "2x64x64x320"
        measure("resize_nearest_vec8", shape, lambda: F.interpolate(image, scale_factor=2.0))
        measure("depth_to_space", shape, lambda: F.pixel_shuffle(image, 2))
        measure("pool_average", shape, lambda: F.avg_pool2d(image, 2))
        planes = random(2, 320, 4096)
        measure("transpose_half_half", "2x320x4096", lambda: planes.transpose(1, 2).contiguous())


main()
