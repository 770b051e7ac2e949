#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
"""Runs the workloads with Noh and its peers in turn and compares them; see bench/README.md."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import http_load
from processes import Program

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
PEERS = ["noh", "floor", "caf", "erlang", "go", "tokio", "pykka", "nginx", "h2o"]
HTTP_PEERS = ["noh", "go", "nginx", "h2o"]
RUN_TIMEOUT_S = 900
NOT_WRITTEN = 3  # exit status of build scripts: missing; of programs: not written for this peer

# The sizes of each workload, in the order of the command line: for all; with --quick; for Pykka,
# whose actors are threads; and for both. Rates compare across sizes, times do not.
SIZES = {
    "pingpong": ("5000000", "1500000", "50000", "10000"),
    "counting": ("10000000", "2000000", "300000", "50000"),
    "ring": ("1000 10000000 1", "1000 3000000 1", "100 50000 1", "100 10000 1"),
    "ring100": ("1000 5000000 100", "1000 1000000 100", "100 200000 100", "100 50000 100"),
    "forkjoin-create": ("1000000", "200000", "2000", "500"),
    "forkjoin-throughput": ("1000 10000", "1000 1000", "100 1000", "100 200"),
    "big": ("200 10000", "200 1000", "50 500", "50 100"),
    "chameneos": ("100 2000000", "100 200000", "50 10000", "50 2000"),
    "mailbox-contention": ("8 1000000", "8 200000", "8 20000", "8 5000"),
    "idle-memory": ("1000000", "100000", "1000", "200"),
    "idle-waiting": ("30000", "10000", "1000", "200"),
    "ask": ("1000000", "20000", "20000", "5000"),
    "ask-in-actor": ("1000000", "200000", "20000", "5000"),
    "ask-continued": ("1000000", "200000", "20000", "5000"),
    "wake": ("1000000", "100000", "-", "-"),
    "restart": ("200000", "10000", "-", "-"),
    "timers": ("1000000", "100000", "-", "-"),
    "http": ("5", "1", "-", "-"),  # seconds of load
    "scale": ("1000", "100", "-", "-"),  # milliseconds of work per row
    "latency-idle": ("1000", "200", "-", "-"),  # probes
    "latency-loaded": ("500", "100", "-", "-"),  # milliseconds
    "latency-stuck": ("50", "5", "-", "-"),  # events of 50 ms
    "fairness": ("300", "100", "-", "-"),  # milliseconds per row
    "scale-trivial": ("-", "-", "-", "-"),  # those of TRIVIAL
    "groups": ("100 20000", "100 10000", "-", "-"),
    "mixed": ("300", "100", "-", "-"),  # milliseconds
    "inject": ("400000", "100000", "-", "-"),  # messages per row
}

# Run three times with one worker and three times with the default number, alternating.
BESIDE_ONE_WORKER = ["groups", "mixed"]
# And each of these, as scale-trivial.
TRIVIAL = [
    "pingpong",
    "counting",
    "ring",
    "ring100",
    "forkjoin-create",
    "forkjoin-throughput",
    "big",
    "mailbox-contention",
]
REPEATS = 3

# What the peers have one program for, and Noh has two: the name of theirs.
PEERS_RUN = {"ask-continued": "ask-in-actor", "idle-waiting": "idle-memory"}

# Where a workload of Noh is not in noh/<its name>.
NOH_PROGRAMS = {"ring100": "ring", "http": "http_server"}
NOH_MISSING = {
    "restart": "Noh has no supervisors yet",
    "http": "the module http was not built",
}


class Failure(Exception):
    """A program failed, or its result was wrong."""


class Missing(Exception):
    """Something is not installed, or not written for a peer."""


# ---- build --------------------------------------------------------------------------------------


def run_build_step(command):
    """A quiet build step; its output is shown when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.stdout.flush()
        sys.stderr.buffer.write(done.stdout)
        sys.exit(f"bench: failed: {' '.join(map(str, command))}")


