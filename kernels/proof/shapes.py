"""The shapes of the cards: what the models that matter ask of each kernel, in float16.

Bytes are those that must move, each tensor once; FLOPs those that the operator needs. What a kernel
does beyond that (padded tiles) is its efficiency.
"""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Shape:
    model: str
    what: str
    instance: str
    blocks: int
    flops: float
    bytes: float
    efficiency: float = 1.0  # FLOPs needed / FLOPs done
    exponentials: float = 0.0
    tensor: bool = True  # FLOPs run on the tensor cores
    dynamic: int = 0  # shared bytes, where the instance has a formula


def attention(model, what, batch, heads, queries, keys, d):
    if d > 160:
        name, bm, bn = f"attention_wide_d{d}", 64, 32
    else:
        long = d <= 80 and batch * heads * ceil(queries / 128) >= 132
        name = f"attention_d{d}" + ("" if long or d > 80 else "_short")
        bm, bn = (128 if long else 64), (64 if d <= 80 else 32)
    tail = keys % bn
    # Whole tiles, and the last one by sixteens (the wide kernel computes all of it).
    done = keys - tail + (0 if tail == 0 else bn if d > 160 else ceil(tail / 16) * 16)
    rows = ceil(queries / bm) * bm
    n = batch * heads
    return Shape(
        model,
        f"attention {what}: {n} heads of {d}, {queries} x {keys}",
        name,
        n * ceil(queries / bm),
        4.0 * n * queries * keys * d,
        2.0 * n * d * (2 * queries + 2 * keys),
        queries * keys / (rows * done),
        float(n * queries * keys),
    )


def tile(m, n):
    """The largest tile that gives enough blocks for an H200, as the backend chooses it."""
    if ceil(m / 128) * ceil(n / 128) >= 132:
        return 128
    return 64 if ceil(m / 64) * ceil(n / 64) >= 66 else 32


