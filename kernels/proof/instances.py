"""What is shipped: instances.tsv, and the units of compilation that it makes."""

from dataclasses import dataclass
from pathlib import Path

KERNELS = Path(__file__).resolve().parent.parent
TYPES = {"0": "float", "1": "half", "2": "bfloat", "-": ""}


@dataclass(frozen=True)
class Instance:
    """A line of instances.tsv; see its head."""

    name: str
    file: str
    entry: str
    types: tuple[str, ...]
    threads: int
    shared: int | None
    hot: bool
    macros: tuple[str, ...]

    def macro(self, name: str) -> int:
        return int(dict(m.split("=") for m in self.macros)["MORSE_" + name])


@dataclass(frozen=True)
class Unit:
    """A source with its macros: what one run of a compiler sees."""

    file: str
    options: tuple[str, ...]


# Compiled besides what is shipped: the functions that generated sources call.
CHECKS = (Unit("proof/pointwise.cu", ()),)


def read() -> tuple[list[str], list[Instance]]:
    """The headers and the instances; a malformed line or a missing file is an error."""
    headers, instances = [], []
    for line in (KERNELS / "instances.tsv").read_text().splitlines():
        cells = line.split("\t")
        if cells[0] == "header":
            headers.append(cells[1])
        elif cells[0] == "kernel":
            _, name, file, entry, types, threads, shared, hot, macros = cells
            instances.append(
                Instance(
                    name,
                    file,
                    entry,
                    tuple(types.split(",")),
                    int(threads),
                    None if shared == "abi" else int(shared),
                    hot == "hot",
                    () if macros == "-" else tuple(macros.split(" ")),
                )
            )
    named = {i.file for i in instances} | set(headers)
    there = {p.name for p in KERNELS.glob("*.cu*")}
    if named != there:
        raise SystemExit(f"instances.tsv and the folder differ: {sorted(named ^ there)}")
    twice = len(instances) - len({i.name for i in instances})
    if twice:
        raise SystemExit(f"instances.tsv: {twice} names stand twice")
    return headers, instances


def unit(instance: Instance, type_code: str) -> Unit:
    options = tuple("-D" + m for m in instance.macros)
    if type_code != "-":
        options = (f"-DMORSE_T={type_code}",) + options
    return Unit(instance.file, options)
