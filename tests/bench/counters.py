# SPDX-License-Identifier: BSD-2-Clause
"""What a VMM costs while something is measured: exits of its guest as KVM counts them, and
by reason (tracepoint kvm:kvm_exit), its system calls by name (raw_syscalls:sys_enter), its
context switches. What needs root, debugfs or tracefs and cannot be had is left out."""
import contextlib
import glob
import os
import re
import subprocess

TRACING = "/sys/kernel/tracing"
EXITS = ("exits",)
# The reasons that matter, by the numbers of VMX (isa 1) and SVM (isa 2).
REASONS = {
    1: {1: "interrupt", 7: "window", 10: "cpuid", 12: "hlt", 30: "port", 31: "msr", 32: "msr", 40: "pause",
        48: "memory", 49: "mmio"},
    2: {0x60: "interrupt", 0x64: "window", 0x72: "cpuid", 0x77: "pause", 0x78: "hlt", 0x7b: "port",
        0x7c: "msr", 0x400: "memory"},
}
# Those that a VMM makes for I/O, x86-64.
CALLS = {0: "read", 1: "write", 3: "close", 7: "poll", 16: "ioctl", 17: "pread64",
         18: "pwrite64", 19: "readv", 20: "writev", 28: "madvise", 43: "accept",
         44: "sendto", 45: "recvfrom", 48: "shutdown", 54: "setsockopt", 55: "getsockopt",
         72: "fcntl", 74: "fsync", 75: "fdatasync", 202: "futex", 232: "epoll_wait",
         233: "epoll_ctl", 271: "ppoll", 281: "epoll_pwait", 285: "fallocate", 286: "timerfd_settime", 295: "preadv", 296: "pwritev",
         426: "io_uring_enter", 441: "epoll_pwait2"}
TRIGGERS = {
    "raw_syscalls/sys_enter": "hist:keys=common_pid,id:size=8192",
    "kvm/kvm_exit": "hist:keys=common_pid,isa,exit_reason:size=8192",
}


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

    def _trigger(self, prefix):
        for event, trigger in TRIGGERS.items() if self.path else ():
            with open(f"{self.path}/events/{event}/trigger", "w", encoding="ascii") as file:
                file.write(prefix + trigger)

    def _histogram(self, event):
        """Numbers that the threads of the VMM have in it: the keys but the thread, a count."""
        if not self.path:
            return
        threads = set(os.listdir(f"/proc/{self.pid}/task"))
        for keys, count in re.findall(r"^\{ *(.*?) *\} *hitcount: *(\d+)",
                                      read(f"{self.path}/events/{event}/hist"), re.M):
            thread, *numbers = re.findall(r": *(\w+)", keys)
            if thread in threads:
                yield [int(number, 0) for number in numbers], int(count)

    def _calls(self):
        counts = {}
        for (call,), count in self._histogram("raw_syscalls/sys_enter"):
            name = CALLS.get(call, f"call {call}")
            counts[name] = counts.get(name, 0) + count
        return counts

    def _exits(self):
        counts = {}
        for (isa, reason), count in self._histogram("kvm/kvm_exit"):
            name = "exit " + REASONS[isa].get(reason, f"{reason:#x}")
            counts[name] = counts.get(name, 0) + count
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
        self._trigger("")

    def found(self):
        calls, reasons = self._calls(), self._exits()
        self._trigger("!")
        now = self._now()
        counts = {name: now[name] - self.before.get(name, 0) for name in now}
        # KVM_RUN is an ioctl; those are told by the exits.
        calls.pop("ioctl", None)
        return {**counts, **dict(sorted(reasons.items())), **dict(sorted(calls.items()))}
