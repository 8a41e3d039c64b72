# SPDX-License-Identifier: BSD-2-Clause
"""A guest that attacks its devices, guest/hostile.c: the machine survives, the attacked
device serves again after a reset, another one serves all the time, and nothing grows.

In the lab an exit takes long. Where the host has a KVM, on which all of this runs as well
(tests/run says so by TANE_HOST_KVM), the lab takes only a part: the attacks in which KVM
has a say, or that are peculiar to a device; and all of vsock, for which it has vhost."""
import os
import re

import pytest

from tane import Tane, guest, is_sanitized

pytestmark = [pytest.mark.anykvm, pytest.mark.everykvm]

DEVICES = ["blk", "net", "console", "rng", "balloon", "p9", "vsock"]
MMIO = "mmio=e0100000,1000,10"  # LAYOUT_VIRTIO_MMIO, its stride, places
WARNINGS = 8  # that a device gives, PLATFORM_WARNINGS
SHARE_THREADS = 8  # at most, as many as requests were there at once


def outgrowth(pid):
    """KiB of memory that is not the guest's: mappings below its 1 GiB."""
    total = size = 0
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        for line in file:
            match = re.match(r"(Size|Rss): +(\d+) kB", line)
            if match and match[1] == "Size":
                size = int(match[2])
            elif match and size < 1 << 20:
                total += int(match[2])
    return total


def belongings(pid):
    """What it holds: open descriptors, threads."""
    return {what: len(os.listdir(f"/proc/{pid}/{what}")) for what in ("fd", "task")}


def options_for(device, tmp_path):
    """One of each, so that there is a bystander of every kind; two disks: the last one is the
    guest's witness."""
    options = ["--net", "user", "--rng", "--balloon", "0", "--port", "extra=null"]
    for name in "attacked", "witness":
        with open(tmp_path / name, "wb") as file:
            file.truncate(1 << 20)
        options += ["-d", tmp_path / name]
    os.mkdir(tmp_path / "share")
    os.mkfifo(tmp_path / "share/fifo")
    options += ["--share", f"{tmp_path}/share,rw"]
    if device == "vsock":
        if not os.path.exists("/dev/vhost-vsock"):
            pytest.skip("no /dev/vhost-vsock")
        options += ["--vsock", str(1000 + os.getpid() % 100000)]
    return options


def parameters(device, transport):
    words = f"{MMIO} only={device} wait"
    if os.environ.get("TANE_LAB") and os.environ.get("TANE_HOST_KVM") and device != "vsock":
        words += " group=pci" if transport == "pci" else " group=device"
    return words


def lines_of(text):
    """(ok or not ok, device, transport, rest) of each attack."""
    return re.findall(r"^((?:not )?ok) (\w+) (pci|mmio) (.*)$", text, re.M)


@pytest.mark.parametrize("transport", ["pci", "mmio"])
@pytest.mark.parametrize("device", DEVICES)
def test_hostile_guest(device, transport, tmp_path):
    words = parameters(device, transport)
    tane = Tane("-k", guest("hostile"), "-m", "1G", "-c", "2", "-p", words,
                "--virtio", f"{transport},ring=packed", *options_for(device, tmp_path),
                stdin="pipe")
    tane.expect("^warm$")
    before, held = outgrowth(tane.pid), belongings(tane.pid)
    tane.send("x")
    count = int(tane.expect("^done ([0-9a-f]{8})$", 600)[1], 16)
    after, still_held = outgrowth(tane.pid), belongings(tane.pid)
    tane.send("x")
    assert tane.wait() == 0

    lines = lines_of(tane.text())
    assert [line for line in lines if line[0] != "ok"] == []
    assert len(lines) == len(set(lines)) == count
    assert {line[2] for line in lines} == {transport}
    assert sum(line[1] == device for line in lines) > (1 if "group=" in words else 100)

    errors = tane.error_text().splitlines()
    assert [line for line in errors if not line.startswith("tane: ")] == []
    assert len(errors) <= 4 * WARNINGS

    assert still_held["fd"] == held["fd"]
    more = SHARE_THREADS if device == "p9" else 0
    assert held["task"] <= still_held["task"] <= held["task"] + more
    assert after - before < (64 if is_sanitized() else 4) << 10


def test_hostile_ide(tmp_path):
    """The same for IDE: guest/hostile_ide.c."""
    disk, disc = tmp_path / "disk", tmp_path / "disc"
    with open(disk, "wb") as file:
        for number in range(64):
            file.write(number.to_bytes(4, "little").ljust(512, b"\0"))
        file.truncate(64 << 20)
    disc.write_bytes(bytes(1 << 20))
    tane = Tane("-k", guest("hostile_ide"), "-m", "128M", "-d", f"{disk},if=ide",
                "--cdrom", disc)
    count = int(tane.expect("^done ([0-9a-f]{8})$", 600)[1], 16)
    assert tane.wait() == 0
    results = re.findall(r"^((?:not )?ok) (.*)$", tane.text(), re.M)
    assert [result for result in results if result[0] != "ok"] == []
    assert len(results) == count > 30
    assert tane.error_text() == ""
