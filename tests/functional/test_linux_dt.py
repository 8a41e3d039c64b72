# SPDX-License-Identifier: BSD-2-Clause
"""The machine that has a device tree: interrupt controllers, and what its tree says."""
import os
import re
import subprocess

import pytest

import linux
import tane
from marks import device_tree

pytestmark = device_tree
LAB_IRQCHIP = os.environ.get("TANE_LAB_IRQCHIP")
# What KVM of this lab lets a guest have.
IRQCHIPS = {"aia": ["aia", "plic"], "plic": ["plic"]}.get(LAB_IRQCHIP, [LAB_IRQCHIP])
EARLYCON, EARLYCON_SAYS = {
    "riscv64": ("uart8250,mmio,0x10000000", "uart8250 at MMIO 0x0000000010000000"),
    "arm64": ("pl011,mmio32,0x9000000", "pl11 at MMIO32 0x0000000009000000"),
}.get(tane.ARCH, ("", ""))
# In /proc/interrupts: a wire of the controller, and a message to it.
WIRES = {"plic": "SiFive PLIC", "aia": "APLIC-MSI", "gicv3": "GICv3", "gicv2": "GIC-0"}
MESSAGES = {"plic": WIRES["plic"], "aia": "PCI-MSI", "gicv3": "ITS-MSI", "gicv2": "MSI"}
SCRIPT = """
head -c 4000 /dev/hwrng | wc -c
dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null && md5sum /dev/vda
udhcpc -i eth0 -n -q -f 2>&1 | grep lease
grep virtio /proc/interrupts | sed 's/^/IRQ /'
"""


@pytest.mark.parametrize("transport", ["pci", "mmio"])
@pytest.mark.parametrize("irqchip", IRQCHIPS)
def test_devices_interrupt(irqchip, transport, tmp_path):
    """By messages where the controller takes them, by wires else; on two CPUs."""
    disk = tmp_path / "disk"
    disk.write_bytes(os.urandom(1 << 20))
    machine = linux.run(SCRIPT, "--irqchip", irqchip, "--virtio", transport, "-c", "2",
                        "--rng", "-d", disk, "-n", "user", load=linux.VIRTIO)
    text = machine.text()
    assert machine.status == 0
    assert "\n4000\n" in text
    assert re.search(r"[0-9a-f]{32}  /dev/vda", text)[0].split()[0] == \
        subprocess.run(["md5sum", disk], stdout=subprocess.PIPE, check=True,
                       text=True).stdout.split()[0]
    assert "10.0.2.15" in text
    rows = re.findall(r"^IRQ *\S+: +(\d+) +(\d+) +(.*)$", text, re.M)
    kind = (MESSAGES if transport == "pci" else WIRES)[irqchip]
    assert len(rows) >= 3
    assert all(kind in row[2] for row in rows), rows
    assert sum(int(row[0]) + int(row[1]) for row in rows) > 10


def test_the_command_line_that_it_began_with():
    """An early console by the UART's address, two CPUs, an address by DHCP."""
    script = "udhcpc -i eth0 -n -q -f; echo end"
    machine = linux.run(script, "-m", "1024", "-c", "2", "--console", "serial", "-n", "user",
                        params=f"loglevel=7 console={linux.TTY} earlycon={EARLYCON}",
                        load=linux.VIRTIO)
    text = machine.text()
    assert machine.status == 0
    assert f"earlycon: {EARLYCON_SAYS}" in text
    assert "Brought up 1 node, 2 CPUs" in text
    assert "lease of 10.0.2.15 obtained" in text


@pytest.mark.parametrize("irqchip", IRQCHIPS)
def test_dtc_has_no_complaint(irqchip, tmp_path):
    blob, disk = tmp_path / "dtb", tmp_path / "disk"
    disk.write_bytes(bytes(1 << 20))
    machine = tane.run("-k", linux.kernel(), "-c", "3", "-m", "5G", "--irqchip", irqchip,
                       "-d", disk, "-n", "user", "--dump-dtb", blob)
    assert machine.status == 0, machine.error_text()
    done = subprocess.run(["dtc", "-I", "dtb", "-O", "dts", blob], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("cpu@") >= 3


@pytest.mark.parametrize("options, message", {
    "riscv64": [(["--irqchip", "gicv3"], "riscv64 has plic and aia"),
                (["--irqchip", "plic", "-c", "1000"], "serves 512")],
    "arm64": [(["--irqchip", "plic"], "arm64 has auto, gicv2 and gicv3"),
              (["--irqchip", "gicv2", "-c", "9"], "a GICv2 takes at most 8")],
}.get(tane.ARCH, []))
def test_refusals(options, message):
    machine = tane.run("-k", linux.kernel(), *options)
    assert machine.status in (1, 2)
    assert "--irqchip" in machine.error_text() or "--cpus" in machine.error_text()
    assert message in machine.error_text()
