# SPDX-License-Identifier: BSD-2-Clause
"""What a VMM costs while something is measured: exits of its guest as KVM counts them,
its system calls by name (tracepoint raw_syscalls:sys_enter), its context switches. What
needs root, debugfs or tracefs and cannot be had is left out."""
import contextlib
import glob
import os
import re
import subprocess

TRACING = "/sys/kernel/tracing"
EXITS = ("exits", "io_exits", "mmio_exits", "halt_exits")
# Those that a VMM makes for I/O, x86-64.
CALLS = {0: "read", 1: "write", 7: "poll", 16: "ioctl", 17: "pread64", 18: "pwrite64",
         20: "writev", 74: "fsync", 75: "fdatasync", 202: "futex", 232: "epoll_wait",
         271: "ppoll", 281: "epoll_pwait", 285: "fallocate", 295: "preadv", 296: "pwritev",
         426: "io_uring_enter", 441: "epoll_pwait2"}
TRIGGER = "hist:keys=common_pid,id:size=8192"


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


class Counters:
    """begin(pid), then found(): {name: count}."""

    def __init__(self):
        self.path = self.pid = self.before = None
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            if not os.path.isdir(TRACING + "/instances"):
                subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=True,
                               stderr=subprocess.DEVNULL)
            path = f"{TRACING}/instances/bench-{os.getpid()}"
            os.mkdir(path)
            self.path = path

    def close(self):
        if self.path:
            with contextlib.suppress(OSError):
                os.rmdir(self.path)

    def _trigger(self, word):
        if self.path:
            path = self.path + "/events/raw_syscalls/sys_enter/trigger"
            with open(path, "w", encoding="ascii") as file:
                file.write(word)

    def _calls(self):
        if not self.path:
            return {}
        threads = set(os.listdir(f"/proc/{self.pid}/task"))
        counts = {}
        text = read(self.path + "/events/raw_syscalls/sys_enter/hist")
        for thread, call, count in re.findall(
                r"common_pid: *(\d+), *id: *(\d+) *\} *hitcount: *(\d+)", text):
            if thread in threads:
                name = CALLS.get(int(call), f"call {call}")
                counts[name] = counts.get(name, 0) + int(count)
        return counts

    def _now(self):
        counts = {}
        for name in EXITS:
            for path in glob.glob(f"/sys/kernel/debug/kvm/{self.pid}-*/{name}"):
                counts[name] = int(read(path))
        counts["switches"] = 0
        for path in glob.glob(f"/proc/{self.pid}/task/*/status"):
            with contextlib.suppress(OSError):
                counts["switches"] += sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)",
                                                              read(path))))
        return counts

    def begin(self, pid):
        self.pid = pid
        self.before = self._now()
        self._trigger(TRIGGER)

    def found(self):
        calls = self._calls()
        self._trigger("!" + TRIGGER)
        now = self._now()
        counts = {name: now[name] - self.before.get(name, 0) for name in now}
        # KVM_RUN is an ioctl; those are told by the exits.
        return {**counts, **{name: calls[name] for name in sorted(calls) if name != "ioctl"}}
