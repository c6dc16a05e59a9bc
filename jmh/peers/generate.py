"""The steps of `morse generate` in Python with ONNX Runtime, to compare whole processes with.

    python jmh/peers/generate.py MODEL_DIRECTORY PICTURE.png [--count 16] [--dash 10] [--dot 1]

DDIM without eta and without guidance, labels in turn, one batch; needs onnxruntime and numpy only. Noise
comes from numpy, so the pictures are others than Morse's, the work is the same.
"""

import argparse
import json
import pathlib
import struct
import time
import zlib

begin = time.perf_counter()

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402


def alphas(config):
    """Products of 1 - beta, for the schedules that the shipped models use."""
    n = config["num_train_timesteps"]
    if config["beta_schedule"] == "squaredcos_cap_v2":
        t = np.arange(n + 1) / n
        bar = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = np.minimum(1 - bar[1:] / bar[:-1], 0.999)
    elif config["beta_schedule"] == "linear":
        betas = np.linspace(config["beta_start"], config["beta_end"], n)
    else:
        raise SystemExit(f"beta_schedule {config['beta_schedule']} is not written here")
    return np.cumprod(1 - betas)


def open_model(path, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(session, values):
    names = [o.name for o in session.get_outputs()]
    inputs = {i.name: values[i.name] for i in session.get_inputs()}
    return dict(zip(names, session.run(None, inputs)))


def write_png(path, samples):
    """A grid of [N, 3, H, W] in -1..1."""
    n, _, h, w = samples.shape
    columns = int(np.ceil(np.sqrt(n)))
    rows = (n + columns - 1) // columns
    grid = np.zeros((rows * h, columns * w, 3), np.uint8)
    pixels = np.rint(np.clip(samples * 0.5 + 0.5, 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    for i in range(n):
        r, c = divmod(i, columns)
        grid[r * h : (r + 1) * h, c * w : (c + 1) * w] = pixels[i]
    lines = b"".join(b"\0" + line.tobytes() for line in grid)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", columns * w, rows * h, 8, 2, 0, 0, 0)
    pathlib.Path(path).write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--dash", type=int, default=10)
    parser.add_argument("--dot", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()

    config = json.loads((args.model / "scheduler_config.json").read_text())
    assert config["prediction_type"] == "v_prediction" and config["timestep_spacing"] == "trailing"
    bar = alphas(config)
    labels = (args.model / "labels.txt").read_text().splitlines()
    dash = open_model(args.model / "dash.onnx", args.threads)
    dot = open_model(args.model / "dot.onnx", args.threads) if args.dot else None
    load = time.perf_counter() - begin

    n = args.count
    x = np.random.default_rng(0).standard_normal((n, 3, 32, 32), np.float32)
    values = {"class_labels": np.arange(n, dtype=np.int64) % len(labels)}
    steps = args.dash * (args.dot + 1)
    train = config["num_train_timesteps"]
    times = {"dash": [], "dot": []}
    for i in range(steps):
        t = round(train - i * train / steps) - 1
        after = t - train // steps
        start = time.perf_counter()
        values["sample"] = x
        values["timestep"] = np.full(n, t, np.float32)
        if i % (args.dot + 1) == 0:
            values.update(run(dash, values))
            z = values["out_sample"]
            values["dash_sample"], values["dash_timestep"], values["dash_output"] = x, values["timestep"], z
            times["dash"].append(time.perf_counter() - start)
        else:
            z = values["out_sample"] + run(dot, values)["residual"]
            times["dot"].append(time.perf_counter() - start)
        a, b = bar[t], bar[after] if after >= 0 else 1.0
        clean = np.clip(np.float32(a**0.5) * x - np.float32((1 - a) ** 0.5) * z, -1, 1)
        noise = (x - np.float32(a**0.5) * clean) / np.float32((1 - a) ** 0.5)
        x = np.float32(b**0.5) * clean + np.float32((1 - b) ** 0.5) * noise
    write_png(args.picture, x)
    medians = {k: 1e3 * float(np.median(v)) for k, v in times.items() if v}
    print(f"load {1e3 * load:.0f} ms, " + ", ".join(f"t_{k} {v:.2f} ms" for k, v in medians.items()))


if __name__ == "__main__":
    main()
