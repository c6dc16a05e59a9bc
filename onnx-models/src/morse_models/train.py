"""A whole training from one file: data, Dash, Dot, classifiers, export.

The file is TOML. Each of its tables stands for one command and holds that command's options by their
long names without the dashes::

    [dash]
    minutes = 60
    bf16 = true

The tables run in the order data, dash, dot, classifier, export, wherever they stand in the file; one
that isn't there is left out. Started again, a training goes on where it stopped.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tomllib
from pathlib import Path

STAGES = {
    "data": "data",
    "dash": "train_dash",
    "dot": "train_dot",
    "classifier": "train_classifier",
    "export": "export",
}
"""Table of the file -> module of the command."""


def options(table: dict) -> list[str]:
    """Options of a command line; true stands for a flag, false for its absence."""
    out = []
    for name, value in table.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            out.append(option)
        elif value is not False:
            out += [option, str(value)]
    return out


def read(path: Path) -> dict[str, list[str]]:
    """Stages of a file in the order in which they run, each with its options."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SystemExit(f"{path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SystemExit(f"{path}: {error}") from error
    for name, table in tables.items():
        if name not in STAGES or not isinstance(table, dict):
            raise SystemExit(f"{path}: {name!r} is none of the tables {', '.join(STAGES)}")
    if not tables:
        raise SystemExit(f"{path}: no table: give at least one of {', '.join(STAGES)}")
    return {stage: options(tables[stage]) for stage in STAGES if stage in tables}


def run(path: Path) -> None:
    """Runs all stages of a file."""
    for stage, argv in read(path).items():
        if stage == "data" and Path(argv[argv.index("--out") + 1]).exists():
            continue
        print(f"[{stage}] {' '.join(argv)}", flush=True)
        try:
            importlib.import_module(f".{STAGES[stage]}", __package__).main(argv)
        except SystemExit as error:
            if error.code:
                print(f"{path}: table [{stage}] failed", file=sys.stderr)
            raise


def main(argv: list[str]) -> None:
    """Command line of ``python -m morse_models train``."""
    parser = argparse.ArgumentParser(
        prog="morse_models train", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, help="e.g. configs/emoji32.toml")
    run(parser.parse_args(argv).config)
