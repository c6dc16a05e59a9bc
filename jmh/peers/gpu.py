"""Times Dash and Dot of a shipped model by Morse and by what else runs them on a GPU.

    python jmh/peers/gpu.py                          # PyTorch eager, torch.compile, ONNX Runtime CUDA
    python jmh/peers/gpu.py --batch 1,16 --rounds 7
    python jmh/peers/gpu.py --device cpu             # the same on a CPU, to try the script

Needs torch and `pip install -e onnx-models`; for the last peer onnxruntime-gpu. What is missing is
named, and the others are measured. Everyone starts with inputs in host memory and ends with the
output there, is compared with PyTorch in float32 on the CPU first, and runs in turn within each
round; a time is the median over rounds of the median within a round. Half precision on a GPU except
in ONNX Runtime, which runs the float32 file as it is (TF32 where the GPU has it). Morse is a
process of its own in each round (`morse bench`), so its times come from its own report; its results are
compared with the CPU by `jmh/run endtoend -p backend=cuda`.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HOME = pathlib.Path(__file__).resolve().parents[2]

# Runs before and within a round.
WARM_UP = 5
RUNS = 20

# Largest difference, as a share of the largest element: half precision, and float32.
TOLERANCE = {"half": 0.05, "float": 1e-2}


class Missing(Exception):
    """A peer is not on this machine; the text says what to do."""


def networks(model, batch):
    """name -> (module on the CPU, inputs in the order of the graph, expected output)."""
    import torch
    from morse_models.export import DashGraph, DotGraph, example_inputs, read_back

    dash, dot = read_back(model)
    out = {}
    pair = example_inputs(dash, batch, 1)
    for name, graph, inputs in zip(("dash", "dot"), (DashGraph(dash), DotGraph(dash, dot)), pair):
        with torch.no_grad():
            expected = first(graph.eval()(*inputs.values()))
        out[name] = (graph, inputs, expected)
    return out


def first(result):
    return result[0] if isinstance(result, tuple) else result


def check(who, got, expected, kind):
    off = float((got.float() - expected).abs().max() / expected.abs().max())
    if not off <= TOLERANCE[kind]:
        raise SystemExit(f"{who}: differs from PyTorch on the CPU by {off} of the largest element")


def by_torch(device, compiled):
    def prepare(name, graph, inputs, expected, _model):
        import copy

        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise Missing("this torch sees no GPU")
        kind = "half" if device == "cuda" else "float"
        dtype = torch.float16 if device == "cuda" else torch.float32
        module = copy.deepcopy(graph).to(device)
        if compiled:
            # CUDA graphs included: what a user who wants speed asks for.
            module = torch.compile(module, mode="reduce-overhead")

        def run():
            with torch.no_grad(), torch.autocast(device, dtype, enabled=device == "cuda"):
                return first(module(*(v.to(device) for v in inputs.values()))).cpu()

        try:
            check(name, run(), expected, kind)
        except (RuntimeError, OSError) as e:
            if not compiled:
                raise
            raise Missing(f"torch.compile does not work here: {str(e).splitlines()[0]}") from e
        return run

    return prepare


def by_ort(device):
    def prepare(name, _graph, inputs, expected, model):
        try:
            import onnxruntime as ort
        except ImportError as e:
            raise Missing("pip install onnxruntime-gpu") from e
        import torch

        provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
        if provider not in ort.get_available_providers():
            raise Missing(f"this onnxruntime has no {provider}: pip install onnxruntime-gpu")
        options = ort.SessionOptions()
        options.log_severity_level = 3
        session = ort.InferenceSession(
            str(model / f"{name}.onnx"), options, providers=[provider]
        )
        if session.get_providers()[0] != provider:
            raise Missing(f"{provider} does not start: are CUDA and cuDNN of its version here?")
        names = [i.name for i in session.get_inputs()]
        values = {k: v.numpy() for k, v in inputs.items() if k in names}
        output = [session.get_outputs()[0].name]

        def run():
            return torch.from_numpy(session.run(output, values)[0])

        check(name, run(), expected, "float")
        return run

    return prepare


def by_morse(device, model, batch):
    """Milliseconds of both networks by a process of `morse bench`."""
    backend = "cuda" if device == "cuda" else "cpu"
    command = [HOME / "morse", "bench", "--model", model, "--batch", batch, "--backend", backend]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "report.json"
        done = subprocess.run(
            [*map(str, command), "--json", str(file)], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise Missing(f"morse bench: {done.stderr.strip().splitlines()[-1]}")
        report = json.loads(file.read_text())
    return {"dash": report["dash_ms"], "dot": report["dot_ms"]}


def median(run):
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def measure(args, batch):
    peers = {
        "PyTorch eager": by_torch(args.device, False),
        "torch.compile": by_torch(args.device, True),
        "ONNX Runtime": by_ort(args.device),
    }
    cases = networks(args.model, batch)
    runs = {}
    for who, prepare in peers.items():
        try:
            for name, (graph, inputs, expected) in cases.items():
                run = prepare(name, graph, inputs, expected, args.model)
                for _ in range(WARM_UP):
                    run()
                runs[who, name] = run
        except Missing as e:
            runs = {k: v for k, v in runs.items() if k[0] != who}
            print(f"{who}: not measured: {e}", file=sys.stderr)
    times = {key: [] for key in runs}
    ours = {name: [] for name in cases}
    try:
        by_morse(args.device, args.model, batch)
        morse = True
    except Missing as e:
        morse = False
        print(f"Morse: not measured: {e}", file=sys.stderr)
    for turn in range(args.rounds):
        keys = list(runs) if turn % 2 == 0 else list(runs)[::-1]
        if morse:
            for name, ms in by_morse(args.device, args.model, batch).items():
                ours[name].append(ms)
        for key in keys:
            times[key].append(median(runs[key]))
    for name in cases:
        own = statistics.median(ours[name]) if ours[name] else None
        cells = [f"Morse {own:.3f} ms" if own else "Morse -"]
        for who in peers:
            if (who, name) in times:
                peer = statistics.median(times[who, name])
                ratio = f" ({peer / own:.2f}x)" if own else ""
                cells.append(f"{who} {peer:.3f} ms{ratio}")
            else:
                cells.append(f"{who} -")
        print(f"{name} batch {batch}: " + ", ".join(cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", type=pathlib.Path, default=HOME / "onnx-models/shipped/emoji32"
    )
    parser.add_argument("--batch", default="1,16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    args = parser.parse_args()
    for module, install in (("torch", "torch"), ("morse_models", "-e onnx-models")):
        try:
            __import__(module)
        except ImportError:
            raise SystemExit(f"{module} is missing: pip install {install}") from None
    for batch in args.batch.split(","):
        measure(args, int(batch))


if __name__ == "__main__":
    main()
