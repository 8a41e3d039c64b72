#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""measure: run virtual machines in turn and time them.

Usage: measure.py PLAN

PLAN is JSON that tests/bench/run writes; the results go to stdout as JSON, a
line for each round to stderr. It needs the standard library only, since it
runs in the lab.

A boot is timed on CLOCK_MONOTONIC, from just before the process is spawned, to
  init  the guest's first process runs: its words are on the serial console
  up    its init is ready for a command, and says so
  end   the process has ended
The console is a pipe. One more boot of each machine comes first, to fill the
page cache.

Nothing else is done to boots that are timed. A few more, afterwards, are looked
at closely, the same way for every machine:
  first_run   spawn to the first entry into the guest (tracepoint kvm:kvm_entry)
and, with the process stopped when its init is up, what it has by then:
  user_exits  exits to user space (tracepoint kvm:kvm_userspace_exit)
  kvm         KVM's own counters of the VM (debugfs); "exits" are all exits
  memory      resident outside the one mapping that is guest RAM (smaps)
What needs root or tracefs and cannot be had is null.

Two other plans look at tane alone: the time until the first KVM_RUN as --stats
tells it, and how its phases share that time, read off its system calls
(tracepoints raw_syscalls:*, which cost it a few per cent).
"""
import contextlib
import glob
import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time

TRACING = "/sys/kernel/tracing"
DEBUGFS = "/sys/kernel/debug"
EXIT_REASONS = {2: "io", 6: "mmio"}
STOP_SECONDS = 5
END_SECONDS = 60  # from the marker to the end of the process
FIRST_RUN_CPU_SECONDS = 0.3

# System calls and ioctls that begin or end a phase, x86-64.
SYS_MMAP, SYS_IOCTL, SYS_PREAD, SYS_CLOCK_GETTIME = 9, 16, 17, 228
KVM_CREATE_VM, KVM_RUN, KVM_SET_SREGS = 0xae01, 0xae80, 0x4138ae84
CLOCK_PROCESS_CPUTIME_ID = 2
CONSOLE_LINES = 40


class Failure(Exception):
    """A machine did not do what it should."""


def read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


class Tracer:
    """An instance of ftrace: it disturbs nobody and goes away with us."""

    FIRST = "disable_event:kvm:kvm_entry:1"  # at the first exit
    COUNT = "hist:keys=common_pid,reason,errno"

    def __init__(self):
        if not os.path.isdir(TRACING + "/instances"):
            subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=True,
                           stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.path = f"{TRACING}/instances/tane-bench-{os.getpid()}"
        self.calls = self.path + "/events/raw_syscalls/enable"
        self.execs = self.path + "/events/sched/sched_process_exec/enable"
        os.mkdir(self.path)
        self.entry = self.path + "/events/kvm/kvm_entry"
        self.exit = self.path + "/events/kvm/kvm_exit"
        self.user_exit = self.path + "/events/kvm/kvm_userspace_exit"
        try:
            write(self.path + "/trace_clock", "mono")
            self.arm()  # not every kernel has triggers and histograms
            self.disarm()
        except OSError:
            self.close()
            raise

    def close(self):
        """The events are off before the instance goes."""
        with contextlib.suppress(OSError):
            self.disarm()
        with contextlib.suppress(OSError):
            os.rmdir(self.path)

    def disarm(self):
        write(self.entry + "/enable", "0")
        for event, trigger in ((self.exit, self.FIRST), (self.user_exit, self.COUNT)):
            with contextlib.suppress(OSError):  # it was not set
                write(event + "/trigger", "!" + trigger)
        write(self.calls, "0")
        write(self.execs, "0")
        write(self.path + "/set_event_pid", "")
        write(self.path + "/trace", "")

    def arm(self):
        """Note the first entry into a guest, count the exits."""
        self.disarm()
        write(self.exit + "/trigger", self.FIRST)
        write(self.user_exit + "/trigger", self.COUNT)
        write(self.entry + "/enable", "1")

    def arm_calls(self, command):
        """The command whose system calls, and its threads', will be noted."""
        self.disarm()
        write(self.path + "/buffer_size_kb", "4096")
        write(self.path + "/options/event-fork", "1")
        write(self.calls, "1")
        write(self.execs, "1")
        return ["/bin/sh", "-c", f'echo $$ >{self.path}/set_event_pid && exec "$@"',
                "sh", *command]

    def events(self):
        """(thread, seconds, name, text) of all that was noted."""
        pattern = r"-(\d+) +\[\d+\] \S+ +(\d+\.\d+): (\w+): ?(.*)"
        return [(int(thread), float(at), name, text) for thread, at, name, text
                in re.findall(pattern, read(self.path + "/trace"))]

    def first_entry(self):
        """Seconds on CLOCK_MONOTONIC, or None."""
        match = re.search(r"\s(\d+\.\d+): kvm_entry:", read(self.path + "/trace"))
        return float(match[1]) if match else None

    def user_exits(self, threads):
        """Exits of these threads to user space, by reason."""
        counts = {"io": 0, "mmio": 0, "other": 0, "interrupted": 0}
        pattern = (r"common_pid: *(\d+), *reason: *(\d+), *errno: *(\d+) *\}"
                   r" *hitcount: *(\d+)")
        for found in re.findall(pattern, read(self.user_exit + "/hist")):
            thread, reason, error, count = map(int, found)
            if thread in threads:
                name = "interrupted" if error else EXIT_REASONS.get(reason, "other")
                counts[name] += count
        return counts


