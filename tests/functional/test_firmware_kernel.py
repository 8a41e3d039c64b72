# SPDX-License-Identifier: BSD-2-Clause
"""-k under firmware: what the setup code of a bzImage finds when SeaBIOS has run our
option ROM (guest/setup.S prints it)."""
import re

import pytest

from tane import guest, run

pytestmark = pytest.mark.anykvm


def boot(*options):
    tane = run("--bios", "-k", guest("setup.bzImage"), *options)
    assert tane.status == 0, tane.describe()
    return tane.text()


def test_kernel_by_firmware(tmp_path):
    """Every part is in its place: header, command line, code, and two initrds in a row."""
    first, second = b"the first initrd", bytes(range(256)) * 5
    (tmp_path / "one").write_bytes(first + b"!")
    (tmp_path / "two").write_bytes(second)
    text = boot("-i", tmp_path / "one", "-i", tmp_path / "two", "-p", "some words")
    assert "loader 000000ff 00000081" in text  # no known loader; loaded high, with a heap
    assert "\ncmdline console=ttyS0 some words\n" in text
    assert "\ncode code at one MiB!" in text
    address, size, head = re.search(r"^initrd (\w+) (\w+) (.{16})$", text, re.M).groups()
    assert head == first.decode()
    assert int(size, 16) == 20 + len(second)  # the second one begins on a word
    assert int(address, 16) % 4096 == 0
    # As high as can be, but below the ACPI tables that SeaBIOS keeps at the end of RAM.
    assert 511 << 20 < int(address, 16) + int(size, 16) <= (512 << 20) - 4096
    total = sum(first) + ord("!") + sum(second)
    assert f"\nsum {total:08x}" in text


def test_little_memory(tmp_path):
    """Below 16 MiB a BIOS counts memory in other units."""
    (tmp_path / "initrd").write_bytes(b"small machine...")
    text = boot("-m", "12M", "-i", tmp_path / "initrd")
    address, head = re.search(r"^initrd (\w+) 00000010 (.{16})$", text, re.M).groups()
    assert head == "small machine..."
    assert 11 << 20 < int(address, 16) < (12 << 20) - 4096


def test_no_initrd_no_words():
    text = boot()
    assert re.search(r"^initrd 00000000 00000000 ", text, re.M)
    assert "\ncmdline console=ttyS0\n" in text


@pytest.mark.parametrize("name, options, message", [
    ("hello.rom", [], "firmware boots bzImages of Linux only; leave --bios out"),
    ("monitor", [], "firmware boots bzImages of Linux only; leave --bios out"),
    ("setup.bzImage", ["-p", "x" * 300],
     "the command line has 314 bytes, the kernel takes at most 255"),
])
def test_refused_kernels(name, options, message):
    tane = run("--bios", "-k", guest(name), *options)
    assert tane.status == 1
    assert message in tane.error_text()


def test_initrd_that_does_not_fit(tmp_path):
    with open(tmp_path / "initrd", "wb") as file:
        file.truncate(30 << 20)
    tane = run("--bios", "-m", "32M", "-k", guest("setup.bzImage"), "-i",
               tmp_path / "initrd")
    assert tane.status == 1
    assert "initrd: 31457280 bytes do not fit beside the kernel" in tane.error_text()
