# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
"""The workload `http`: starts a server on a free port, checks its answer, loads it with wrk."""

import http.client
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from processes import Program

HERE = Path(__file__).resolve().parent
ANSWER = b"Hello world!"
CONNECTIONS = 64
STOP_TIMEOUT_S = 10
SERVERS_OF_THE_SYSTEM = ("nginx", "h2o")


class Failure(Exception):
    """The server or wrk did not do what it should."""


def find_tool(name):
    """The path of a program, or None; servers often lie outside the PATH of users."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def server_command(peer, program, port, folder):
    """The command that serves on `port`; `program` is that of noh and go."""
    if peer == "noh":
        return [program, str(port)]
    if peer == "go":
        return [program, "http", str(port)]
    text = (HERE / "http" / f"{peer}.conf.in").read_text(encoding="utf-8")
    config = Path(folder) / f"{peer}.conf"
    config.write_text(text.replace("@PORT@", str(port)).replace("@DIR@", folder), encoding="utf-8")
    if peer == "nginx":
        return [find_tool("nginx"), "-e", "stderr", "-p", folder, "-c", str(config)]
    www = Path(folder) / "www"
    www.mkdir()
    (www / "index.html").write_bytes(ANSWER)
    return [find_tool("h2o"), "-c", str(config)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check_answer(port):
    """One request; raises OSError while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200 or body != ANSWER:
        raise Failure(f"the answer was {response.status} {body!r}")


def wait_until_ready(server, port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return check_answer(port)
        except OSError as error:
            if server.has_ended():
                raise Failure(f"the server ended with status {server.status}") from error
            if time.monotonic() > deadline:
                raise Failure("the server did not answer within 10 s") from error
            time.sleep(0.02)


def load(port, seconds):
    """Runs wrk; returns the number of requests and the seconds they took."""
    command = [find_tool("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command.append(f"http://127.0.0.1:{port}/")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"wrk: {done.stderr.strip()}")
    for trouble in re.findall(r".*(?:Socket errors|Non-2xx).*", done.stdout):
        raise Failure(f"wrk: {trouble.strip()}")
    requests = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout).group(1))
    if requests == 0:
        raise Failure("wrk: no request was answered")
    return requests, requests / rate


def measure(peer, program, seconds):
    """One run: the record of a report line, without its workload and peer."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="noh-bench-") as folder:
        os.chmod(folder, 0o755)  # nginx, started by root, serves as another user
        with Program(server_command(peer, program, port, folder)) as server:
            try:
                wait_until_ready(server, port)
                requests, took = load(port, seconds)
                check_answer(port)
            except (Failure, OSError) as error:
                raise Failure(f"{error}; {server.error_output().strip()}") from error
            server.terminate()
            server.wait(STOP_TIMEOUT_S)
            if peer == "noh" and server.status != 0:
                raise Failure(f"after SIGTERM the server ended with status {server.status}")
            peak_kb = server.peak_kb
    return {"n": requests, "seconds": took, "rate": requests / took, "peak_kb": peak_kb}