def conv(model, what, batch, side, c, k, r=3, stride=1):
    m = batch * (side // stride) ** 2
    t = tile(m, k)
    depth = r * r * c
    return Shape(
        model,
        f"convolution {what}: {r} x {r}, {side} x {side}, {c} to {k}, batch {batch}",
        f"conv_{t}x{t}",
        ceil(m / t) * ceil(k / t),
        2.0 * m * k * depth,
        2.0 * (batch * side * side * c + k * depth + m * k),
        m * k * depth / (ceil(m / t) * t * ceil(k / t) * t * ceil(depth / 32) * 32),
    )


def gemm(model, what, m, n, k, geglu=False):
    wide = 2 * n if geglu else n
    t = tile(m, wide)
    return Shape(
        model,
        f"product {what}: {m} x {n} x {k}" + (", GEGLU" if geglu else ""),
        f"gemm_{t}x{t}" + ("_geglu" if geglu else ""),
        ceil(m / t) * ceil(wide / t),
        2.0 * m * wide * k,
        2.0 * (m * k + wide * k + m * n),
        m * wide * k / (ceil(m / t) * t * ceil(wide / t) * t * ceil(k / 32) * 32),
    )


def group_norm(model, what, batch, side, c, groups):
    positions = side * side
    elements = batch * positions * c
    size = c // groups
    bundle = next(b for b in range(1, groups + 1) if b * size % 8 == 0 and groups % b == 0)
    fused = bundle * size * (positions * 2 + 16) + 8 * bundle + 16
    label = f"group norm + SiLU {what}: {side} x {side} x {c}, batch {batch}"
    if fused <= 96 * 1024 and batch * groups // bundle >= 8:
        blocks = batch * groups // bundle
        return [
            Shape(model, label, "group_norm_fused_silu_vec8", blocks, 15.0 * elements,
                  4.0 * elements, tensor=False, dynamic=fused)
        ]  # fmt: skip
    rows = max(1, positions * batch // 264)
    blocks = batch * ceil(positions / rows)
    return [
        Shape(model, label + ", sums", "group_norm_stats_vec8", blocks, 4.0 * elements,
              2.0 * elements, tensor=False, dynamic=8 * c),
        Shape(model, label + ", result", "group_norm_apply_silu_vec8", blocks, 11.0 * elements,
              4.0 * elements, tensor=False, dynamic=8 * c + 8 * groups),
    ]  # fmt: skip


def layer_norm(model, rows, width):
    return Shape(
        model,
        f"layer norm: {rows} x {width}",
        "layer_norm_vec8",
        ceil(rows / 4),
        8.0 * rows * width,
        4.0 * rows * width,
        tensor=False,
    )


def step(model, what, pictures, channels, side, halves, residual):
    n = pictures * channels * side * side
    moved = 8.0 + halves * (2.0 * (2 if residual else 1) + 2.0)
    return Shape(
        model,
        f"residual-feedback step {what}: {pictures} of {channels} x {side} x {side}",
        "residual_feedback_step_nhwc",
        ceil(n / 4 / 256),
        20.0 * n,
        moved * n,
        tensor=False,
    )


def all_shapes():
    sd, xl, own = "SD 1.5, batch 2", "SDXL, batch 2", "shipped, batch 16"
    shapes = [
        attention(sd, "self", 2, 8, 4096, 4096, 40),
        attention(sd, "self", 2, 8, 1024, 1024, 80),
        attention(sd, "self", 2, 8, 256, 256, 160),
        attention(sd, "cross", 2, 8, 4096, 77, 40),
        attention(sd, "cross", 2, 8, 1024, 77, 80),
        attention(sd, "autoencoder", 1, 1, 4096, 4096, 512),
        attention(xl, "self", 2, 10, 4096, 4096, 64),
        attention(xl, "self", 2, 20, 1024, 1024, 64),
        attention(xl, "cross", 2, 10, 4096, 77, 64),
        attention(xl, "cross", 2, 20, 1024, 77, 64),
        attention(own, "self", 16, 4, 64, 64, 32),
        attention(own, "self", 16, 5, 16, 16, 32),
        conv(sd, "level 1", 2, 64, 320, 320),
        conv(sd, "level 2", 2, 32, 640, 640),
        conv(sd, "level 3", 2, 16, 1280, 1280),
        conv(sd, "level 4", 2, 8, 1280, 1280),
        conv(sd, "down", 2, 64, 320, 320, stride=2),
        conv(sd, "1 x 1", 2, 64, 320, 320, r=1),
        conv(xl, "level 1", 2, 128, 320, 320),
        conv(xl, "level 3", 2, 32, 1280, 1280),
        conv(own, "level 1", 16, 16, 96, 96),
        conv(own, "level 2", 16, 8, 128, 128),
        conv(own, "level 3", 16, 4, 160, 160),
        gemm(sd, "q, k, v", 8192, 960, 320),
        gemm(sd, "feed-forward", 8192, 1280, 320, geglu=True),
        gemm(sd, "feed-forward out", 8192, 320, 1280),
        gemm(sd, "level 3", 512, 1280, 1280),
        gemm(xl, "feed-forward", 2048, 5120, 1280, geglu=True),
        gemm(xl, "feed-forward out", 2048, 1280, 5120),
        *group_norm(sd, "level 1", 2, 64, 320, 32),
        *group_norm(sd, "level 3", 2, 16, 1280, 32),
        *group_norm(xl, "level 1", 2, 128, 320, 32),
        *group_norm(own, "level 1", 16, 16, 96, 32),
        layer_norm(sd, 8192, 320),
        layer_norm(xl, 2048, 1280),
        step(sd, "guided, Dash", 1, 4, 64, 2, False),
        step(sd, "guided, Dot", 1, 4, 64, 2, True),
        step(own, "Dot", 16, 3, 32, 1, True),
    ]
    return sorted(shapes, key=lambda s: (sd, xl, own).index(s.model))
