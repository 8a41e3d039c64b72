# SPDX-License-Identifier: BSD-2-Clause
"""PCI as Debian's kernels see it, with virtio devices on it: found, quiet, working.

Each boot runs the script below once; the tests then look at its parts.
"""
import re

import pytest

import linux
from tane import Tane

DEVICES = ["--rng", "--balloon", "0"]  # in the order of their slots
SCRIPT = r"""
part() { echo "== $1"; }
random() { dd if=/dev/hwrng bs=16 count=8 2>/dev/null | wc -c; }
part lspci
/usr/bin/lspci -vvnn 2>&1
part irq
cat /sys/bus/pci/devices/0000:00:01.0/irq
part random
random
part interrupts
cat /proc/interrupts
part iomem
cat /proc/iomem
part move
if [ -n "$1" ]; then
	cd /sys/bus/pci/devices
	echo 0000:00:01.0 >/sys/bus/pci/drivers/virtio-pci/unbind
	/usr/bin/setpci -s 01.0 COMMAND=0 BASE_ADDRESS_0="$1" BASE_ADDRESS_1="$2" \
		BASE_ADDRESS_4="$3" COMMAND=3
	echo 1 >0000:00:01.0/remove
	echo 1 >/sys/bus/pci/rescan
	/usr/bin/lspci -v -s 01.0
	random
fi
part dmesg
dmesg
part end
[ -d /sys/firmware/acpi ] || reboot -f
"""


class Boot:
    """What to boot, and how."""

    def __init__(self, kind="generic", params="", options=(), devices=True, move=""):
        self.kind = kind
        self.params = params
        self.options = list(options)
        self.devices = devices
        self.move = move  # what is written to the BARs of the first device
        self.acpi = "acpi=off" not in params
        self.msi = "nomsi" not in params

    def __str__(self):
        words = [self.kind, self.params, *self.options, "" if self.devices else "bare",
                 "moving" if self.move else ""]
        return " ".join(word for word in words if word)


BOOTS = [
    Boot(params="acpi=off", devices=False),
    Boot("cloud", move="f000 c0000000 c0001000"),
    Boot("cloud", options=["-c", "2", "-m", "5120M"], move="2000 0 80000000"),
    Boot(params="pci=nomsi"),
    Boot(params="acpi=off", options=["-c", "2"]),
    Boot(params="acpi=off pci=nomsi,conf1", move="cf8 d0000000 e0000000"),
    Boot(params="pci=conf1", options=["--boot", "pvh"]),
    Boot(params="pci=noearly,nocrs"),
]


class Report:
    """The parts of the report, by name, and the process that ran it."""

    def __init__(self, boot):
        self.boot = boot
        options, words = linux.additions(boot.kind, linux.VIRTIO, ["lspci", "setpci"])
        script = linux.archive("pci-script.cpio", {"pci.sh": SCRIPT.encode()})
        run = linux.parameters(f"sh /pci.sh {boot.move}", f"{words} {boot.params}")
        self.tane = Tane("-k", linux.kernel(boot.kind, "vmlinux"), "--boot", "linux",
                         "-i", linux.initramfs(), *options, "-i", script, "-p", run,
                         "--stats", "--no-reboot", *(DEVICES if boot.devices else []),
                         *boot.options)
        self.tane.expect("== end\r*\n", 150)
        self.tane.status = self.tane.wait()
        found = re.split(r"^== (\w+)\n", self.tane.text(), flags=re.M)
        self.parts = dict(zip(found[1::2], found[2::2]))

    def __getattr__(self, name):
        return self.parts[name]

    def accesses(self, name):
        """How often the guest touched ranges of this name, by --stats."""
        rows = re.findall(rf" {name} +0x\w+ +reads (\d+) +writes (\d+)",
                          self.tane.error_text())
        return sum(int(reads) + int(writes) for reads, writes in rows)


@pytest.fixture(scope="session", params=BOOTS, ids=str)
def boot(request):
    """It may fail in a test only: then it shows what the guest said."""
    return Report(request.param)


COMPLAINTS = re.compile(
    r"PCI: Fatal|[Cc]an't (claim|assign|derive|find|enable|ioremap)|no (compatible|GSI|space)"
    r"|[Ff]ailed|conflict|not reserved|[Ii]nvalid|nobody cared|[Ff]irmware (Bug|Warn)|BIOS bug"
    r"|ACPI (BIOS )?(Error|Warning|Exception)|_OSC.*(fail|error)|[Mm]isconfig|not (found|mapped)"
    r"|MMCONFIG.*(off|disabl|ignor|not)|doesn't|does not|unable|Unable|no IRQ|IRQ.*not|timeout"
    r"|No config space access", re.M)
