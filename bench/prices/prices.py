#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
"""What bounds, the ledger, tracing, generations and the lease cost for each message.

Each of them is taken out of a copy of the sources by a few lines of sed (bench/prices/*.sed); the
copy and the whole are run in turn, and counted by callgrind. docs/internals/prices.md has the table
and the method."""

import argparse
import difflib
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OUT = ROOT / "build" / "prices"
EDITS = ["bounds", "ledger", "tracing", "generations", "lease"]
WHOLE = "nothing"
# And the whole once more: what it differs from itself is the error.
VARIANTS = {WHOLE: [], **{name: [name] for name in EDITS}, "all of them": EDITS, "nothing again": []}
# Program: sizes to count instructions with (their difference counts), and to take the time of.
PROGRAMS = {"pingpong": (20000, 120000, 600000), "counting": (50000, 250000, 1500000)}
ENVIRONMENT = {**os.environ, "BENCH_THREADS": "1"}


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"prices: failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done


def tree_of(variant):
    return OUT / (WHOLE if not VARIANTS[variant] else variant.replace(" ", "-"))


def apply(tree, name):
    """Edits the sources of a copy; it must change as many lines as the edit says."""
    edit = Path(__file__).parent / f"{name}.sed"
    expected = int(re.search(r"^# changes (\d+)", edit.read_text()).group(1))
    changed = 0
    for file in sorted((tree / "src").glob("*/*.[ch]")):
        before = file.read_text()
        after = run(["sed", "-f", edit, file]).stdout
        lines = difflib.ndiff(before.splitlines(), after.splitlines())
        changed += sum(line.startswith("- ") for line in lines)
        file.write_text(after)
    return expected, changed


def copy_and_build(variant):
    tree = tree_of(variant)
    for part in ("bench", "cmake", "include", "modules", "src"):
        shutil.rmtree(tree / part, ignore_errors=True)
        shutil.copytree(ROOT / part, tree / part)
    for part in ("CMakeLists.txt", "VERSION"):
        shutil.copy(ROOT / part, tree / part)
    for name in VARIANTS[variant]:
        expected, changed = apply(tree, name)
        if variant == name and expected != changed:
            sys.exit(f"prices: {name}.sed changes {changed} lines, not {expected}: mend it")
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DNOH_BENCH=ON", "-DNOH_TESTS=OFF"]
    options.append("-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON")
    run(["cmake", "-S", tree, "-B", tree / "build", *options])
    targets = [f"bench_noh_{name}" for name in PROGRAMS]
    run(["cmake", "--build", tree / "build", f"-j{os.cpu_count()}", "--target", *targets])


def program_of(variant, name):
    return tree_of(variant) / "build" / "bench" / "noh" / name


def build_clock():
    """Under callgrind all is slow but the clock, so samples would come too often."""
    source = Path(__file__).parent / "clock.c"
    run(["cc", "-O2", "-shared", "-fPIC", source, "-o", OUT / "clock.so"])


def instructions(variant, name, size):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    environment = {**ENVIRONMENT, "LD_PRELOAD": OUT / "clock.so"}
    done = run([*command, program_of(variant, name), str(size)], env=environment)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def instructions_each(variant, name):
    few, many, _ = PROGRAMS[name]
    return (instructions(variant, name, many) - instructions(variant, name, few)) / (many - few)


def rate(variant, name):
    done = run([program_of(variant, name), str(PROGRAMS[name][2])], env=ENVIRONMENT)
    return float(re.search(r"rate=(\d+)", done.stdout).group(1))


def rates(name, rounds):
    """Short runs, all variants in turn: neighbors share good and bad moments."""
    found = {variant: [] for variant in VARIANTS}
    for at in range(rounds):
        for variant in list(VARIANTS)[:: 1 if at % 2 == 0 else -1]:
            found[variant].append(rate(variant, name))
    return found


def time_text(found, variant):
    """The variant's time compared with the whole: the median of pairs, and best against best."""
    ratios = (whole / without for whole, without in zip(found[WHOLE], found[variant]))
    best = max(found[WHOLE]) / max(found[variant])
    return f"{100 * (statistics.median(ratios) - 1):+.1f} % | {100 * (best - 1):+.1f} %"


def main():
    parser = argparse.ArgumentParser(prog="scripts/prices", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="rounds of runs; default: 100")
    parser.add_argument("--build", action="store_true", help="only build")
    parser.add_argument("--built", action="store_true", help="they are built")
    arguments = parser.parse_args()
    for variant in VARIANTS if not arguments.built else []:
        if variant == WHOLE or VARIANTS[variant]:
            copy_and_build(variant)
    if arguments.build:
        return
    counted = shutil.which("valgrind") is not None
    build_clock()
    cells = {variant: [] for variant in VARIANTS}
    for name in PROGRAMS:
        found = rates(name, arguments.rounds)
        whole = instructions_each(WHOLE, name) if counted else 0
        for variant in VARIANTS:
            saved = instructions_each(variant, name) - whole if counted else 0
            number = f"{whole:.0f}" if variant == WHOLE else f"{saved:+.0f}"
            cells[variant] += [number if counted else "-", time_text(found, variant)]
    heads = (f"{name}: instructions | time, median | best" for name in PROGRAMS)
    print("| taken out | " + " | ".join(heads) + " |")
    print("|---|" + "---|---|---|" * len(PROGRAMS))
    for variant in VARIANTS:
        print(f"| {variant} | " + " | ".join(cells[variant]) + " |")


if __name__ == "__main__":
    main()