def build_with_cmake(targets):
    """The programs of noh and floor."""
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DNOH_BENCH=ON", "-DNOH_TESTS=OFF"]
    options.append("-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON")  # as Tokio's program
    run_build_step(["cmake", "-S", ROOT, "-B", BUILD, *options])
    jobs = f"-j{os.cpu_count()}"
    run_build_step(["cmake", "--build", BUILD, jobs, "--target", *targets])


def is_up_to_date(program, sources):
    if not program.exists():
        return False
    built = program.stat().st_mtime
    return all(file.stat().st_mtime <= built for file in sources.rglob("*") if file.is_file())


def build_peer(peer):
    """Calls the peer's build script; raises Missing with its reason. A peer that does not build is
    missing too: the others can be measured without it."""
    sources = ROOT / "bench" / "peers" / peer
    out = BUILD / "peers" / peer
    if is_up_to_date(out / "bench", sources):
        return
    print(f"building {peer}", flush=True)
    done = subprocess.run(["sh", sources / "build.sh", out], capture_output=True, check=False)
    if done.returncode == NOT_WRITTEN:
        raise Missing(done.stderr.decode().strip())
    if done.returncode != 0:
        output = done.stdout + done.stderr
        sys.stderr.buffer.write(output)
        sys.stderr.flush()
        lines = output.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        raise Missing(f"build.sh failed with status {done.returncode}: {last}")


def build(peers, workloads):
    """Builds what the run needs; returns the peers that are there and {peer: why not}."""
    missing = {}
    targets = [f"bench_{peer}" for peer in ("noh", "floor") if peer in peers]
    if targets:
        build_with_cmake(targets)
    for peer in peers:
        try:
            if (ROOT / "bench" / "peers" / peer).is_dir():
                build_peer(peer)
            elif peer in http_load.SERVERS_OF_THE_SYSTEM and "http" in workloads:
                if not http_load.find_tool(peer):
                    raise Missing(f"{peer} is not installed")
        except Missing as why:
            missing[peer] = str(why)
    return [peer for peer in peers if peer not in missing], missing


# ---- one run ------------------------------------------------------------------------------------


def program_of(peer, workload):
    """The program that runs a workload for a peer; raises Missing."""
    if peer == "floor":
        return BUILD / "bench" / "bench_floor"
    if peer != "noh":
        return BUILD / "peers" / peer / "bench"
    name = NOH_PROGRAMS.get(workload, workload.replace("-", "_"))
    program = BUILD / "bench" / "noh" / name
    if not program.exists():
        raise Missing(NOH_MISSING.get(workload, f"{program.name} was not built"))
    return program


def command_of(peer, workload, sizes):
    program = program_of(peer, workload)
    return [program, *sizes] if peer == "noh" else [program, workload, *sizes]


def merit(record):
    """What is compared, the higher the better: mostly the rate."""
    if "bytes_per_actor" in record:
        return 1 / max(record["bytes_per_actor"], 0.1)
    if "p99_ns" in record:
        return 1e9 / max(record["p99_ns"], 1)
    if "min_share" in record:
        return max(record["min_share"], 0.0001)
    if "useful_cores" in record:
        return record["useful_cores"]
    if "ratio" in record:
        return 1 / max(record["ratio"], 0.01)
    return record["rate"]


