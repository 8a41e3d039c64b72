# SPDX-License-Identifier: BSD-2-Clause
"""IDE drives by BIOS calls: SeaBIOS boots from disks and CD-ROMs, reads and writes."""
import subprocess

import pytest

from tane import Tane, guest, run

pytestmark = pytest.mark.anykvm

SECTOR = 512
TRACK, HEADS = 63, 16


def boot_sector():
    with open(guest("boot_drives.bin"), "rb") as file:
        return file.read()


def put(image, lba, text):
    image[lba * SECTOR:lba * SECTOR + len(text)] = text


@pytest.fixture
def disk(tmp_path):
    """A disk with guest/boot_drives.S, and what that reads."""
    image = bytearray(2 << 20)
    put(image, 0, boot_sector())
    put(image, 1, b"second sector\0")
    put(image, (1 * HEADS + 3) * TRACK + 4, b"far away\0")
    put(image, 500, b"five hundred\0")
    path = tmp_path / "disk"
    path.write_bytes(image)
    return path


def make_iso(tmp_path, catalog_name="boot"):
    """A bootable disc: El Torito, no emulation."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / catalog_name).write_bytes(boot_sector().ljust(2048, b"\0"))
    iso = tmp_path / "disc.iso"
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-b", catalog_name, "-no-emul-boot",
                    "-boot-load-size", "4", "-o", iso, folder], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return iso


def boot(*args):
    return run("--console", "none", "--debug-exit", *args)


def test_disk(disk):
    """By cylinder, head and sector, and by number."""
    tane = boot("-d", f"{disk},if=ide")
    assert (tane.status, tane.error_text()) == (1, "")
    assert tane.text() == ("drive=80\nCHS: second sector\nCHS: far away\n"
                           "LBA: five hundred\nwritten\n")
    image = disk.read_bytes()
    for lba in (501, 9):
        assert image[lba * SECTOR:][:13] == b"five hundred\0"


def test_read_only_disk(disk):
    before = disk.read_bytes()
    tane = boot("-d", f"{disk},if=ide,ro")
    assert (tane.status, tane.error_text()) == (3, "")
    assert "LBA: five hundred\n" in tane.text() and "written" not in tane.text()
    assert disk.read_bytes() == before


def test_cdrom(tmp_path):
    tane = boot("--cdrom", make_iso(tmp_path))
    assert (tane.status, tane.error_text()) == (1, "")
    assert tane.text() == "drive=E0\nLBA: CD001\n"


@pytest.mark.parametrize("first, drive", [("disk", "drive=80"), ("cdrom", "drive=E0")])
def test_order(disk, tmp_path, first, drive):
    """What is named first is tried first; a disk behind a virtio disk is there too."""
    options = ["-d", f"{disk},if=ide"], ["--cdrom", make_iso(tmp_path)]
    if first == "cdrom":
        options = options[::-1]
    tane = boot(*options[0], *options[1])
    assert (tane.status, tane.text().splitlines()[0]) == (1, drive)


def test_four_drives(disk, tmp_path):
    """Each is where it should be; a thread of its own or none serves them."""
    iso = make_iso(tmp_path)
    for name in "bc":
        (tmp_path / name).write_bytes(bytes(1 << 20))
    tane = Tane("--console", "none", "--debug-exit", "-d", f"{disk},if=ide",
                "-d", f"{tmp_path / 'b'},if=ide", "-d", f"{tmp_path / 'c'},if=ide",
                "--cdrom", iso, "--trace=firmware", "--io-threads", "0")
    assert tane.wait() == 1
    text = tane.text()
    for where in ("ata0-0: tane disk ATA-6 Hard-Disk (2 MiBytes)",
                  "ata0-1: tane disk ATA-6 Hard-Disk (1 MiBytes)",
                  "DVD/CD [ata1-0: tane CD-ROM ATAPI-6 DVD/CD]",
                  "ata1-1: tane disk ATA-6 Hard-Disk (1 MiBytes)"):
        assert where in text, text
    assert "written\n" in text


def test_tiny_and_empty_images(tmp_path):
    """A boot sector and nothing else is a disk; no byte at all is not."""
    tiny = tmp_path / "tiny"
    tiny.write_bytes(boot_sector())
    tane = boot("-d", f"{tiny},if=ide")
    assert (tane.status, tane.text()) == (3, "drive=80\n")
    (tmp_path / "empty").write_bytes(b"")
    tane = run("-d", f"{tmp_path / 'empty'},if=ide")
    assert tane.status == 1 and "it is empty" in tane.error_text()
    tane = run("--cdrom", tiny)
    assert tane.status == 1 and "smaller than a sector, 2048 bytes" in tane.error_text()
