# SPDX-License-Identifier: BSD-2-Clause
"""Debian's stock kernels, and an initramfs for them, see tools/kernel and tools/initramfs."""
import base64
import functools
import os
import subprocess

import tane

REPORT = os.path.join(os.path.dirname(__file__), "report.sh")


@functools.lru_cache(None)
def kernel(kind, name="vmlinuz"):
    """The path of the "cloud" or "generic" kernel: vmlinuz (bzImage) or vmlinux (ELF)."""
    done = subprocess.run([os.path.join(tane.ROOT, "tools/kernel"), kind], check=True,
                          stdout=subprocess.PIPE, text=True)
    return os.path.join(done.stdout.strip(), name)


@functools.lru_cache(None)
def initramfs():
    """busybox, the init script and report.sh."""
    path = os.path.join(tane.GUESTS, "initramfs.cpio")
    tool = os.path.join(tane.ROOT, "tools/initramfs")
    init = os.path.join(tane.ROOT, "guest/init.sh")
    if not tane.newer(path, [tool, init, REPORT]):
        os.makedirs(tane.GUESTS, exist_ok=True)
        subprocess.run([tool, path, REPORT], check=True)
    return path


def parameters(script, params=""):
    """A kernel command line that makes init run this shell script."""
    encoded = base64.b64encode(script.encode()).decode()
    return f"quiet {params} tane.run={encoded}".replace("  ", " ")


def start(script, *options, params="", kind="cloud", image=None, initrd=None, **more):
    """Boot; the guest runs the script and powers off. A Tane."""
    return tane.Tane("-k", image or kernel(kind), "-i", initrd or initramfs(),
                     "-p", parameters(script, params), *options, **more)


def sections(text):
    """What report.sh printed: {name: its lines}."""
    found, lines = {}, []
    for line in text.splitlines():
        if line.startswith("@"):
            lines = found.setdefault(line[1:], [])
        else:
            lines.append(line)
    assert "end" in found, "the guest did not get to the end of its report"
    return found


def run(script, *options, seconds=tane.DEADLINE, **more):
    """start() and wait for its end."""
    machine = start(script, *options, **more)
    machine.status = machine.wait(seconds)
    return machine
