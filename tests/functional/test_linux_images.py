# SPDX-License-Identifier: BSD-2-Clause
"""Initramfs and kernel images out of the ordinary, booted for real."""
import os
import subprocess

import pytest

import linux
from tane import ROOT, Tane


def boot(script, *options, command=None, kernel=None, initrd=None):
    """Boot the cloud kernel with an initramfs of our own; the ended Tane."""
    arguments = ["-k", str(kernel or linux.kernel("cloud")), "-i",
                 str(initrd or linux.initramfs()), "-p", linux.parameters(script),
                 *map(str, options)]
    machine = Tane(*arguments, command=command and [command, "run", *arguments])
    machine.status = machine.wait(150)
    return machine


def test_initramfs_of_40_mb_in_1_gib(tmp_path):
    """The case that broke gokvm: without a right e820 Linux finds it too large."""
    blob = tmp_path / "blob"
    blob.write_bytes(os.urandom(1 << 20) * 40)
    archive = tmp_path / "big.cpio"
    subprocess.run([os.path.join(ROOT, "tools/initramfs"), archive, blob], check=True)
    done = subprocess.run(["sha256sum", blob], check=True, stdout=subprocess.PIPE, text=True)
    machine = boot("sha256sum /blob", "-m", "1G", initrd=archive)
    assert machine.status == 0
    assert done.stdout.split()[0] + "  /blob" in machine.text()


def test_initrds_are_concatenated(tmp_path):
    """Linux sees one archive after the other, also if the first has an odd size."""
    (tmp_path / "note").write_text("from the second archive")
    second = tmp_path / "second.cpio"
    with open(second, "wb") as file:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"note\n", check=True,
                       cwd=tmp_path, stdout=file)
    first = tmp_path / "first.cpio"
    with open(linux.initramfs(), "rb") as file:
        first.write_bytes(file.read() + bytes(3))
    machine = boot("cat /note", "-i", second, initrd=first)
    assert machine.status == 0
    assert "from the second archive" in machine.text()


@pytest.mark.parametrize("entry", ["64", "32"])
def test_image_that_unpacks_itself(tmp_path, entry):
    """A tane without the library leaves it to the image, by its 64-bit entry or, where
    the image states none, by the 32-bit protocol."""
    program = os.path.join(ROOT, "build-min/tane")
    if not os.path.exists(program):
        pytest.skip("no build-min/tane: tests/run lab builds it")
    with open(linux.kernel("cloud"), "rb") as file:
        image = bytearray(file.read())
    if entry == "32":
        image[0x206:0x208] = (0x20b).to_bytes(2, "little")  # protocol 2.11
    path = tmp_path / "vmlinuz"
    path.write_bytes(image)
    machine = boot("nproc", command=program, kernel=path)
    assert machine.status == 0
    assert "tane: init up" in machine.text()


@pytest.mark.parametrize("mem", ["16M", "32M"])
def test_too_little_memory(mem):
    machine = boot("true", "-m", mem)
    assert machine.status == 1
    assert "--mem" in machine.error_text()


def test_initrd_that_does_not_fit(tmp_path):
    big = tmp_path / "big"
    with open(big, "wb") as file:
        file.truncate(120 << 20)
    machine = boot("true", "-m", "128M", initrd=big)
    assert machine.status == 1
    assert "initrd" in machine.error_text() and "do not fit" in machine.error_text()
