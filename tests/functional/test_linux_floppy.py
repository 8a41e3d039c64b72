# SPDX-License-Identifier: BSD-2-Clause
"""Linux's own driver of floppy disks, by DMA and byte by byte."""
import hashlib
import os
import random
import re
import shutil
import subprocess

import pytest

import linux
from tane import ROOT

MKFS = shutil.which("mkfs.vfat", path="/sbin:/usr/sbin:/usr/bin")
FSCK = shutil.which("fsck.vfat", path="/sbin:/usr/sbin:/usr/bin")


def md5(data):
    return hashlib.md5(data).hexdigest()


def contents(size, seed):
    return random.Random(seed).randbytes(size)


def run(script, *args, options="", params="", allowed="module", seconds=240):
    """Load the driver and run the script; what it has printed, without complaints of the
    kernel."""
    tane = linux.run(f"modprobe floppy {options} && {script}\n"
                     "echo status $?; dmesg | grep -Ei 'floppy|fd0|fd1|fdc'", *args, params=params,
                     kind="generic", load="loop", seconds=seconds)
    assert tane.status == 0
    text = tane.text()
    assert "\nstatus 0\n" in text
    assert "FDC 0 is a post-1991 82077" in text
    log = text.partition("\nstatus 0\n")[2]
    bad = [line for line in log.splitlines()
           if not re.search(rf"FDC 0 is|Floppy drive\(s\)|nodma=1|{allowed}", line)]
    assert not [line for line in bad if re.search("floppy|fd[01]|FDC", line)], log
    return text


def test_file_system(tmp_path):
    """By DMA: drive A with a file system, drive B write protected; and back on the host."""
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(bytes(1440 << 10))
    subprocess.run([MKFS, a], check=True, stdout=subprocess.DEVNULL)
    b.write_bytes(contents(720 << 10, 1))
    text = run("md5sum /dev/fd1 && ! dd if=/dev/zero of=/dev/fd1 bs=512 count=1 2>/dev/null"
               " && mkdir -p /mnt && mount -t vfat /dev/fd0 /mnt"
               " && dd if=/dev/fd1 of=/mnt/copy bs=4k 2>/dev/null && sync && umount /mnt"
               " && md5sum /dev/fd0 && grep floppy /proc/interrupts /proc/dma",
               "--floppy", a, "--floppy", f"{b},ro")
    sums = re.findall(r"^([0-9a-f]{32})  /dev/fd(\d)$", text, re.M)
    assert sums == [(md5(b.read_bytes()), "1"), (md5(a.read_bytes()), "0")]
    assert re.search(r"/proc/dma: *2: floppy", text)
    assert subprocess.run([FSCK, "-n", a], check=False).returncode == 0
    assert contents(720 << 10, 1)[:512 * 100] in a.read_bytes()


@pytest.mark.parametrize("first, second", [(360, 1200), (2880, 720)])
def test_formats(tmp_path, first, second):
    """Each written in part and read whole."""
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(contents(first << 10, 2))
    b.write_bytes(contents(second << 10, 3))
    text = run("dd if=/dev/fd0 of=/dev/fd1 bs=1k count=50 skip=7 seek=99 conv=notrunc"
               " 2>/dev/null && dd if=/dev/fd1 of=/dev/fd0 bs=1k skip=300 count=30 seek=200"
               " conv=notrunc 2>/dev/null && sync && echo 3 >/proc/sys/vm/drop_caches"
               " && md5sum /dev/fd0 /dev/fd1", "--floppy", a, "--floppy", b)
    one, two = bytearray(contents(first << 10, 2)), bytearray(contents(second << 10, 3))
    two[99 << 10:149 << 10] = one[7 << 10:57 << 10]
    one[200 << 10:230 << 10] = two[300 << 10:330 << 10]
    assert a.read_bytes() == one
    assert b.read_bytes() == two
    sums = re.findall(r"^([0-9a-f]{32})  /dev/fd\d$", text, re.M)
    assert sums == [md5(one), md5(two)]


def test_without_dma(tmp_path):
    """Each byte is exits, so it is but a few tracks, without the pauses (port 0x80) that the
    driver makes, and with more time than it gives a track. Where its handler is held up it
    takes a result before the interrupt for it, and says that it did not expect that."""
    disk = tmp_path / "disk"
    disk.write_bytes(contents(360 << 10, 4))
    program = str(tmp_path / "floppy_timeout")
    subprocess.run(["gcc", "-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program,
                    os.path.join(ROOT, "guest/floppy_timeout.c")], check=True)
    with open(program, "rb") as file:
        archive = linux.archive("floppy_timeout.cpio", {"floppy_timeout": file.read()})
    text = run("/floppy_timeout /dev/fd0 && dd if=/dev/fd0 bs=1k count=9 skip=27 2>/dev/null | md5sum"
               " && dd if=/proc/version of=/dev/fd0 bs=512 seek=100 conv=notrunc,sync"
               " 2>/dev/null && sync && cat /proc/version && cat /proc/dma",
               "--floppy", disk, "-i", archive, options="floppy=nodma", params="io_delay=none",
               allowed="unexpected interrupt|sensei repl|FDC reply error")
    assert md5(contents(360 << 10, 4)[27 << 10:36 << 10]) in text
    after = disk.read_bytes()
    version = re.search(r"^Linux version .*\n", text, re.M)[0].encode()
    assert after[100 * 512:101 * 512] == version.ljust(512, b"\0")
    before = contents(360 << 10, 4)
    assert after[:100 * 512] + after[101 * 512:] == before[:100 * 512] + before[101 * 512:]
    assert "2: floppy" not in text
