# SPDX-License-Identifier: BSD-2-Clause
"""Linux on the PC with firmware: SeaBIOS sets the machine up and starts the kernel."""
import hashlib
import os
import re

import linux

FACTS = """
echo "cpus=$(nproc)"
for row in /sys/firmware/memmap/*; do
    echo "memmap $(cat $row/start) $(cat $row/end) $(cat $row/type)"
done
for device in /sys/bus/pci/devices/*; do
    echo "pci ${device##*/} $(cat $device/vendor) $(cat $device/device)"
done
sed 's/^/interrupts /' /proc/interrupts
dmesg | grep -i -e conflict -e "can't" -e 'no compatible' -e 'not found' -e 'nobody cared' |
    sed 's/^/complaint /'
"""
# Of two disks the first is copied to the second, and read back.
COPY = """
dd if=/dev/vda of=/dev/vdb bs=64k 2>/dev/null && sync
echo 3 > /proc/sys/vm/drop_caches
echo "copy=$(md5sum < /dev/vdb)"
"""
# Several CPUs on one of the lab: SeaBIOS and the kernel's own unpacking take their time.
DEADLINE = 300


def make_disks(tmp_path):
    disks = [tmp_path / "a", tmp_path / "b"]
    disks[0].write_bytes(os.urandom(1 << 20))
    disks[1].write_bytes(bytes(1 << 20))
    return disks, hashlib.md5(disks[0].read_bytes()).hexdigest()


def run(script, disks, *options, **more):
    machine = linux.run(script, "--bios", *(f"-d{disk}" for disk in disks), *options,
                        load="virtio_pci virtio_blk", seconds=DEADLINE, **more)
    assert machine.status == 0
    return machine


def interrupts(text):
    """{name: (sum of all CPUs, kind)} of the devices in /proc/interrupts."""
    found = {}
    for counts, kind, name in re.findall(
            r"^interrupts +\d+:((?: +\d+)+) +(.*?) +(\S+)$", text, re.M):
        found[name] = (sum(map(int, counts.split())), kind)
    return found


def test_smp_and_much_memory(tmp_path):
    """CPUs, RAM and devices are as firmware was given them, by its tables alone."""
    disks, digest = make_disks(tmp_path)
    machine = run(FACTS + COPY, disks, "-m", "3584", "-c", "4")
    text = machine.text()
    assert "cpus=4\n" in text
    rows = [(int(start, 16), int(end, 16) + 1) for start, end in
            re.findall(r"^memmap (\w+) (\w+) System RAM$", text, re.M)]
    assert (0, 0x9fc00) in rows
    assert (4 << 30, (4 << 30) + (512 << 20)) in rows
    assert sum(start == 1 << 20 and (3 << 30) - (1 << 20) < end <= 3 << 30
               for start, end in rows) == 1
    assert re.findall(r"^pci 0000:00:(\S+) 0x(\w+) 0x(\w+)$", text, re.M) == [
        ("00.0", "8086", "1237"), ("01.0", "8086", "7000"), ("01.3", "8086", "7113"),
        ("02.0", "1af4", "1042"), ("03.0", "1af4", "1042")]
    assert re.findall("^complaint .*", text, re.M) == []
    assert all("PCI-MSI" in kind for name, (_, kind) in interrupts(text).items()
               if name.startswith("virtio"))
    assert f"copy={digest}" in text


def test_wires(tmp_path):
    """The pins of the I/O APIC that the tables tell, without messages."""
    disks, digest = make_disks(tmp_path)
    machine = run(FACTS + COPY, disks, params="pci=nomsi")
    found = interrupts(machine.text())
    assert "IO-APIC" in found["virtio0"][1] and "18-fasteoi" in found["virtio0"][1]
    assert "19-fasteoi" in found["virtio1"][1]
    assert found["virtio0"][0] and found["virtio1"][0]
    assert f"copy={digest}" in machine.text()


def test_pics(tmp_path):
    """No I/O APIC and no messages: PIRQs, as SeaBIOS has routed them to the PICs."""
    disks, digest = make_disks(tmp_path)
    machine = run(FACTS + COPY, disks, params="noapic pci=nomsi")
    found = interrupts(machine.text())
    assert "XT-PIC" in found["virtio0"][1] and found["virtio0"][0]
    assert "XT-PIC" in found["virtio1"][1] and found["virtio1"][0]
    assert "XT-PIC" in found["ttyS0"][1]
    assert f"copy={digest}" in machine.text()


def test_no_acpi(tmp_path):
    """Wires by the MP table, which is SeaBIOS's own and has a CPU of each package only.
    It cannot power off."""
    disks, digest = make_disks(tmp_path)
    machine = linux.start(FACTS + COPY, "--bios", *(f"-d{disk}" for disk in disks),
                          load="virtio_pci virtio_blk", kind="generic",
                          params="acpi=off pci=nomsi")
    machine.expect(f"copy={digest}", DEADLINE)
    found = interrupts(machine.text())
    assert "IO-APIC" in found["virtio0"][1] and "10-fasteoi" in found["virtio0"][1]
    assert "11-fasteoi" in found["virtio1"][1]
    assert found["virtio0"][0] and found["virtio1"][0]


def test_reboot():
    machine = linux.start("grep -q again /proc/cmdline || reboot -f", "--bios")
    machine.expect("SeaBIOS")
    machine.expect("SeaBIOS", DEADLINE)
