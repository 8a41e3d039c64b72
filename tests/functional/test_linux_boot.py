# SPDX-License-Identifier: BSD-2-Clause
"""Debian's stock kernels boot; what they say about the machine they find.

Each boot runs report.sh once; the tests then look at its parts. What only a PC has,
and what only a machine with a device tree has, is in tests of their own.
"""
import os
import re
import time

import pytest

import linux
from marks import device_tree, every_arch, x86_only
from tane import ARCH, Tane

pytestmark = every_arch
MIB = 1 << 20


class Boot:
    """What to boot, and how."""

    def __init__(self, kind, cpus=1, memory=512, image="vmlinuz", how=None, params="",
                 irqchip=None):
        self.kind = kind
        self.cpus = cpus
        self.memory = memory  # MiB
        self.image = image
        self.how = how
        self.params = params
        self.irqchip = irqchip
        self.acpi = "acpi=off" not in params
        self.kvm_clocks = "no-kvmclock" not in params

    def __str__(self):
        words = [self.kind, self.image, f"{self.cpus}cpu", f"{self.memory}M", self.how,
                 self.irqchip, self.params]
        return " ".join(word for word in words if word)


LAB_IRQCHIP = os.environ.get("TANE_LAB_IRQCHIP")
# A GIC of version 2 is all that KVM has for a guest if it runs on one itself.
GIC = "gicv2" if LAB_IRQCHIP == "gicv2" else "gicv3"
BOOTS = {"x86_64": [
    Boot("cloud"),
    Boot("cloud", cpus=2, memory=128),
    Boot("cloud", cpus=4, memory=5120),
    Boot("cloud", cpus=8),
    Boot("cloud", how="pvh"),
    Boot("cloud", cpus=2, image="vmlinux", how="linux"),
    Boot("cloud", cpus=2, image="vmlinux", how="pvh", memory=5120),
    Boot("generic"),
    Boot("generic", cpus=2, memory=128),
    Boot("generic", cpus=4, memory=5120),
    Boot("generic", cpus=1, image="vmlinux", how="linux", memory=3584),
    Boot("generic", cpus=4, image="vmlinux", how="pvh"),
    Boot("generic", cpus=2, image="vmlinux", params="acpi=off"),
    Boot("generic", cpus=4, image="vmlinux", params="acpi=off", memory=5120),
    # Without the clocks that KVM offers, those of a PC have to do.
    Boot("generic", cpus=2, image="vmlinux",
         params="acpi=off lapic=notscdeadline no-kvmclock"),
], "riscv64": [
    Boot("generic"),
    Boot("generic", cpus=2, memory=256, irqchip="plic"),
    Boot("generic", cpus=4, memory=5120, irqchip=None if LAB_IRQCHIP == "plic" else "aia"),
], "arm64": [
    Boot("cloud"),
    Boot("cloud", cpus=2, memory=256, irqchip=GIC),
    Boot("generic", cpus=4, memory=5120),
]}[ARCH]


class Report:
    """The parts of the report, by name, and the process that ran it."""

    def __init__(self, boot):
        self.boot = boot
        options = ["-c", boot.cpus, "-m", f"{boot.memory}M", "--stats"]
        if boot.how:
            options += ["--boot", boot.how]
        if boot.irqchip:
            options += ["--irqchip", boot.irqchip]
        if not boot.acpi:
            options += ["--no-reboot"]  # it cannot power off, so the report ends by a reset
        self.tane = Tane("-k", linux.kernel(boot.kind, boot.image), "-i", linux.initramfs(),
                         *options, "-p", f"{linux.QUIET} {boot.params} tane.script=/report.sh")
        self.tane.expect("== time\r*\n", 150)
        self.host_time = time.time()
        self.tane.status = self.tane.wait(180)
        found = re.split(r"^== (\w+)\n", self.tane.text(), flags=re.M)
        self.parts = dict(zip(found[1::2], found[2::2]))

    def __getattr__(self, name):
        return self.parts[name]

    def cpus(self):
        """Of /proc/cpuinfo, one dictionary for each CPU."""
        return [dict(re.findall(r"^(\S.*?)\s*: ?(.*)$", block, re.M))
                for block in self.cpuinfo.strip().split("\n\n")]


