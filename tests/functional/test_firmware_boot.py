# SPDX-License-Identifier: BSD-2-Clause
"""What firmware learns by fw_cfg and does with it: what it boots first, where it prints, and
which tables it puts into memory. The machine's memory map is in test_firmware.py."""
import re

import pytest

from tane import Tane, guest, run

anykvm = pytest.mark.anykvm  # all but floppy disks, see docs/firmware.md


def sector(path, word, size, action=b"p"):
    """A disk of guest/mbr.S that says `word` instead of "mbr"."""
    with open(guest("mbr.bin"), "rb") as file:
        code = bytearray(file.read().replace(b"mbr drive", word.encode() + b" drive"))
    code[0x1b0:0x1b1] = action
    path.write_bytes(code.ljust(size, b"\0"))
    return path


@pytest.fixture
def media(tmp_path):
    """Two disks and a floppy that can be booted, and a disk that cannot."""
    (tmp_path / "blank").write_bytes(bytes(1 << 20))
    return {"one": sector(tmp_path / "one", "one", 1 << 20),
            "two": sector(tmp_path / "two", "two", 1 << 20),
            "flp": sector(tmp_path / "flp", "flp", 1440 << 10),
            "blank": tmp_path / "blank"}


def check_order(media, options, booted):
    words = [re.sub("^(one|two|flp|blank)", lambda match: str(media[match[0]]), word)
             for word in options.split()]
    tane = run("--console", "none", *words)
    assert tane.status == 0
    assert tane.text().startswith(booted + " boot=00\n"), tane.text()


@anykvm
@pytest.mark.parametrize("options, booted", [
    ("-d one -d two", "one drive=80"),
    ("-d two -d one", "two drive=80"),
    ("-d one,if=ide -d two", "one drive=80"),
    ("-d two -d one,if=ide", "two drive=80"),
    ("-n user -d one --virtio mmio -d two", "one drive=80"),
    ("-d one --boot cdrom,disk", "one drive=80"),
])
def test_disks_in_order(media, options, booted):
    check_order(media, options, booted)


@pytest.mark.parametrize("options, booted", [
    ("--floppy flp -d one", "flp drive=00"),
    ("-d one --floppy flp", "one drive=80"),
    ("-d blank --floppy flp", "flp drive=00"),
    ("-d one --floppy flp --boot cdrom,floppy", "flp drive=00"),
    ("--boot disk,floppy --floppy flp -d one", "one drive=80"),
])
def test_floppies_in_order(media, options, booted):
    check_order(media, options, booted)


@anykvm
def test_serial_console(media):
    """What INT 10h prints shows on COM1 if that is our terminal's, once, with no menu and
    no wait for one."""
    text = run("-d", media["one"]).text()
    assert "SeaBIOS (version " in text
    assert text.count("Booting from Hard Disk") == 1
    assert "boot menu" not in text
    tane = run("--console", "none", "-d", media["one"], "--serial", "2=console")
    assert "SeaBIOS (version " in tane.text()


@anykvm
def test_tables_are_found(media):
    log = run("--console", "none", "--trace=firmware", "-d", media["one"]).text()
    assert "Found QEMU fw_cfg\nQEMU fw_cfg DMA interface supported\n" in log
    assert "qemu/e820: addr 0x0000000000000000 len 0x0000000020000000 [RAM]\n" in log
    assert re.search(r"^Copying SMBIOS .*from ", log, re.M)
    assert "table(50434146)=0x" in log  # the FADT
    assert re.search(r"^ACPI: parse DSDT at \w+ \(len \d+\)$", log, re.M)
    for trouble in ("internal error", "warning", "Unable to", "no FADT"):
        assert trouble not in log.lower()


@anykvm
def test_many_cpus(media):
    """So many that the tables take most of the room that there is for them."""
    log = run("--console", "none", "--trace=firmware", "-c", "16", "-d",
              media["one"]).text()
    assert "Found 16 cpu(s) max supported 16 cpu(s)\n" in log


@anykvm
def test_nothing_to_boot_ends_with_no_reboot(media):
    """SeaBIOS retries by a reset, at once."""
    tane = run("-d", media["blank"], "--no-reboot")
    assert tane.status == 0
    assert "No bootable device." in tane.text()


@anykvm
def test_nothing_to_boot_stays():
    tane = Tane("--bios", "--console", "none", "--trace=firmware")
    tane.expect("No bootable device.")
    assert tane.process.poll() is None


@anykvm
def test_reboot_by_firmware(media, tmp_path):
    """After a reset firmware finds the same, and boots the same."""
    disk = sector(tmp_path / "disk", "dsk", 1 << 20, b"c")
    tane = run("--console", "none", "--trace=firmware", "-d", disk, "-d", media["blank"],
               seconds=300)
    assert tane.status == 0
    first, _, second = tane.text().partition("dsk drive=80 boot=00")
    assert "dsk drive=80 boot=01" in second
    for text in (first, second):
        assert "boot order:\n1: /pci@i0cf8/scsi@2\n2: /pci@i0cf8/scsi@3\n" in text
        assert "table(50434146)=0x" in text