def open_tracer():
    try:
        return Tracer()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"bench: no tracefs, so no exit counts: {error}", file=sys.stderr)
        return None


def threads_of(pid):
    return {int(name) for name in os.listdir(f"/proc/{pid}/task")}


def state_of(path):
    return read(path).rpartition(")")[2].split()[0]


def stop(pid):
    """SIGSTOP, and wait until every thread has stopped."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + STOP_SECONDS
    while any(state_of(path) != "T" for path in glob.glob(f"/proc/{pid}/task/*/stat")):
        if time.monotonic() > deadline:
            raise Failure("does not stop")
        time.sleep(0.01)


def memory_of(pid, ram):
    """KiB resident: of the mapping that is guest RAM, and of all others."""
    guests = []
    vmm = private = size = 0
    for line in read(f"/proc/{pid}/smaps").splitlines():
        span = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        if span:
            size = int(span[2], 16) - int(span[1], 16)
            continue
        name, _, value = line.partition(":")
        if name == "Rss":
            if size >= ram:
                guests.append(int(value.split()[0]))
            else:
                vmm += int(value.split()[0])
        elif name in ("Shared_Hugetlb", "Private_Hugetlb") and size >= ram:
            guests[-1] += int(value.split()[0])  # in no Rss
        elif name.startswith("Private_") and size < ram:
            private += int(value.split()[0])
    if len(guests) != 1:
        raise Failure(f"{len(guests)} mappings are as large as guest RAM, expected 1")
    return {"guest_kib": guests[0], "vmm_kib": vmm, "vmm_private_kib": private}


def reserve_hugepages(pages):
    """Give the host a pool of them; it may be too fragmented."""
    write("/proc/sys/vm/nr_hugepages", str(pages))
    got = int(read("/proc/sys/vm/nr_hugepages"))
    if got < pages:
        raise Failure(f"{pages} huge pages are needed, {got} could be had")


def kvm_counters(pid, counters):
    """KVM's own counters of the process's VM, by our names for them, or None."""
    for folder in glob.glob(f"{DEBUGFS}/kvm/{pid}-*"):
        return {name: int(read(f"{folder}/{theirs}"))
                for name, theirs in counters.items()}
    return None


class Process:
    """A VMM whose output, console and messages alike, is collected."""

    def __init__(self, command):
        self.output = b""
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT,
                                        start_new_session=True)
        self.pid = self.process.pid
        self.fd = self.process.stdout.fileno()
        self.poll = select.poll()
        self.poll.register(self.fd, select.POLLIN)

    def since_start(self):
        return (time.monotonic() - self.started) * 1000

    def read(self, seconds):
        """False at the end of the output."""
        if not self.poll.poll(max(0, seconds) * 1000):
            return True
        data = os.read(self.fd, 65536)
        self.output += data
        return bool(data)

    def wait_for(self, text, seconds):
        deadline = time.monotonic() + seconds
        while text not in self.output:
            if time.monotonic() > deadline:
                raise Failure(f"no {text.decode()!r} within {seconds} s")
            if not self.read(deadline - time.monotonic()):
                raise Failure(f"ended before {text.decode()!r}")

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while self.read(deadline - time.monotonic()):
            if time.monotonic() > deadline:
                raise Failure(f"no end within {seconds} s")
        try:
            return self.process.wait(max(1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Failure(f"no end within {seconds} s") from None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def console(self):
        lines = self.output.decode(errors="replace").replace("\r", "").splitlines()
        return "\n".join("  | " + line for line in lines[-CONSOLE_LINES:])


def inspect(process, plan, tracer):
    """What the stopped process has by now."""
    stop(process.pid)
    found = {"memory": memory_of(process.pid, plan["ram"]),
             "kvm": kvm_counters(process.pid, plan["counters"]),
             "user_exits": None, "first_run": None}
    if tracer:
        found["user_exits"] = tracer.user_exits(threads_of(process.pid))
        entry = tracer.first_entry()
        if entry is None:
            raise Failure("no entry into the guest seen")
        found["first_run"] = (entry - process.started) * 1000
    os.kill(process.pid, signal.SIGCONT)
    return found


def boot(machine, plan, when_up):
    """One boot: its times, and what when_up(process) finds."""
    process = Process(machine["command"])
    try:
        result = {}
        for name, text in plan["markers"].items():
            process.wait_for(text.encode(), plan["timeout"])
            result[name] = process.since_start()
        result.update(when_up(process))
        status = process.wait(END_SECONDS)
        result["end"] = process.since_start()
        if status:
            raise Failure(f"exit status {status}")
        return result
    except Failure as failure:
        raise Failure(f"{machine['name']}: {failure}\n  $ "
                      f"{shlex.join(machine['command'])}\n{process.console()}") from None
    finally:
        process.kill()


def timed_round(plan, results):
    for machine in plan["machines"]:
        result = boot(machine, plan, lambda process: {})
        for key, value in result.items():
            results[machine["name"]][key].append(value)


def close_look(plan, results, tracer):
    for machine in plan["machines"]:
        if tracer:
            tracer.arm()
        result = boot(machine, plan,
                      lambda process: inspect(process, plan, tracer))
        if tracer:
            tracer.disarm()
        for key in ("first_run", "user_exits", "kvm", "memory"):
            results[machine["name"]].setdefault(key, []).append(result[key])


def measure_series(plan, tracer):
    names = [machine["name"] for machine in plan["machines"]]
    results = {name: {key: [] for key in (*plan["markers"], "end")} for name in names}
    print(f"bench: {plan['title']}", file=sys.stderr)
    for machine in plan["machines"]:
        boot(machine, plan, lambda process: {})
    for number in range(1, plan["rounds"] + 1):
        timed_round(plan, results)
        line = ", ".join(f"{name} {results[name]['init'][-1]:.0f}" for name in names)
        print(f"bench: round {number}, ms to init: {line}", file=sys.stderr)
    for _ in range(plan["looks"]):
        close_look(plan, results, tracer)
    return results


def cpu_seconds(pid, thread_name):
    """CPU time of the process's thread of this name, 0 if there is none."""
    for folder in glob.glob(f"/proc/{pid}/task/*"):
        with contextlib.suppress(OSError):
            head, _, rest = read(folder + "/stat").rpartition(")")
            if head.partition("(")[2] == thread_name:
                ticks = sum(map(int, rest.split()[11:13]))
                return ticks / os.sysconf("SC_CLK_TCK")
    return 0


