# SPDX-License-Identifier: BSD-2-Clause
"""Initramfs and kernel images out of the ordinary, booted for real."""
import hashlib
import os

import pytest

import linux
from tane import ROOT, Tane


def test_initramfs_of_40_mb_in_1_gib():
    """It must not get into the kernel's way, nor be thought to lie outside of RAM."""
    blob = os.urandom(1 << 20) * 40
    big = linux.archive("big.cpio", {"blob": blob})
    try:
        tane = linux.run("md5sum /blob; free -k", "-m", "1G", "-i", big, seconds=150)
    finally:
        os.unlink(big)
    assert tane.status == 0
    assert hashlib.md5(blob).hexdigest() + "  /blob" in tane.text()


def test_initrds_are_one_behind_the_other(tmp_path):
    """Also if one has an odd size: the next begins on a multiple of four."""
    with open(linux.initramfs(), "rb") as file:
        (tmp_path / "first").write_bytes(file.read() + bytes(3))
    second = linux.archive("second.cpio", {"second": b"from the second"})
    third = linux.archive("third.cpio", {"third": b"from the third"})
    tane = linux.run("cat /second /third", "-i", second, "-i", third,
                     initrd=tmp_path / "first")
    assert tane.status == 0
    assert "from the secondfrom the third" in tane.text()


@pytest.mark.parametrize("entry", ["64-bit", "32-bit"])
def test_image_that_unpacks_itself(tmp_path, entry):
    """Without the library for its payload the image runs its own unpacker."""
    program = os.path.join(ROOT, "build-min/tane")
    if not os.path.exists(program):
        pytest.skip("no build-min/tane (tests/run makes it)")
    with open(linux.kernel("cloud"), "rb") as file:
        image = bytearray(file.read())
    if entry == "32-bit":
        image[0x206:0x208] = (0x20b).to_bytes(2, "little")  # protocol 2.11 has no other
    (tmp_path / "vmlinuz").write_bytes(image)
    tane = Tane(command=[program, "run", "-k", str(tmp_path / "vmlinuz"), "-c", "2", "-i",
                         linux.initramfs(), "-p", linux.parameters("nproc")])
    tane.expect(r"tane: init up\r*\n2\r*\n", 150)
    assert tane.wait() == 0


@pytest.mark.parametrize("memory", ["16M", "32M"])
def test_too_little_memory(memory):
    tane = linux.run("true", "-m", memory)
    assert tane.status == 1
    assert "--mem" in tane.error_text()


def test_initrd_that_does_not_fit(tmp_path):
    with open(tmp_path / "big", "wb") as file:
        file.truncate(120 << 20)
    tane = linux.run("true", "-m", "128M", initrd=tmp_path / "big")
    assert tane.status == 1
    assert "initrd" in tane.error_text() and "do not fit" in tane.error_text()