@pytest.fixture(scope="session", params=BOOTS, ids=str)
def boot(request):
    """It may fail in a test only: then it shows what the guest said."""
    return Report(request.param)


def test_runs_to_its_end(boot):
    assert "end" in boot.parts
    assert boot.tane.status == 0
    warning = r"(tane: warning: \d+ CPUs are more than the \d+ that KVM recommends.*\n)?"
    assert re.match(warning + "tane: statistics\n", boot.tane.error_text())
    with open(linux.kernel(boot.boot.kind, "version"), encoding="ascii") as file:
        assert boot.uname == file.read()


@x86_only
def test_statistics(boot):
    text = boot.tane.error_text()
    first, milestone = (float(re.search(rf"time to {what} +([\d.]+) ms", text)[1])
                        for what in ("the first KVM_RUN", "milestone 1"))
    assert 0 < first < milestone
    assert int(re.search(r"exit io +(\d+)", text)[1]) > 100
    assert re.search(r"port uart16550.0 +0x3f8 +reads \d+ +writes \d+", text)
    assert int(re.search(r"(\d+) KiB at its peak", text)[1]) < 200 * 1024


def test_cpus(boot):
    count = boot.boot.cpus
    assert boot.nproc == f"{count}\n"
    numbers = re.findall(r"^processor\s*: (\d+)$", boot.cpuinfo, re.M)
    assert numbers == [str(n) for n in range(count)]
    assert f"Brought up 1 node, {count} CPU" in boot.dmesg


@device_tree
def test_cpus_of_the_device_tree(boot):
    """Those of the host, as far as its KVM lets a guest have what they can do."""
    with open("/proc/cpuinfo", encoding="ascii") as file:
        host = dict(re.findall(r"^(\w.*?)\s*: ?(.*)$", file.read(), re.M))
    cpus = boot.cpus()
    if ARCH == "riscv64":
        assert [cpu["hart"] for cpu in cpus] == [str(n) for n in range(len(cpus))]
        base, *names = host["isa"].split("_")
        for cpu in cpus:
            assert cpu["mmu"] == host["mmu"]
            words = cpu["isa"].split("_")
            assert set(words[0]) == set(base.replace("h", "")), cpu["isa"]
            assert set(words[1:]) <= set(names)
            assert {"zicntr", "zicsr", "zba", "zbb"} & set(names) <= set(words)
    else:
        for cpu in cpus[:boot.boot.cpus]:
            assert cpu["CPU part"] == host["CPU part"]
            assert set(cpu["Features"].split()) <= set(host["Features"].split())
            assert {"fp", "asimd", "atomics"} <= set(cpu["Features"].split())


@x86_only
def test_cpu_topology(boot):
    """All in one package, a core each, with the right APIC IDs."""
    count = boot.boot.cpus
    cpus = boot.cpus()
    assert [cpu["apicid"] for cpu in cpus] == [str(n) for n in range(count)]
    assert [cpu["initial apicid"] for cpu in cpus] == [str(n) for n in range(count)]
    assert [cpu["core id"] for cpu in cpus] == [str(n) for n in range(count)]
    assert {cpu["physical id"] for cpu in cpus} == {"0"}
    assert {cpu["siblings"] for cpu in cpus} == {str(count)}
    assert {cpu["cpu cores"] for cpu in cpus} == {str(count)}
    for cpu in cpus:
        flags = cpu["flags"].split()
        assert "hypervisor" in flags
        assert "x2apic" in flags
        assert ("tsc_deadline_timer" in flags) != ("notscdeadline" in boot.boot.params)


def test_memory(boot):
    total = int(re.search(r"MemTotal: +(\d+) kB", boot.meminfo)[1]) // 1024
    # The kernel keeps its own image and a table of all pages for itself.
    most = boot.boot.memory // (40 if ARCH == "x86_64" else 25) + 100
    assert boot.boot.memory - most < total < boot.boot.memory


