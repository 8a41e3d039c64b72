# SPDX-License-Identifier: BSD-2-Clause
"""The PC with firmware: SeaBIOS of Debian, from the reset vector to a boot sector."""
import re
import signal

import pytest

from tane import PROGRAM, Tane, guest, run

pytestmark = pytest.mark.anykvm

SEABIOS = "/usr/share/seabios/"
ACTION = 0x1b0  # what guest/mbr.S does in the end


def make_disk(path, action=b"p", size=1 << 20):
    """A disk with guest/mbr.S in its first sector."""
    with open(guest("mbr.bin"), "rb") as file:
        sector = bytearray(file.read())
    sector[ACTION:ACTION + 1] = action
    path.write_bytes(sector.ljust(size, b"\0"))
    return path


def boot(*args):
    """Run it to its end. Nothing of what BIOS calls print is on stdout."""
    return run("--console", "none", *args)


def memory_map(text):
    return [(int(base, 16), int(length, 16), int(kind, 16)) for base, length, kind in
            re.findall(r"^e820 (\w{16}) (\w{16}) (\w\w)$", text, re.M)]


@pytest.mark.parametrize("size, low, high", [
    (64, 64, 0),
    (3072, 3072, 0),
    (5120, 3072, 2048),
])
def test_boot_sector(tmp_path, size, low, high):
    """SeaBIOS's own virtio driver reads it; neither kernel nor --bios is named."""
    tane = boot("-d", make_disk(tmp_path / "disk"), "-m", size)
    assert (tane.status, tane.error_text()) == (0, "")
    assert "mbr drive=80 boot=00\n" in tane.text()
    rows = memory_map(tane.text())
    ram = [(base, length) for base, length, kind in rows if kind == 1]
    assert ram[0] == (0, 0x9fc00)
    assert ram[1][0] == 1 << 20
    # SeaBIOS keeps some of its own at the end, far less than a MiB.
    assert low - 1 < (ram[1][0] + ram[1][1]) / (1 << 20) < low
    assert ram[2:] == ([(4 << 30, high << 20)] if high else [])
    rows = sorted((base, base + length, kind) for base, length, kind in rows)
    assert all(row[0] >= before[1] for before, row in zip(rows, rows[1:]))
    rom = [row for row in rows if row[1] == 4 << 30]
    assert rom and rom[0][0] <= 0xfffc0000 and rom[0][2] == 2


def test_huge_pages(tmp_path):
    """RAM below 4 GiB is from the pool, too: one page more than that has is too much."""
    with open("/proc/meminfo", encoding="ascii") as file:
        free = int(re.search(r"HugePages_Free: +(\d+)", file.read())[1])
    pages = max(free + 1, 32)
    tane = boot("-d", make_disk(tmp_path / "disk"), "-m", 2 * pages, "--hugepages")
    assert tane.status == 1
    assert f"--hugepages: the host has not {pages} free huge pages" in tane.error_text()


def test_terminal_wraps_lines_again(tmp_path):
    """SeaBIOS switches that off on the serial port that is a terminal."""
    disk = make_disk(tmp_path / "disk")
    tane = Tane("-d", disk, stdin="pty")
    assert tane.wait() == 0
    assert tane.text().rindex("\033[?7l") < tane.text().rindex("\033[?7h")
    tane = Tane("-d", disk)
    assert tane.wait() == 0
    assert "\033[?7l" in tane.text() and "\033[?7h" not in tane.text()


def test_shadow(tmp_path):
    """SeaBIOS runs in RAM below 1 MiB and leaves it read-only, as PAM says."""
    tane = boot("-d", make_disk(tmp_path / "disk"))
    pam = bytes.fromhex(re.search(r"^pam (\w{14})$", tane.text(), re.M)[1])
    assert pam[0] == 0x10
    with open(SEABIOS + "bios-256k.bin", "rb") as file:
        first = file.read()[-16]
    assert f"f000 {first:02X}{first:02X}\n" in tane.text()


@pytest.mark.parametrize("action", ["c", "k", "9", "t"], ids=[
    "0xcf9", "8042", "port 0x92", "triple fault"])
def test_reset(tmp_path, action):
    disk = make_disk(tmp_path / "disk", action.encode())
    tane = boot("-d", disk)
    assert (tane.status, tane.error_text()) == (0, "")
    boots = re.findall(r"^mbr drive=80 boot=(\d\d)$", tane.text(), re.M)
    assert boots == ["00", "01"]
    maps = tane.text().partition("boot=01")
    assert memory_map(maps[0]) == memory_map(maps[2])


