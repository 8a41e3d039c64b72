# SPDX-License-Identifier: BSD-2-Clause
"""Floppy disks: what SeaBIOS makes of them. It waits for the controller's interrupt in a
loop that opens the door to interrupts for two instructions at a time, which a KVM that
emulates (kvm_pvm) misses: real KVM is needed."""
import os

import pytest

from tane import guest, monitor, run

# KiB: the type that INT 13h tells, tracks, sectors on one side of a track
FORMATS = {
    360: (1, 40, 9),
    720: (3, 80, 9),
    1200: (2, 80, 15),
    1440: (4, 80, 18),
    2880: (5, 80, 36),
}
TEXT = b"".join(b"%d. sector\n".ljust(513, b"-") % i for i in range(5))


def boot(*options):
    """Without a console: SeaBIOS prints its last characters on one when its timer ticks, in the
    middle of what the guest prints."""
    return run("--console", "none", "--debug-exit", *options)


def offset(kib, cylinder, head, sector):
    return ((cylinder * 2 + head) * FORMATS[kib][2] + sector - 1) * 512


def make_disk(path, kib):
    """guest/boot_floppy.S, and a text where it looks for one."""
    with open(guest("boot_floppy.bin"), "rb") as file:
        image = bytearray(file.read().ljust(kib << 10, b"\xe5"))
    at = offset(kib, 2, 1, 3)
    image[at:at + 2560] = TEXT[:2559] + b"\0"
    path.write_bytes(image)
    return path


@pytest.mark.parametrize("kib", [1440, 360, 720, 1200, 2880])
def test_boot(tmp_path, kib):
    disk = make_disk(tmp_path / "disk", kib)
    tane = boot("--floppy", disk)
    assert (tane.status, tane.error_text()) == (1, "")
    kind, tracks, sectors = FORMATS[kib]
    told = (f"drive=00 count=01 type={kind:02X} cylinder={tracks - 1:02X} head=01 "
            f"sector={sectors:02X}\n").encode()
    assert tane.text().encode() == told + TEXT[:2559] + b"write=00\nverify=00\nerror=01\n"
    after = disk.read_bytes()
    at = offset(kib, 3, 0, 1)
    assert after[at:at + 512] == TEXT[:512]
    assert after[at + 512:].strip(b"\xe5") == b""
    assert len(after) == kib << 10


def test_write_protected(tmp_path):
    disk = make_disk(tmp_path / "disk", 1440)
    os.chmod(disk, 0o444)
    before = disk.read_bytes()
    tane = boot("--floppy", f"{disk},ro")
    assert (tane.status, tane.error_text()) == (1, "")
    assert "write=00" not in tane.text()
    assert "write=" in tane.text()
    assert disk.read_bytes() == before


def test_drive_b(tmp_path):
    """Both are told of; A is the one to boot."""
    (tmp_path / "b").write_bytes(bytes(720 << 10))
    tane = boot("--floppy", make_disk(tmp_path / "a", 1440), "--floppy", tmp_path / "b")
    assert tane.status == 1
    assert "drive=00 count=02 type=04" in tane.text()


@pytest.mark.anykvm
@pytest.mark.parametrize("size", [0, 512, (1440 << 10) - 512, (1440 << 10) + 512, 1 << 20])
def test_no_floppy_disk(tmp_path, size):
    (tmp_path / "disk").write_bytes(bytes(size))
    tane = run("--floppy", tmp_path / "disk")
    assert tane.status == 1
    assert "tane: --floppy: " in tane.error_text()
    assert "empty" in tane.error_text() if not size else \
        f'has {size} bytes; a floppy disk is of 360, 720' in tane.error_text()


@pytest.mark.anykvm
def test_not_there(tmp_path):
    tane = run("--floppy", tmp_path / "no")
    assert tane.status == 1
    assert "--floppy: disk" in tane.error_text() and "No such file" in tane.error_text()


@pytest.mark.anykvm
def test_one_image_in_both_drives(tmp_path):
    (tmp_path / "disk").write_bytes(bytes(1440 << 10))
    tane = run("--floppy", tmp_path / "disk", "--floppy", tmp_path / "disk")
    assert tane.status == 1
    assert "uses it" in tane.error_text()


@pytest.mark.anykvm
def test_with_a_kernel(tmp_path):
    """CMOS RAM has the drives, and the controller answers; without --floppy nothing does."""
    (tmp_path / "a").write_bytes(bytes(1440 << 10))
    (tmp_path / "b").write_bytes(bytes(360 << 10))
    commands = ["outb:70:10", "inb:71", "outb:70:14", "inb:71", "outb:3f2:c", "inb:3f4"]
    commands = [command.replace(":", " ") for command in commands]
    tane = monitor(*commands, options=("--floppy", tmp_path / "a", "--floppy", tmp_path / "b"))
    assert tane.values[-3:] == [0x41, 0x41, 0x80]
    tane = monitor(*commands)
    assert tane.values[-3:] == [0, 0, 0xff]


def words(*numbers):
    return [f"outb {port:x} {value:x}" for port, value in numbers]


def read_command(sector):
    """By DMA to 2 MiB, without interrupts: out of reset, 500 kbit/s, channel 2, READ DATA."""
    set_up = [(0x3f2, 0), (0x3f2, 0x1c), (0x3f7, 0), (0x0a, 6), (0x0c, 0), (0x0b, 0x46),
              (4, 0), (4, 0), (0x81, 0x20), (5, 0xff), (5, 1), (0x0a, 2)]
    command = [0x46, 0, 0, 0, sector, 2, 18, 0x1b, 0xff]
    return words(*set_up, *((0x3f5, byte) for byte in command))


RESULT = ["until 3f4 c0 c0", *["inb 3f5"] * 7, "rdl 200000", "rdl 2001fc"]


@pytest.mark.anykvm
def test_read_by_dma(tmp_path):
    """Step by step, on any KVM: the image's bytes are in memory, and the result is right."""
    image = bytes(range(1, 251)) * ((1440 << 10) // 250 + 1)
    (tmp_path / "disk").write_bytes(image[:1440 << 10])
    tane = monitor(*read_command(5), *RESULT, options=("--floppy", tmp_path / "disk"))
    assert (tane.status, tane.error_text()) == (0, "")
    assert tane.values[-9:-2] == [0, 0, 0, 0, 0, 6, 2]
    sector = image[4 * 512:5 * 512]
    assert tane.values[-2:] == [int.from_bytes(sector[at:at + 4], "little") for at in (0, 508)]


@pytest.mark.anykvm
def test_reset_in_flight(tmp_path):
    """The machine is reset while the host reads, and reads again. What the first read has
    found does not turn up in the memory of the second boot."""
    image = b"".join(bytes([number % 251 + 1]) * 512 for number in range(2880))
    (tmp_path / "disk").write_bytes(image)
    tane = monitor("boots", "onboot 0", *read_command(9), "outb cf9 6", "onboot 1",
                   "rdl 200000", "wait 4", "rdl 200000", *read_command(2), *RESULT,
                   options=("--floppy", tmp_path / "disk"))
    assert (tane.status, tane.error_text()) == (0, "")
    assert tane.values[-11:-9] == [0, 0]
    assert tane.values[-9:] == [0, 0, 0, 0, 0, 3, 2, 0x02020202, 0x02020202]
