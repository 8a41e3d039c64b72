# SPDX-License-Identifier: BSD-2-Clause
"""The test guest itself: modules, programs and scripts that are added to it."""
import pytest

import linux
from marks import every_arch


@pytest.mark.parametrize("kind", ["cloud", "generic"])
def test_modules(kind):
    """Those that were asked for are loaded first, the kernel finds others itself, and what
    is built in is no error (ext4 in the cloud kernel)."""
    tane = linux.run("lsmod; mount -t xfs /dev/null /mnt; cat /proc/filesystems; lsmod",
                     load="virtio_blk ext4 loop", kind=kind)
    before, _, after = tane.text().partition("nodev")
    assert tane.status == 0
    assert "cannot load" not in before
    for name in "virtio_blk", "virtio_ring", "loop":
        assert f"\n{name} " in before
    assert "\next4 " in before or "\text4\n" in after
    assert "\nxfs " not in before and "\nxfs " in after


@every_arch
def test_programs():
    """They come with their libraries."""
    tane = linux.run("socat -V; iperf3 --version; ethtool --version; dropbear -V",
                     programs=["socat", "iperf3", "ethtool", "dropbear"])
    assert tane.status == 0
    for text in "socat version", "iperf 3", "ethtool version", "Dropbear v":
        assert text in tane.text()


def test_long_script():
    lines = "\n".join(f"echo line {number}" for number in range(500))
    tane = linux.run(lines)
    assert tane.status == 0
    assert tane.text().count("\nline ") == 500