def test_no_reboot(tmp_path):
    disk = make_disk(tmp_path / "disk", b"c")
    tane = boot("-d", disk, "--no-reboot")
    assert (tane.status, tane.text().count("mbr drive"), tane.error_text()) == (0, 1, "")
    disk = make_disk(tmp_path / "disk", b"t")
    tane = boot("-d", disk, "--no-reboot")
    assert (tane.status, tane.text().count("mbr drive")) == (125, 1)
    assert "the guest died: vcpu 0: triple fault" in tane.error_text()
    # AMD's KVM resets the CPU by then, so what its registers say is not the guest's.
    assert "tane: registers of vcpu 0:\n" in tane.error_text()


def test_log(tmp_path):
    disk = make_disk(tmp_path / "disk")
    tane = boot("-d", disk, "--trace=firmware", "-c", "2")
    assert tane.text().startswith("SeaBIOS (version ")
    assert "Running on QEMU (i440fx)\n" in tane.text()
    assert "Found 2 cpu(s) max supported 2 cpu(s)\n" in tane.text()
    assert "found virtio-blk at 00:02.0\n" in tane.text()
    assert "SeaBIOS" not in boot("-d", disk).text()


def test_disks(tmp_path):
    """It boots from the first one; the others are there, too."""
    disks = [make_disk(tmp_path / "0", size=1 << 20), tmp_path / "1", tmp_path / "2"]
    for disk in disks[1:]:
        disk.write_bytes(bytes(1 << 20))
    tane = boot(*(f"-d{disk}" for disk in disks), "--trace=firmware")
    assert tane.status == 0
    assert tane.text().count("found virtio-blk at ") == 3
    assert "mbr drive=80 boot=00\n" in tane.text()


def test_nothing_bootable(tmp_path):
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    tane = Tane("--console", "none", "-d", tmp_path / "disk", "--trace=firmware")
    tane.expect("Boot failed: not a bootable disk")


def test_images(tmp_path):
    disk = make_disk(tmp_path / "disk")
    with open(SEABIOS + "bios-256k.bin", "rb") as file:
        image = file.read()
    (tmp_path / "8M").write_bytes(bytes((8 << 20) - len(image)) + image)
    for path in (SEABIOS + "bios.bin", tmp_path / "8M"):
        tane = boot(f"--bios={path}", "-d", disk)
        assert (tane.status, tane.error_text()) == (0, ""), path
        assert "mbr drive=80" in tane.text(), path


def test_image_that_is_refused(tmp_path):
    for size in (0, 1, 65535, 65537, 3 << 15):
        (tmp_path / "odd").write_bytes(bytes(size))
        tane = run(f"--bios={tmp_path}/odd")
        assert tane.status == 1
        assert tane.error_text() == (
            f'tane: firmware (--bios) "{tmp_path}/odd": {size} bytes: an image for a PC is '
            "a multiple of 64 KiB, such as 128 or 256 KiB\n")
    (tmp_path / "large").write_bytes(bytes((8 << 20) + 65536))
    tane = run(f"--bios={tmp_path}/large")
    assert tane.status == 1
    assert tane.error_text() == (
        f'tane: firmware (--bios) "{tmp_path}/large": 8454144 bytes do not fit: at most '
        "8388608\n")
    tane = run(f"--bios={tmp_path}/none")
    assert tane.status == 1
    assert tane.error_text() == (
        f'tane: firmware (--bios) "{tmp_path}/none": cannot open it: No such file or directory\n')


def test_pam():
    """What is read and what is written in each state of a segment."""
    tane = run(f"--bios={guest('pam.rom')}")
    assert (tane.status, tane.error_text()) == (0, "")
    assert tane.text().splitlines() == [
        "C800 00 11 FF 00",
        "C800 01 12 00 00",
        "C800 02 13 FF 13",
        "C800 03 14 14 14",
        "F000 00 15 5A 00",
        "F000 01 16 00 00",
        "F000 02 17 5A 17",
        "F000 03 18 18 18",
        "edge 11 22 00 00 ",
        "run AA",
    ]


def test_pam_in_a_loop():
    """Whoever changes segments for ever spends its own time: the user is heard."""
    tane = Tane(f"--bios={guest('pam_loop.rom')}")
    tane.expect(r"\.")
    tane.signal(signal.SIGTERM)
    tane.expect_error("power button pressed")
    tane.signal(signal.SIGINT)
    assert tane.wait(10) == 128 + signal.SIGINT


def test_seabios_is_not_installed():
    command = f"mount -t tmpfs none {SEABIOS} && exec {PROGRAM} run --bios"
    tane = run(command=["unshare", "-m", "sh", "-c", command])
    assert tane.status == 1
    assert tane.error_text() == (
        f"tane: no firmware: {SEABIOS}bios-256k.bin is not there: install Debian's package "
        '"seabios", or name an image (--bios=FILE)\n')