# Words of the kernels about themselves, and about a CPU that is emulated.
HARMLESS = re.compile(r"fail(ed|sa)\w* open|tsc: |Unable to calibrate|XSAVE|module verification"
                      r"|intel_rapl|MPTABLE|Speculative|acpi=off|platform eisa|eisa |RAS: "
                      r"|AMD-Vi|no PnP device found|PCI: Not using MMCONFIG|not supported"
                      r"|DMI not present|invalidation|No PS/2 controller|No busn resource")


def test_kernel_complains_about_nothing(boot):
    lines = [line for line in boot.dmesg.splitlines()
             if COMPLAINTS.search(line) and not HARMLESS.search(line)]
    assert lines == []
    assert boot.tane.status == 0


def test_bridge_and_configuration_space(boot):
    assert "pci 0000:00:00.0: [1b36:0008] type 00 class 0x060000" in boot.dmesg
    assert "Using configuration type 1 for base access" in boot.dmesg
    if boot.boot.acpi:
        assert "ACPI: MCFG 0x" in boot.dmesg
        assert "ACPI: PCI Root Bridge [PCI0] (domain 0000 [bus 00])" in boot.dmesg
    if boot.boot.acpi and boot.boot.params in ("", "pci=nomsi"):
        assert "MMCONFIG at [mem 0xe0000000-0xe00fffff] reserved in E820" in boot.dmesg
        assert "root bus resource [io  0x1000-0xffff window]" in boot.dmesg
        assert "root bus resource [mem 0xc0000000-0xdfffffff window]" in boot.dmesg


def test_lspci_is_clean(boot):
    assert re.match(r"00:00\.0 .*\[0600\]: .*\[1b36:0008\]\n", boot.lspci)
    assert re.findall(r"^00:0\d\.0 ", boot.lspci, re.M) == [
        f"00:0{n}.0 " for n in range(3 if boot.boot.devices else 1)]
    for word in ("pcilib", "!!!", "access denied", "Unknown header", "rev ff", "[disabled]",
                 "<unassigned>", "[virtual]", "<ignored>"):
        assert word not in boot.lspci, word
    for function in re.split(r"^\n", boot.lspci, flags=re.M)[1:]:
        if not function:
            continue
        assert "Control: I/O+ Mem+ BusMaster+" in function
        assert re.search(r"Region 1: Memory at c00\w+ \(32-bit", function)
        assert "Interrupt: pin A routed to IRQ" in function
        assert f"MSI-X: Enable{'+' if boot.boot.msi else '-'} Count=" in function
        assert "Kernel driver in use: virtio-pci" in function


def test_interrupts(boot):
    """Messages, or the wire: device 1 is on pin 17, device 2 on pin 18 of the I/O APIC."""
    if not boot.boot.devices:
        return
    assert boot.random == "128\n"
    rows = [line.split() for line in boot.interrupts.splitlines() if "virtio" in line]
    cpus = len(boot.interrupts.splitlines()[0].split())
    if boot.boot.msi:
        assert all("PCI-MSI" in row for row in rows)
        counts = {row[-1]: sum(map(int, row[1:1 + cpus])) for row in rows}
        assert counts["virtio0-input"] > 0
    else:
        assert [row[0] for row in rows] == ["17:", "18:"]
        assert all(row[1 + cpus] == "IO-APIC" and row[2 + cpus].endswith("fasteoi")
                   for row in rows)
        assert sum(map(int, rows[0][1:1 + cpus])) > 0
        assert boot.irq == "17\n"


def test_the_guest_moves_bars(boot):
    """With nonsense in its BARs, and found anew, a device gets other places from Linux: above
    4 GiB, for one. There it works, so its doorbells have moved along."""
    if not boot.boot.move:
        return
    assert boot.move.endswith("\n128\n")
    assert "Kernel driver in use: virtio-pci" in boot.move
    place = re.search(r"Memory at (\w+) \(64-bit, non-prefetchable\) \[size=16K\]",
                      boot.move)[1]
    assert int(place, 16) >= 1 << 32
    assert f"virtio-rng         0x{place}" in boot.tane.error_text()


def test_nothing_on_pci():
    """ACPI does not speak of an empty bus, so a kernel looks at it no more than it did when
    there was none; and it does not complain."""
    report = Report(Boot(devices=False))
    assert report.tane.status == 0
    assert "ACPI: MCFG" not in report.dmesg and "PCI Root Bridge" not in report.dmesg
    assert report.accesses("pci-config") < 320
    assert report.accesses("pci-ecam") == 0
    assert [line for line in report.dmesg.splitlines()
            if COMPLAINTS.search(line) and not HARMLESS.search(line)] == []
