# SPDX-License-Identifier: Apache-2.0
# Copyright The Noh Authors
"""Runs programs and measures the memory they had at most.

Linux counts the pages a process had before it started its program, here those of Python, into its
peak. So each program is started by a shell, which is small and ends at once; the program becomes a
child of ours, because we declare ourselves the reaper of our descendants, and so its own peak is
what we read.
"""

import ctypes
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
# The program starts when we say so, after the shell has ended: else the shell might see a short
# program end, and we would wait for nobody.
START = """log=$1; shift; exec 3<&0
{ read -r go; exec "$@"; } <&3 >"$log.out" 2>"$log.err" & echo $!"""

# Whoever starts us may ignore it, and then ended children vanish before they are waited for.
signal.signal(signal.SIGCHLD, signal.SIG_DFL)

if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
    raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


class Program:
    """A running program. Use it with `with`: it is killed at the end if it still runs."""

    def __init__(self, command, environment=None):
        self.folder = tempfile.TemporaryDirectory(prefix="noh-bench-")
        self.log = str(Path(self.folder.name) / "log")
        gate, opener = os.pipe()
        shell = ["sh", "-c", START, "sh", self.log, *map(str, command)]
        started = subprocess.run(
            shell, stdin=gate, stdout=subprocess.PIPE, check=True, env=environment
        )
        self.pid = int(started.stdout)
        os.write(opener, b"\n")
        os.close(gate)
        os.close(opener)
        self.status = None  # the exit status, negative for a signal
        self.peak_kb = 0  # of the largest of its processes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.has_ended():
            self.folder.cleanup()
            return
        os.kill(self.pid, signal.SIGKILL)
        self.wait(10)
        self.folder.cleanup()

    def has_ended(self):
        if self.status is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid != 0:
                self.status = os.waitstatus_to_exitcode(status)
                self.peak_kb = usage.ru_maxrss
        return self.status is not None

    def wait(self, seconds):
        """Waits for the end; kills the program when the time is up."""
        deadline = time.monotonic() + seconds
        while not self.has_ended():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.01)

    def terminate(self):
        if not self.has_ended():
            os.kill(self.pid, signal.SIGTERM)

    def output(self):
        return Path(self.log + ".out").read_text(encoding="utf-8", errors="replace")

    def error_output(self):
        return Path(self.log + ".err").read_text(encoding="utf-8", errors="replace")
