# SPDX-License-Identifier: BSD-2-Clause
"""Booting from a network: SeaBIOS runs iPXE, which fetches a boot file from the user
network. iPXE needs real KVM, since it takes interrupts in protected mode."""
import shutil

import pytest

from tane import PROGRAM, guest, run

ROM = "/usr/lib/ipxe/qemu"


@pytest.fixture
def folder(tmp_path):
    shutil.copy(guest("boot_pxe.bin"), tmp_path / "hello.0")
    return tmp_path


@pytest.fixture
def disk(tmp_path):
    with open(guest("mbr.bin"), "rb") as file:
        (tmp_path / "disk").write_bytes(file.read().ljust(1 << 20, b"\0"))
    return tmp_path / "disk"


def test_boot_file(folder):
    """It runs, and knows what DHCP said."""
    tane = run("--console", "none", "--boot", "net", "-n",
               f"user,tftp={folder},bootfile=hello.0", seconds=120)
    assert tane.status == 0
    assert tane.text() == "pxe file=hello.0 server=0A000202\n"


def test_second_network(folder):
    """Networks are tried in order; the first has no boot file."""
    tane = run("--console", "none", "--boot", "net", "-n", "user,net=10.1.0.0/16", "-n",
               f"user,net=192.168.7.0/24,tftp={folder},bootfile=hello.0", seconds=240)
    assert tane.status == 0
    assert tane.text() == "pxe file=hello.0 server=C0A80702\n"


def test_disk_after_network(folder, disk):
    """A boot file that is not there: the disk has its turn."""
    screen = folder / "screen"
    tane = run("--console", "none", "-d", disk, "--boot", "net", "--screen-dump", screen,
               "-n", f"user,tftp={folder},bootfile=other", seconds=120)
    assert tane.status == 0
    assert tane.text().startswith("mbr drive=80 boot=00\n")
    assert "tftp://10.0.2.2/other... No such file or directory" in screen.read_text()


@pytest.mark.anykvm
def test_ipxe_is_not_installed():
    command = (f"mount -t tmpfs none {ROM} && "
               f"exec {PROGRAM} run --console none --boot net -n user")
    tane = run(command=["unshare", "-m", "sh", "-c", command])
    assert tane.status == 1
    assert tane.error_text() == (
        f"tane: no boot ROM for networks (--boot net): {ROM}/pxe-virtio.rom is not there: "
        'install Debian\'s package "ipxe-qemu"\n')


@pytest.mark.anykvm
@pytest.mark.parametrize("options, roms", [((), 1), (("--boot", "disk,net"), 2)])
def test_only_who_asks_waits(folder, disk, options, roms):
    """The VGA BIOS always runs, a boot ROM only with --boot net."""
    tane = run("--console", "none", "--trace=firmware", "-d", disk, *options, "-n",
               f"user,tftp={folder},bootfile=hello.0", seconds=120)
    assert tane.status == 0
    assert "mbr drive=80 boot=00\n" in tane.text()
    assert tane.text().count("Running option rom at ") == roms


@pytest.mark.anykvm
@pytest.mark.parametrize("name, message", [
    ("missing", "No such file or directory"),
    ("hello.0", "is not a folder"),
])
def test_no_such_folder(folder, name, message):
    path = folder / name
    tane = run("--bios", "--console", "none", "-n", f"user,tftp={path}")
    assert tane.status == 1
    assert tane.error_text().startswith(f"tane: -n user: tftp={path}")
    assert tane.error_text().endswith(f"{message}\n")