@x86_only
def test_memory_map(boot):
    """Sorted, without overlap; RAM as much as was asked for, none in the hole."""
    rows = [(int(low, 16), int(high, 16) + 1, kind) for low, high, kind in re.findall(
        r"BIOS-e820: \[mem 0x(\w+)-0x(\w+)\] (\w+)", boot.dmesg)]
    assert rows[0] == (0, 0x9fc00, "usable")
    assert rows[1][0] == 0x9fc00 and rows[1][2] == "reserved"
    assert rows == sorted(rows)
    assert all(this[1] <= following[0] for this, following in zip(rows, rows[1:]))
    usable = sum(high - low for low, high, kind in rows if kind == "usable")
    assert boot.boot.memory * MIB - MIB < usable < boot.boot.memory * MIB
    assert not any(low < 1 << 32 and high > 0xc0000000 for low, high, kind in rows
                   if kind == "usable")


COMPLAINTS = re.compile(
    r"PCI: Fatal|ACPI (BIOS )?(Error|Warning|Exception)|ACPI: .*([Ii]nvalid|[Ff]ail|[Bb]ad )"
    r"|\[Firmware (Bug|Warn|Info)|BIOS bug|[Ff]irmware bug|MP-BIOS|BIOS has"
    r"|MPTABLE: .*(bad|not|error|invalid)|MP-table.*(bad|not|error)"
    r"|not connected to IO-APIC|nobody cared|[Ss]purious|IRQ.*not free|unexpected IRQ"
    r"|APIC.*(not setup|failed)|topology.*(wrong|inconsistent)|inconsistent MTRR"
    r"|Unable to calibrate|clocksource.*skewed|can't (find|derive)"
    r"|i8042: .*(fail|timeout)|e820: .*(overlap|invalid)"
    r"|OF: .*([Ii]nvalid|[Ff]ail|bad|overlap)|[Bb]ad cell|GIC.*(fail|[Ii]nvalid|mismatch)"
    r"|(plic|imsic|aplic).*(fail|invalid|error)|PCI.*can't|of_(irq|phandle).*fail"
    r"|psci: .*fail|arch_timer: .*(fail|broken|no interrupt)|rtc.*(fail|error)"
    r"|BUG:|Oops|WARNING: CPU|Call Trace|soft lockup|rcu.*stall")
# QEMU's emulation of L1's CPU does not tell KVM when the guest writes XCR0, so the
# size that CPUID gives is too small; with QEMU as the VMM the same warning comes.
XSAVE_WARNING = re.compile(r"WARNING: CPU: 0 .*fpu__init_system_xstate|Call Trace:")


def test_kernel_complains_about_nothing(boot):
    """Neither about the tables nor about a chip."""
    lines = [line for line in boot.dmesg.splitlines() if COMPLAINTS.search(line)]
    if "XSAVE consistency problem" in boot.dmesg and os.environ.get("TANE_LAB"):
        lines = [line for line in lines if not XSAVE_WARNING.search(line)]
    if os.environ.get("TANE_LAB"):  # where a CPU may stand still for a while, docs/lab.md
        lines = [line for line in lines if not re.search("soft lockup|rcu.*stall", line)]
    if not boot.boot.kvm_clocks:  # it was asked to do without them
        lines = [line for line in lines if "Unable to calibrate" not in line]
    assert lines == []


@x86_only
def test_tables(boot):
    if boot.boot.acpi:
        for table in ("RSDP", "XSDT", "FACP", "DSDT", "FACS", "APIC"):
            assert re.search(rf"ACPI: {table} 0x", boot.dmesg)
        assert "ACPI: Using ACPI (MADT) for SMP configuration information" in boot.dmesg
        assert "ACPI: PM: (supports S0 S5)" in boot.dmesg
    else:
        assert "found SMP MP-table at [mem 0x0009fc00-0x0009fc0f]" in boot.dmesg
        assert "Intel MultiProcessor Specification v1.4" in boot.dmesg
        assert f"Processors: {boot.boot.cpus}" in boot.dmesg
        assert "ACPI: Interpreter disabled." in boot.dmesg
    assert re.search(r"IOAPIC\[0\]: apic_id \d+, version 17, address 0xfec00000, GSI 0-23",
                     boot.dmesg)


CONTROLLERS = {"plic": "SiFive PLIC", "aia": "APLIC-MSI", "gicv3": "GICv3", "gicv2": "GIC-0"}


