"""Entry point: ``python -m morse_models COMMAND``."""

import importlib
import sys

COMMANDS = {
    "data": "data",
    "train": "train",
    "ablation": "ablation",
    "blend": "blend",
    "train-dash": "train_dash",
    "train-dot": "train_dot",
    "train-classifier": "train_classifier",
    "preview": "sampling",
    "export": "export",
    "golden": "golden",
    "dot": "latent.command",
}


def main() -> None:
    """Dispatches to the module of a command."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: python -m morse_models {{{','.join(COMMANDS)}}} [options]")
    module = importlib.import_module(f".{COMMANDS[sys.argv[1]]}", __package__)
    module.main(sys.argv[2:])


if __name__ == "__main__":
    main()
