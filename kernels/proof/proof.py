"""Static proof of the kernels: compiles everything that is shipped and renews CARDS.md.

    python kernels/proof/proof.py            # fails if a hot kernel spills or CARDS.md is stale
    python kernels/proof/proof.py --write    # writes CARDS.md

Needs the wheels of requirements.txt and a host compiler for nvcc; no GPU. Results are kept in
~/.cache/morse/proof by content, so that a second run compiles only what changed.
"""

import argparse
import multiprocessing
import os
import sys

import cards
import compilers
import instances


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--write", action="store_true", help="write CARDS.md")
    arguments.add_argument("--only", help="compile only instances whose name starts so; no cards")
    arguments.add_argument("--nvcc", action="store_true", help="all instances by nvcc too")
    options = arguments.parse_args()
    headers, shipped = instances.read()
    if options.only:
        shipped = [i for i in shipped if i.name.startswith(options.only)]
    compiler = compilers.version()
    tasks = [(u, headers, compiler, n) for u, n in units(shipped, options.nvcc).items()]
    results = {}
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for unit, result in pool.imap_unordered(compilers.compile_unit, tasks):
            results[unit] = result
            if sys.stderr.isatty():
                print(f"\r{len(results)} of {len(tasks)}", end="", file=sys.stderr)
    print(
        f"compiled for {', '.join(compilers.ARCHITECTURES)}: {len(tasks)} units by NVRTC,"
        f" {sum(t[3] for t in tasks)} of them by nvcc too"
    )

    faults = list(spills(shipped, results))
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        return 1
    if options.only:
        for i in shipped:
            for t in i.types:
                figures = results[instances.unit(i, t)][-1]
                print(i.name, instances.TYPES[t], *(figures[a][i.entry] for a in figures))
        return 0
    text = cards.render(shipped, results, compiler)
    path = instances.KERNELS / "CARDS.md"
    if options.write:
        path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        print(
            "kernels/CARDS.md is not what the kernels give: run kernels/proof/proof.py --write"
            " with the compilers of kernels/proof/requirements.txt",
            file=sys.stderr,
        )
        return 1
    return 0


def units(shipped, everything):
    """What to compile, and whether nvcc does it too: what is hot, and each source and type once."""
    out, seen = dict.fromkeys(instances.CHECKS, True), set()
    for i in shipped:
        for t in i.types:
            first = (i.file, t) not in seen
            seen.add((i.file, t))
            unit = instances.unit(i, t)
            out[unit] = out.get(unit, False) or everything or i.hot or first
    return out


def spills(shipped, results):
    """One line per hot kernel that spills."""
    for i in shipped:
        for t in i.types:
            found = results[instances.unit(i, t)]
            for name, result in zip(("NVRTC", "nvcc"), reversed(found)):
                for architecture in compilers.ARCHITECTURES:
                    f = result[architecture][i.entry]
                    if i.hot and f["spill_stores"] + f["spill_loads"]:
                        yield (
                            f"{i.name} ({instances.TYPES[t]}) spills on {architecture} by {name}:"
                            f" {f['spill_stores']} bytes stored, {f['spill_loads']} loaded"
                        )


if __name__ == "__main__":
    sys.exit(main())
