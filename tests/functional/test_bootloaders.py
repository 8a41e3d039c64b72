# SPDX-License-Identifier: BSD-2-Clause
"""From firmware over a boot loader to a kernel: GRUB and SYSLINUX of Debian, on disks,
CD-ROMs and floppies. In the lab: where KVM can only emulate, GRUB alone takes minutes."""
import re
import subprocess

import pytest

import bootdisk
import linux
from tane import DEADLINE, Tane, guest, run

MULTIBOOT = """multiboot /boot/monitor info
module /boot/one first
module /boot/two second part
boot
"""

# What firmware said that memory is like, as the kernel found it: "BASE END KIND".
MEMMAP = """cd /sys/firmware/memmap
for i in $(ls | sort -n); do echo "row $(cat $i/start) $(cat $i/end) $(cat $i/type)"; done
"""
KINDS = {"System RAM": 1, "Reserved": 2}


@pytest.fixture(name="monitor_files")
def fixture_monitor_files(tmp_path):
    """The multiboot kernel of ours, with two modules."""
    (tmp_path / "one").write_text("module one")
    (tmp_path / "two").write_text("the second module")
    return {"/boot/monitor": guest("monitor"), "/boot/one": tmp_path / "one",
            "/boot/two": tmp_path / "two"}


def check_multiboot(*options):
    """It got from GRUB what a multiboot kernel is promised."""
    tane = run("-m", "64M", *options)
    assert (tane.status, tane.error_text()) == (0, "")
    text = tane.text()
    assert "magic 00000000 = 2badb002" in text
    assert re.findall(r"^module \w{8} \w{8} (.*) = (.*)$", text, re.M) == [
        ("first", "module one"), ("second part", "the second module")]
    assert re.search(r"^map 0{16} 0{11}9\w{4} 1$", text, re.M)


def test_grub_boots_multiboot_from_a_disk(tmp_path, monitor_files):
    check_multiboot("-d", bootdisk.grub_disk(tmp_path, monitor_files, MULTIBOOT, mib=16))


def linux_files(tmp_path):
    """Debian's kernel, and an initramfs with bash."""
    initrd = tmp_path / "initrd"
    with open(initrd, "wb") as file:
        for part in linux.initramfs(), linux.program("bash"):
            with open(part, "rb") as source:
                file.write(source.read())
    return {"/boot/vmlinuz": linux.kernel(), "/boot/initrd": initrd}


def grub_config(script):
    return (f"linux /boot/vmlinuz console=ttyS0 {linux.parameters(script)}\n"
            "initrd /boot/initrd\nboot\n")


def firmware_map(text):
    """What SeaBIOS says in its log of the map that it gives away."""
    text = text[text.rindex("e820 map has "):]
    return [(int(base, 16), int(end, 16) - 1, int(kind)) for base, end, kind in
            re.findall(r"^ +\d+: (\w{16}) - (\w{16}) = (\d) ", text, re.M)]


@pytest.mark.parametrize("mem", ["512M", "4G"])
def test_grub_boots_linux(tmp_path, mem):
    """To a shell, by the memory map of the firmware and with no word of ours about it."""
    disk = bootdisk.grub_disk(tmp_path, linux_files(tmp_path),
                              grub_config(f"{MEMMAP} cat /proc/cmdline; exec bash"))
    tane = Tane("-d", disk, "-m", mem, "-c", "2", "--trace=firmware", stdin="pipe")
    tane.expect(r"bash-\d\.\d# ", DEADLINE)
    tane.send("nproc; poweroff -f\n")
    assert tane.wait() == 0
    text = tane.text().replace("\r", "")
    assert "\n2\n" in text
    assert not re.search(r"\bmem(map)?=", re.search(r"BOOT_IMAGE=.*", text)[0])
    rows = [(int(base, 16), int(end, 16), KINDS[kind]) for base, end, kind in
            re.findall(r"^row (\w+) (\w+) (.*)$", text, re.M)]
    assert rows == firmware_map(text)
    size = {"512M": 512 << 20, "4G": 4 << 30}[mem]
    ram = sum(end + 1 - base for base, end, kind in rows if kind == 1)
    assert size - (1 << 20) < ram < size


def test_syslinux_boots_linux(tmp_path):
    config = ("DEFAULT linux\nLABEL linux\nKERNEL vmlinuz\nINITRD initrd\n"
              f"APPEND console=ttyS0 {linux.parameters('echo from $(uname -r); exec bash')}\n")
    files = {path.rpartition("/")[2]: source for path, source in linux_files(tmp_path).items()}
    tane = Tane("-d", bootdisk.syslinux_disk(tmp_path, files, config), stdin="pipe")
    tane.expect(r"\nfrom \d+\.\d+\.\S+\r*\n", DEADLINE)
    tane.expect(r"bash-\d\.\d# ")
    tane.send("poweroff -f\n")
    assert tane.wait() == 0


def test_grub_boots_multiboot_from_a_cdrom(tmp_path, monitor_files):
    check_multiboot("--cdrom", bootdisk.grub_iso(tmp_path, monitor_files, MULTIBOOT))


def test_grub_boots_multiboot_from_a_floppy(tmp_path, monitor_files):
    check_multiboot("--floppy", bootdisk.grub_floppy(tmp_path, monitor_files, MULTIBOOT))


def test_grub_boots_multiboot_from_ide(tmp_path, monitor_files):
    """All that GRUB reads comes by BIOS calls from an IDE disk."""
    disk = bootdisk.grub_disk(tmp_path, monitor_files, MULTIBOOT, mib=16)
    check_multiboot("-d", f"{disk},if=ide")


def test_debian(tmp_path):
    """An installed system: to its login over the serial port, and down in order."""
    disk = tmp_path / "disk"
    subprocess.run(["cp", "--sparse=always", linux.debian_disk(), disk], check=True)
    tane = Tane("-d", disk, "-m", "1G", stdin="pipe")
    tane.expect("tane login: ", 6 * DEADLINE)
    tane.send("root\n")
    tane.expect("Password: ")
    tane.send("tane\n")
    tane.expect(r"root@tane:~# ")
    tane.send("systemctl is-system-running --wait; findmnt -no SOURCE,FSTYPE /\n")
    tane.expect(r"running\r*\n/dev/vda1 ext4\r*\n", DEADLINE)
    tane.send("systemctl poweroff\n")
    assert tane.wait(2 * DEADLINE) == 0
    done = subprocess.run(["e2fsck", "-fn", f"{disk}?offset={2048 * 512}"], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
