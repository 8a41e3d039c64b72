# SPDX-License-Identifier: BSD-2-Clause
"""What the benches have in common that compare what guests of tane and of QEMU can do.

A Guest is a virtual machine with one of Debian's kernels, busybox, and a shell on its
serial console which takes orders. compare() boots everyone first; then each round
measures one after the other, while the others are stopped (SIGSTOP), so that what
disturbs the machine meets all alike. A closer look follows, once for each: exits of the
guest, system calls of the VMM and context switches (counters.py) for each unit of work.

main() runs a bench where KVM runs a stock kernel and we are root: here, or in one lab,
where the script is started again with --inside.
"""
import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/functional"))
sys.dont_write_bytecode = True

import linux  # noqa: E402 (it is found only now)
from counters import Counters  # noqa: E402

BOOT_SECONDS = 240
QEMU = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-nodefaults",
        "-no-user-config", "-display", "none", "-no-reboot"]
# Without parts that cost it time: SMM is initialised on each CPU, HPET and VMware's port
# are looked for.
PC = ["-M", "pc,smm=off,vmport=off,hpet=off"]


def release_build():
    folder = os.path.join(ROOT, "build-release")
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        subprocess.run(["meson", "setup", "--buildtype=release", folder, ROOT], check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, "tane"], check=True, stdout=subprocess.DEVNULL)
    return os.path.join(folder, "tane")


# Where fio's terse output, version 3, has bandwidth (KiB/s), IOPS and milliseconds.
TERSE = {"read": (6, 7, 8), "write": (47, 48, 49)}


def fio(file, seconds, options):
    """A command line."""
    return (f"fio --name=x --filename={file} --runtime={seconds} --time_based {options} "
            "--norandommap --randrepeat=0 --minimal --terse-version=3")


def fio_result(text, rw, unit):
    """What fio's output says in MB/s or IOPS, and how many I/Os there were."""
    for line in re.findall(r"3;fio-.*", text):  # a prompt may be in front of it
        fields = line.split(";")
        if len(fields) > 50 and fields[4] == "0":
            bandwidth, iops, runtime = (float(fields[i])
                                        for i in TERSE["read" if "read" in rw else "write"])
            if iops:
                value = iops if unit == "IOPS" else bandwidth * 1024 / 1e6
                return value, iops * runtime / 1000
    raise SystemExit(f"bench: {rw}: fio says: {text}")


class System:
    """What all guests of a bench boot."""

    def __init__(self, kind, memory, modules, programs=(), archives=()):
        """A kernel of linux.py, the modules to load, words of linux.PROGRAMS, functions
        that make more archives."""
        self.kind, self.memory, self.modules = kind, memory, modules
        self.programs, self.archives = programs, archives

    def parts(self):
        """The archives, in the order of loading."""
        return [linux.initramfs(), linux.modules(self.kind),
                *map(linux.program, self.programs), *(make() for make in self.archives)]

    def prepare(self):
        linux.kernel(self.kind)
        self.parts()

    def parameters(self):
        return "quiet tane.modules=" + self.modules.replace(" ", ",")

    def tane(self, program, *options):
        initrds = [word for part in self.parts() for word in ("-i", part)]
        return [program, "run", "-k", linux.kernel(self.kind), *initrds,
                "-p", self.parameters(), "-m", self.memory, *options]

    def qemu(self, initrd, *options):
        """It takes one initrd: this file is written."""
        with open(initrd, "wb") as out:
            for part in self.parts():
                with open(part, "rb") as file:
                    out.write(file.read())
        return [*QEMU, *PC, "-m", self.memory, "-serial", "stdio",
                "-kernel", linux.kernel(self.kind), "-initrd", initrd,
                "-append", "console=ttyS0 " + self.parameters(), *options]