def first_run(item, timeout):
    """Milliseconds from process start to the first KVM_RUN, as --stats tells.

    The guest does not have to work: it is ended by force as soon as its CPU
    shows exits (--trace) or has taken more CPU time than being made takes.
    """
    process = Process(item["command"])
    try:
        deadline = time.monotonic() + timeout
        while process.read(0.02):
            if (b"trace: " in process.output or
                    cpu_seconds(process.pid, "vcpu 0") > FIRST_RUN_CPU_SECONDS):
                process.process.send_signal(signal.SIGINT)
                time.sleep(0.05)
                process.process.send_signal(signal.SIGINT)
                break
            if time.monotonic() > deadline:
                raise Failure(f"no end within {timeout} s")
        process.wait(timeout)
        text = process.output.decode(errors="replace")
        found = re.search(r"time to the first KVM_RUN +([\d.]+) ms", text)
        peak = re.search(r"(\d+) KiB at its peak", text)
        if not found or not peak:
            raise Failure("no --stats")
        return float(found[1]), int(peak[1])
    except Failure as failure:
        raise Failure(f"{item['name']}: {failure}\n  $ {shlex.join(item['command'])}\n"
                      f"{process.console()}") from None
    finally:
        process.kill()


def measure_first_runs(plan):
    results = {item["name"]: {"first_run": [], "peak_kib": []} for item in plan["items"]}
    for number in range(plan["rounds"] + 1):  # round 0 fills the page cache
        for item in plan["items"]:
            milliseconds, peak = first_run(item, plan["timeout"])
            if number:
                results[item["name"]]["first_run"].append(milliseconds)
                results[item["name"]]["peak_kib"].append(peak)
    return results