def median(records):
    """The record with the median result, or None when there are none."""
    return sorted(records, key=merit)[(len(records) - 1) // 2] if records else None


def number(text):
    value = float(text)
    return int(value) if value.is_integer() and "." not in text else value


def parse_report(line, peer, workload, peak_kb):
    """`workload=ring peer=noh n=5000000 seconds=… rate=…` as a record."""
    fields = dict(field.split("=", 1) for field in line.split())
    if fields.pop("peer") != peer:
        raise Failure(f"not a report of {peer}: {line}")
    row = fields.pop("workload")
    if row != workload and not row.startswith(workload + "-"):
        raise Failure(f"not a report of {workload}: {line}")
    record = {"workload": row, "peer": peer}
    record.update((key, number(value)) for key, value in fields.items())
    record["peak_kb"] = peak_kb
    return record


def run_program(peer, workload, sizes, environment=None):
    """One run of one program; returns its records, mostly one. Raises Missing or Failure."""
    environment = {**os.environ, **(environment or {})}
    name = workload if peer == "noh" else PEERS_RUN.get(workload, workload)
    with Program(command_of(peer, name, sizes), environment) as program:
        program.wait(RUN_TIMEOUT_S)
        if program.status == NOT_WRITTEN:
            raise Missing("not written for it")
        lines = [line for line in program.output().splitlines() if line.startswith("workload=")]
        if program.status != 0 or not lines:
            trouble = program.error_output().strip() or "no report"
            raise Failure(f"exit status {program.status}: {trouble}")
        records = [parse_report(line, peer, name, program.peak_kb) for line in lines]
    for record in records:
        record["workload"] = workload + record["workload"][len(name) :]
    return records


def run_beside_one_worker(peer, workload, sizes):
    """The medians of a few runs with the default number of workers, each compared with one before
    it that had a single worker."""
    one, default = [], []
    for _ in range(REPEATS):
        one.append(run_program(peer, workload, sizes, {"BENCH_THREADS": "1"}))
        default.append(run_program(peer, workload, sizes))
    records = []
    for alone, together in zip(zip(*one), zip(*default)):  # row by row
        # Neighbors share good and bad moments, so each is compared with its own.
        speedups = [merit(after) / merit(before) for before, after in zip(alone, together)]
        record = {**median(together), "one_worker_rate": median(alone)["rate"]}
        records.append({**record, "speedup": round(statistics.median(speedups), 3)})
    return records


def run_workload(peer, workload, quick):
    """One round of one peer; returns its records, mostly one. Raises Missing or Failure."""
    if workload == "scale-trivial":
        records = []
        for part in TRIVIAL:
            records += run_beside_one_worker(peer, part, sizes_for(peer, part, quick))
        return [{**record, "workload": f"{workload}-{record['workload']}"} for record in records]
    sizes = sizes_for(peer, workload, quick)
    if workload == "http":
        program = program_of(peer, workload) if peer in ("noh", "go") else None
        record = http_load.measure(peer, program, int(sizes[0]))
        return [{"workload": workload, "peer": peer, **record}]
    run = run_beside_one_worker if workload in BESIDE_ONE_WORKER else run_program
    return run(peer, workload, sizes)


# ---- all runs -----------------------------------------------------------------------------------


def sizes_for(peer, workload, quick):
    at = (2 if peer == "pykka" else 0) + (1 if quick else 0)
    return SIZES[workload][at].split()


class Results:
    """The records of all rounds, and what went wrong."""

    def __init__(self):
        self.rounds = {}  # (row, peer): records; a row is a workload or a part of one
        self.workload_of = {}  # row: workload
        self.not_there = []  # (workload, peer, why)
        self.failures = []  # (workload, peer, why)

    def measure(self, peer, workload, quick):
        """One round. False when there is no sense in another one."""
        try:
            for record in run_workload(peer, workload, quick):
                row = record["workload"]
                self.workload_of[row] = workload
                self.rounds.setdefault((row, peer), []).append(record)
            return True
        except Missing as why:
            self.not_there.append((workload, peer, str(why)))
        except (Failure, http_load.Failure) as why:
            self.failures.append((workload, peer, str(why)))
        return False

    def median(self, row, peer):
        """The record of the round with the median result, or None."""
        workload = self.workload_of[row]
        if any(failed == workload and who == peer for failed, who, _ in self.failures):
            return None
        records = self.rounds.get((row, peer), [])
        if not records or "speedup" not in records[0]:
            return median(records)
        # A ratio: the round with the median rate need not have the median of it.
        return {**median(records), "speedup": statistics.median(r["speedup"] for r in records)}

    def rows(self):
        return list(self.workload_of)

    def medians(self):
        found = (self.median(row, peer) for row in self.rows() for peer in PEERS)
        return [record for record in found if record]


def run_rounds(results, workload, peers, arguments):
    """All rounds of a workload. Peers take turns, and another one is first in each round."""
    for round_number in range(arguments.rounds):
        first = round_number % len(peers) if peers else 0
        for peer in peers[first:] + peers[:first]:
            if peer in peers:
                if not results.measure(peer, workload, arguments.quick):
                    peers = [other for other in peers if other != peer]


def peers_for(workload, peers):
    """The peers that can run a workload at all; the rest is up to their programs."""
    if workload == "http":
        return [peer for peer in peers if peer in HTTP_PEERS]
    if workload == "scale-trivial":
        return [peer for peer in peers if peer == "noh"]
    return [peer for peer in peers if peer not in http_load.SERVERS_OF_THE_SYSTEM]


# ---- the report ---------------------------------------------------------------------------------


def rate_text(rate):
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if rate >= limit:
            value = rate / limit
            return f"{value:.1f} {unit}/s" if value >= 10 else f"{value:.2f} {unit}/s"
    return f"{rate:.0f} /s"


def time_text(ns):
    for limit, unit in ((1e6, "ms"), (1e3, "us")):
        if ns >= limit:
            value = ns / limit
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
    return f"{ns:.0f} ns"


def result_text(record):
    """What merit compares, to read."""
    if "bytes_per_actor" in record:
        return f"{record['bytes_per_actor']:.0f} bytes"
    if "p99_ns" in record:
        return time_text(record["p99_ns"])
    if "min_share" in record:
        return f"{100 * record['min_share']:.1f} %"
    if "useful_cores" in record:
        return f"{record['useful_cores']:.2f} cores"
    if "ratio" in record:
        return f"{record['ratio']:.2f} plain"
    return rate_text(record["rate"])


def details_text(record):
    """What a record says beside its rate."""
    parts = []
    if "bytes_per_actor" in record:
        parts.append(f"{record['bytes_per_actor']:.0f} bytes per actor")
    if "p99_ns" in record:
        names = (("p50", "p50_ns"), ("p99", "p99_ns"), ("p99.9", "p999_ns"), ("max", "max_ns"))
        parts += [f"{name} {time_text(record[key])}" for name, key in names]
    if "min_share" in record:
        parts.append(f"the slowest gets {100 * record['min_share']:.1f} % of its share")
    if "useful_cores" in record:
        cores = f"{record['useful_cores']:.2f} processors useful, {record['heavy_cores']:.2f} heavy"
        parts.append(f"{cores}, {rate_text(record['balls_rate'])} balls")
    if "ratio" in record:
        parts.append(f"{record['ratio']:.2f} times a plain message")
    if "speedup" in record:
        parts.append(f"{record['speedup']:.2f}x one worker")
    return ", ".join(parts)


def ratio(noh, other):
    """How much better noh is."""
    return merit(noh) / merit(other)


def ratio_text(value):
    return f"{value:.0f}x" if value >= 100 else f"{value:.2f}x"


def print_row(row, results):
    """The medians of one row, best first."""
    records = [record for record in (results.median(row, peer) for peer in PEERS) if record]
    records.sort(key=merit, reverse=True)
    noh = results.median(row, "noh")
    print(f"\n{row}")
    for record in records:
        line = f"  {record['peer']:8}{rate_text(record['rate']):>12}"
        line += f"   n={record['n']:<9} {record['seconds']:9.4f} s"
        line += f" {record['peak_kb'] // 1024:6} MiB"
        if details_text(record):
            line += f"   {details_text(record)}"
        if noh and record["peer"] == "floor" and "bytes_per_actor" not in record:
            line += f"   noh takes {ratio_text(record['rate'] / noh['rate'])} its time"
        elif noh and record["peer"] != "noh":
            line += f"   noh is {ratio_text(ratio(noh, record))}"
        print(line, flush=True)


def best_peer(noh, others):
    """The competitor that comes closest to noh; the floor does not compete."""
    return min(others, key=lambda other: ratio(noh, other)) if others else None


def summary_line(row, results, columns):
    noh = results.median(row, "noh")
    found = {peer: results.median(row, peer) for peer in PEERS if peer != "noh"}
    floor = found.pop("floor")
    best = best_peer(noh, [record for record in found.values() if record])
    best_text = f"{best['peer']} {ratio_text(ratio(noh, best))}" if best else "-"
    if not best and "speedup" in noh:
        best_text = f"1 worker {ratio_text(noh['speedup'])}"
    floor_text = ratio_text(ratio(floor, noh)) if floor else "-"
    line = f"{row:33}{result_text(noh):>12}{best_text:>16}{floor_text:>9}"
    for peer in columns:
        line += f"{ratio_text(ratio(noh, found[peer])) if found[peer] else '-':>9}"
    return line


def print_summary(results):
    rows = [row for row in results.rows() if results.median(row, "noh")]
    columns = [
        peer
        for peer in PEERS
        if peer not in ("noh", "floor") and any(results.median(row, peer) for row in rows)
    ]
    if not rows:
        return
    print("\nMedians. best, peers: noh's rate divided by theirs; floor: noh's time divided by its.")
    print("In place of rates: bytes of an idle actor; latencies that 99 % do not exceed;")
    print("the slowest actor's part of its fair share; processors that do useful work;")
    print("what waking a waiting actor takes, in plain messages.\n")
    print(f"{'':33}{'noh':>12}{'best':>16}{'floor':>9}" + "".join(f"{p:>9}" for p in columns))
    for row in rows:
        print(summary_line(row, results, columns))


def print_troubles(results, missing):
    print()
    for peer, why in missing.items():
        print(f"missing: {peer}: {why}")
    for peer, why in dict.fromkeys((peer, why) for _, peer, why in results.not_there):
        names = [w for w, other, reason in results.not_there if (other, reason) == (peer, why)]
        print(f"missing: {peer} {' '.join(names)}: {why}")
    for workload, peer, why in results.failures:
        print(f"FAILED: {peer} {workload}: {why}")


# ---- command line -------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="workload", help=" ".join(SIZES))
    parser.add_argument("--peers", help="a list with commas; default: " + ",".join(PEERS))
    parser.add_argument("--rounds", type=int, help="default: 5, with --quick 3")
    parser.add_argument("--quick", action="store_true", help="small sizes: all in minutes")
    parser.add_argument("--json", metavar="FILE", help="write the medians there")
    arguments = parser.parse_args()
    arguments.workloads = arguments.workloads or list(SIZES)
    arguments.peers = arguments.peers.split(",") if arguments.peers else PEERS
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("at least one round")
    arguments.rounds = arguments.rounds or (3 if arguments.quick else 5)
    for name in arguments.workloads:
        if name not in SIZES:
            parser.error(f"no workload {name}; there are {' '.join(SIZES)}")
    for name in arguments.peers:
        if name not in PEERS:
            parser.error(f"no peer {name}; there are {' '.join(PEERS)}")
    return arguments


def main():
    arguments = parse_arguments()
    peers, missing = build(arguments.peers, arguments.workloads)
    workloads = arguments.workloads
    if "http" in workloads and not http_load.find_tool("wrk"):
        missing["http"] = "wrk is not installed"
        workloads = [workload for workload in workloads if workload != "http"]
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {arguments.rounds} rounds")

    results = Results()
    for workload in workloads:
        run_rounds(results, workload, peers_for(workload, peers), arguments)
        for row in results.rows():
            if results.workload_of[row] == workload:
                print_row(row, results)
    print_summary(results)
    print_troubles(results, missing)
    if arguments.json:
        text = json.dumps(results.medians(), indent=1)
        Path(arguments.json).write_text(text + "\n", encoding="utf-8")
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