class Guest:
    """A virtual machine with a shell on its serial console. A bench derives its own, with

    options(vmm)  what the command line of "tane" or "qemu" has for the bench
    orders()      shell functions to define in the guest, {name: body}
    work(name)    do what is measured
    result(name)  what came of it: a value, and how many units of work there were
    """

    def __init__(self, name, vmm, system, folder):
        """`vmm` is the program of a tane, or "qemu"; in `folder` are files for the time
        being."""
        self.name, self.vmm, self.system = name, vmm, system
        self.path = os.path.join(folder, name.replace(" ", "-"))
        self.process = self.log = None

    def orders(self):
        return {}

    def start(self):
        if self.vmm == "qemu":
            command = self.system.qemu(f"{self.path}.cpio", *self.options("qemu"))
        else:
            command = self.system.tane(self.vmm, *self.options("tane"))
        self.log = open(f"{self.path}.log", "w+b")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        self.wait_for(b"# ", BOOT_SECONDS)
        self.run("stty -echo", 60)
        # Short words for what comes later: each character on the console is an exit.
        for name, body in self.orders().items():
            self.run(f"{name}() {{ {body}; }}", 60)

    def output(self):
        with open(self.log.name, "rb") as file:
            return file.read()

    def wait_for(self, words, seconds, begin=0):
        deadline = time.monotonic() + seconds
        while words not in self.output()[begin:]:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(f"bench: {self.name} does not answer:\n" +
                                 self.output().decode(errors="replace")[-2000:])
            time.sleep(0.1)

    def run(self, command, seconds):
        """Run shell commands; what they say."""
        begin = len(self.output())
        self.process.stdin.write(f"{command}; echo BENCH''END\n".encode())
        self.process.stdin.flush()
        self.wait_for(b"BENCHEND", seconds, begin)
        return self.output()[begin:].decode(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.log:
            self.log.close()


@contextlib.contextmanager
def running(who):
    who.signal(signal.SIGCONT)
    try:
        yield
    finally:
        who.signal(signal.SIGSTOP)


def take_round(everyone, measures, results):
    for name in measures:
        for who in everyone:
            with running(who):
                who.work(name)
                results[who.name][name].append(who.result(name)[0])
        yield name, ", ".join(f"{who.name} {results[who.name][name][-1]:.0f}"
                              for who in everyone)


def look(who, name, counters):
    """What work costs, for each unit of it."""
    with running(who):
        counters.begin(who.process.pid)
        who.work(name)
        found = counters.found()
        amount = who.result(name)[1]
    return {key: count / amount for key, count in found.items()}


def compare(everyone, measures, rounds, warm_up=()):
    """Guests, and others that can be started, measured and stopped like them (of no process
    of their own, they are not looked at). What is named in warm_up is first done once."""
    results = {who.name: {name: [] for name in measures} for who in everyone}
    looks = {}
    counters = Counters()
    try:
        for who in everyone:
            who.start()
            who.signal(signal.SIGSTOP)
        for name in warm_up:
            for who in everyone:
                with running(who):
                    who.work(name)
        for number in range(1, rounds + 1):
            for name, line in take_round(everyone, measures, results):
                print(f"bench: round {number}, {name}: {line}", file=sys.stderr, flush=True)
        for who in everyone:
            if who.process:
                looks[who.name] = {name: look(who, name, counters) for name in measures}
    finally:
        for who in everyone:
            who.close()
        counters.close()
    return {"results": results, "looks": looks}


def ratio(ours, theirs):
    """The median of what pairs of the same round give."""
    return statistics.median(a / b for a, b in zip(ours, theirs))


def show_results(results, units):
    """A row for each measurement: everyone's median, the ratios of the first to the others."""
    first, *others = results
    print(f"{'':16}" + "".join(f"{name:>14}" for name in results) +
          "".join(f"{'/ ' + name:>10}" for name in others))
    for name, ours in results[first].items():
        cells = "".join(f"{statistics.median(values[name]):>9.0f} {units[name]:4}"
                        for values in results.values())
        cells += "".join(f"{ratio(ours, results[other][name]):>10.2f}" for other in others)
        print(f"{name:16}{cells}")


def show_looks(unit, looks):
    print(f"\nper {unit}:")
    for name in next(iter(looks.values())):
        for who, values in looks.items():
            cells = ", ".join(f"{what} {count:.2f}" for what, count in values[name].items()
                              if count >= 0.005)
            print(f"{name:16}{who:12} {cells}")


def parser(doc):
    """The options that all have."""
    name = os.path.basename(sys.argv[0])
    found = argparse.ArgumentParser(prog=f"tests/bench/{name}", allow_abbrev=False,
                                    description=doc.split("\n", 1)[0])
    found.add_argument("--rounds", type=int, default=5, metavar="N")
    found.add_argument("--tane", metavar="PROGRAM",
                       help="measure this one instead of a release build")
    found.add_argument("--only", action="append", default=[], metavar="WORD",
                       help="what has this word in its name; repeatable")
    found.add_argument("--icount", action="store_true",
                       help="in a lab whose clock counts instructions, a ns for each")
    found.add_argument("--json", metavar="FILE", help="write all values to this file")
    found.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return found


def chosen(args, names):
    return [name for name in names if not args.only or any(word in name for word in args.only)]


def in_lab(args, timeout):
    """Run this script in a lab; what it found."""
    with tempfile.TemporaryDirectory(prefix="tane-bench-") as own:
        options = [*(["--env", "TANE_GUESTS"] if "TANE_GUESTS" in os.environ else []),
                   *(["--icount"] if args.icount else [])]
        subprocess.run([os.path.join(ROOT, "tests/lab/x86_64"), "--timeout", str(timeout),
                        "--rw", own, *options, "--", "/usr/bin/python3", "-B",
                        os.path.realpath(sys.argv[0]), *sys.argv[1:], "--inside",
                        "--tane", args.tane, "--json", f"{own}/result"], check=True)
        with open(f"{own}/result", encoding="ascii") as file:
            return json.load(file)


def main(args, prepare, measure, show, timeout=3600):
    """Run a bench: prepare() makes what a lab cannot, measure(args) finds what can be JSON,
    show(found) prints it."""
    if args.inside:
        found = measure(args)
    else:
        args.tane = os.path.abspath(args.tane) if args.tane else release_build()
        prepare()
        usable = subprocess.run([os.path.join(ROOT, "tools/kvm-usable")], check=False,
                                stdout=subprocess.DEVNULL).returncode == 0
        here = usable and os.geteuid() == 0 and not args.icount
        found = measure(args) if here else in_lab(args, timeout)
        show(found)
    if args.json:
        with open(args.json, "w", encoding="ascii") as file:
            json.dump(found, file, indent=1)
    return 0