class Calls:
    """What the tracer noted, from the command's start on."""

    def __init__(self, events):
        execs = [n for n, event in enumerate(events) if event[2] == "sched_process_exec"]
        self.start = events[execs[-1]][1]
        self.list = []  # (thread, seconds, is its end, number, arguments or result)
        for thread, at, name, text in events[execs[-1]:]:
            match = re.match(r"NR (\d+) (.*)", text)
            if match and name == "sys_enter":
                args = [int(word, 16) for word in match[2].strip("()").split(", ")]
                self.list.append((thread, at, False, int(match[1]), args))
            elif match:
                self.list.append((thread, at, True, int(match[1]), match[2]))

    def find(self, what, test, after=0):
        """When the first such call began and ended."""
        for n, (thread, at, is_end, number, args) in enumerate(self.list):
            if not is_end and at > after and test(number, args):
                for call in self.list[n:]:
                    if call[0] == thread and call[2] and call[3] == number:
                        return at, call[1]
                return at, None
        raise Failure(f"no {what} among the system calls")

    def ioctl(self, name, request):
        return self.find(name, lambda number, args:
                         number == SYS_IOCTL and args[1] == request)


def is_kernel_read(number, args):
    """Of a file of a MiB and more: by pread, or as a mapping."""
    return (args[2] >= 1 << 20 if number == SYS_PREAD else
            number == SYS_MMAP and args[1] >= 1 << 20 and args[4] < 1 << 16)


def phases(calls):
    """Milliseconds of each phase."""
    main_at = calls.find("clock_gettime", lambda number, args: args[0] ==
                         CLOCK_PROCESS_CPUTIME_ID and number == SYS_CLOCK_GETTIME)[0]
    created = calls.ioctl("KVM_CREATE_VM", KVM_CREATE_VM)[1]
    read_at, read_end = calls.find("read of the kernel", is_kernel_read, created)
    loaded = calls.ioctl("KVM_SET_SREGS", KVM_SET_SREGS)[0]
    run = calls.ioctl("KVM_RUN", KVM_RUN)[0]
    times = (("exec to main()", calls.start, main_at),
             ("to the VM", main_at, created),
             ("machine, vCPU threads", created, read_at),
             ("read the kernel", read_at, read_end),
             ("unpack, place, initrd, tables", read_end, loaded),
             ("reset, start", loaded, run),
             ("sum: exec to KVM_RUN", calls.start, run))
    return {name: (end - start) * 1000 for name, start, end in times}


def trace_start(item, tracer, timeout):
    """Start tane, end it once its guest runs; the phases of its start."""
    process = Process(tracer.arm_calls(item["command"]))
    try:
        deadline = time.monotonic() + timeout
        while cpu_seconds(process.pid, "vcpu 0") < FIRST_RUN_CPU_SECONDS:
            if not process.read(0.05):
                break
            if time.monotonic() > deadline:
                raise Failure(f"the guest does not run within {timeout} s")
        return phases(Calls(tracer.events()))
    except Failure as failure:
        raise Failure(f"{item['name']}: {failure}\n{process.console()}") from None
    finally:
        process.kill()
        tracer.disarm()


def measure_phases(plan, tracer):
    if not tracer:
        raise Failure("phases need tracefs, and root")
    results = {}
    for item in plan["phases"]:
        trace_start(item, tracer, plan["timeout"])  # fills the page cache
        rounds = [trace_start(item, tracer, plan["timeout"])
                  for _ in range(plan["rounds"])]
        results[item["name"]] = {name: [times[name] for times in rounds]
                                 for name in rounds[0]}
    return results


def main():
    plan = json.loads(sys.argv[1])
    tracer = None
    try:
        if "items" in plan:
            results = measure_first_runs(plan)
        elif "phases" in plan:
            tracer = open_tracer()
            results = measure_phases(plan, tracer)
        else:
            if plan["hugepages"]:
                reserve_hugepages(plan["hugepages"])
            tracer = open_tracer()
            results = [measure_series(series, tracer) for series in plan["series"]]
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    finally:
        if tracer:
            tracer.close()
    json.dump({"kernel": os.uname().release, "results": results}, sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
