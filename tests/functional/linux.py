# SPDX-License-Identifier: BSD-2-Clause
"""Debian's stock kernels, and an initramfs for them, see tools/kernel and tools/initramfs."""
import base64
import functools
import glob
import os
import subprocess
import sys

import tane

PROMPT = "(~|/root) # "
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


def archive(name, files):
    """A cpio archive with {path in it: bytes}, made once."""
    sys.path.insert(0, os.path.join(tane.ROOT, "tools"))
    import newc  # pylint: disable=import-outside-toplevel

    path = os.path.join(tane.GUESTS, name)
    cpio = newc.Archive()
    for file, data in files.items():
        cpio.file(file, data, 0o755)
    os.makedirs(tane.GUESTS, exist_ok=True)
    with open(f"{path}.{os.getpid()}", "wb") as file:
        file.write(cpio.data())
    os.rename(file.name, path)
    return path


def modules(kind, *names):
    """A cpio archive with these modules of a kernel in its root."""
    root = kernel(kind, "root")
    files = {}
    for name in names:
        path, = glob.glob(f"{root}/lib/modules/*/kernel/**/{name}.ko", recursive=True)
        with open(path, "rb") as file:
            files[f"{name}.ko"] = file.read()
    return archive(f"modules-{kind}-{'-'.join(names)}.cpio", files)


def parameters(script, params=""):
    """A kernel command line that makes init run this shell script."""
    encoded = base64.b64encode(script.encode()).decode()
    return f"quiet {params} tane.run={encoded}".replace("  ", " ")


def start(script, *options, params="", kind="cloud", initrd=None, **more):
    """Boot; the guest runs the script and powers off. A Tane."""
    return tane.Tane("-k", kernel(kind), "-i", initrd or initramfs(),
                     "-p", parameters(script, params), *options, **more)


def run(script, *options, seconds=tane.DEADLINE, **more):
    """start() and wait for its end."""
    machine = start(script, *options, **more)
    machine.status = machine.wait(seconds)
    return machine


def shell(*options, params="", kind="cloud", stdin="pty", **more):
    """Boot to a shell on the console and wait for its prompt."""
    machine = tane.Tane("-k", kernel(kind), "-i", initramfs(), "-p", f"quiet {params}",
                        *options, stdin=stdin, **more)
    machine.expect("tane: init up")
    machine.expect(PROMPT)
    return machine