@device_tree
def test_interrupt_controller(boot):
    """The one that was asked for, by default the best that KVM has; and each CPU has a
    timer that ticks."""
    best = {"riscv64": "plic" if LAB_IRQCHIP == "plic" else "aia", "arm64": GIC}[ARCH]
    name = CONTROLLERS[boot.boot.irqchip or best]
    count = boot.boot.cpus
    rows = [line.split(None, count + 1) for line in boot.interrupts.splitlines()[1:]]
    rows = [row for row in rows if len(row) == count + 2]
    uart = [row for row in rows if re.search(r"ttyS0|uart-pl011", row[-1])][0]
    assert uart[-1].startswith(name)
    if ARCH == "riscv64":  # a PL011 that is never full need not interrupt
        assert sum(map(int, uart[1:count + 1])) > 0
    timer = [row for row in rows if re.search(r"riscv-timer|arch_timer", row[-1])][0]
    assert all(int(ticks) > 0 for ticks in timer[1:count + 1])


@x86_only
def test_interrupts(boot):
    """They come by way of the I/O APIC, and each CPU has a timer that ticks."""
    count = boot.boot.cpus
    rows = {line.split()[0].rstrip(":"): line.split()[1:]
            for line in boot.interrupts.splitlines()[1:]}
    names = {row[-1]: row for row in rows.values()}
    for name in ["ttyS0", "rtc0"] + (["acpi"] if boot.boot.acpi else []):
        assert names[name][count] == "IO-APIC", name
    assert sum(map(int, names["ttyS0"][:count])) > 0
    assert len(rows["LOC"]) > count
    assert all(int(ticks) > 0 for ticks in rows["LOC"][:count])
    if not boot.boot.kvm_clocks:
        assert names["timer"][count] == "IO-APIC"
        assert sum(map(int, names["timer"][:count])) > 50
    assert rows["ERR"] == ["0"] and rows["MIS"] == ["0"]


def test_clock_goes(boot):
    before, after = map(float, boot.sleep.split())
    assert 0.99 <= after - before < 5


@device_tree
def test_clock_source(boot):
    assert boot.clocksource == {"riscv64": "riscv_clocksource\n",
                                "arm64": "arch_sys_counter\n"}[ARCH]


@x86_only
def test_clock(boot):
    assert "Hypervisor detected: KVM" in boot.dmesg
    assert "x2apic enabled" in boot.dmesg
    assert (boot.clocksource == "kvm-clock\n") == boot.boot.kvm_clocks
    assert ("TSC deadline timer available" in boot.dmesg) == boot.boot.kvm_clocks


def test_time_of_day(boot):
    """The guest has it from the RTC."""
    seconds, clock = boot.time.splitlines()
    assert abs(int(seconds) - boot.host_time) < 60
    shown = time.strptime(clock.split("  ")[0] if "  " in clock else clock,
                          "%a %b %d %H:%M:%S %Y")
    assert abs(time.mktime(shown) - time.timezone - boot.host_time) < 60


def test_random_numbers_at_once(boot):
    """By the seed in setup_data or in the device tree, which setup_arch reads; PVH has no
    place for one.

    Lines have an order that can be trusted; a guest without a clock stamps zero for long.
    """
    in_setup_arch = boot.dmesg.partition("Kernel command line:" if ARCH == "x86_64"
                                         else "Memory: ")[0]
    at_once = "random: crng init done" in in_setup_arch
    by_pvh = boot.boot.how == "pvh" or (boot.boot.image, boot.boot.how) == ("vmlinux", None)
    assert at_once != by_pvh


@x86_only
def test_serial_ports(boot):
    lines = boot.serial.splitlines()
    assert re.match(r"0: uart:16550A port:000003F8 irq:4 ", lines[1])
    assert all("uart:unknown" in line for line in lines[2:])


def test_command_line(boot):
    """The default words and ours; nothing that works around anything."""
    line = re.search(r"[Cc]ommand line: (.*)", boot.dmesg)[1]
    default = [f"console={linux.TTY}"] + ([] if boot.boot.acpi else ["panic=-1"])
    assert line.split() == [*default, *linux.QUIET.split(), *boot.boot.params.split(),
                            "tane.script=/report.sh"]
