# SPDX-License-Identifier: BSD-2-Clause
"""Debian's stock kernels, and what they boot into, see tools/kernel and tools/initramfs.

The guest of start(), run() and shell() is busybox with guest/init.sh; a script
runs in it as root. Three arguments add to that:

    linux.run("mount -t ext4 /dev/vda /mnt && fio ...", "-d", disk,
              load=linux.VIRTIO, programs=["fio"], kind="generic")

load      drivers to load before the script, words of MODULES; the kernel loads
          others of MODULES when they are asked for (mount loads its file system).
          VIRTIO are those that any virtio device of tane may need.
programs  programs of the host, words of PROGRAMS, at their own paths. busybox's shell
          prefers its applets, so one of the same name would have to be run by its path.
kind      "cloud" or "generic", Debian's kernels; there is no cloud kernel for riscv64.

In the guest `udhcpc -i eth0 -n -q -f` fetches an address; `dropbear -R -E -B` lets
root in by SSH (a file ROOT/.ssh/authorized_keys can be an archive() of the test's).
Archives of modules and programs are made by tests/run before the lab starts, or
when first asked for, and again when what they are made from changes.
"""
import base64
import functools
import glob
import hashlib
import os
import platform
import shutil
import subprocess
import sys

import tane

KIND = "generic" if tane.ARCH == "riscv64" else "cloud"  # the one with less in it
TTY = "ttyAMA0" if tane.ARCH == "arm64" else "ttyS0"  # the first serial port
# Half of a stock kernel's boot is tests of its own ciphers.
QUIET = "quiet cryptomgr.notests"
PROMPT = "(~|/root) # "
REPORT = os.path.join(os.path.dirname(__file__), "report.sh")
TOOL = [os.path.join(tane.ROOT, "tools/initramfs"), "--arch", tane.ARCH]
# More does not fit on a command line beside the rest: riscv64 has 1023 bytes for all.
LONG_SCRIPT = 300 if tane.ARCH == "riscv64" else 1000

VIRTIO = ("virtio_pci virtio_mmio virtio_blk virtio_net virtio_console virtio_rng "
          "virtio_balloon vmw_vsock_virtio_transport")
# What the guests can load. Some of it is built into one kernel or the other.
MODULES = {
    "cloud": f"{VIRTIO} ext4 xfs vfat nls_cp437 nls_ascii loop button evdev",
    "generic": f"{VIRTIO} ext4 xfs vfat nls_cp437 nls_ascii loop button evdev 9p 9pnet_virtio",
}
if tane.ARCH == "x86_64":
    MODULES = {kind: f"{words} ata_piix sd_mod sr_mod isofs" for kind, words in MODULES.items()}
    MODULES["generic"] += " floppy qemu_fw_cfg"
if tane.ARCH == "riscv64":
    del MODULES["cloud"]
FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
PROGRAMS = ("fio", "iperf3", "dropbear", "dropbearkey", "lspci", "setpci", "ethtool", "socat",
            "flock")
if tane.ARCH == "x86_64":
    PROGRAMS += ("bash", "hdparm")


@functools.lru_cache(None)
def kernel(kind=KIND, name="vmlinuz"):
    """The path of the "cloud" or "generic" kernel: vmlinuz (bzImage, or Image), for x86-64
    also vmlinux (ELF)."""
    done = subprocess.run([os.path.join(tane.ROOT, "tools/kernel"), "--arch", tane.ARCH, kind],
                          check=True, stdout=subprocess.PIPE, text=True)
    return os.path.join(done.stdout.strip(), name)


@functools.lru_cache(None)
def initramfs():
    """busybox, the init script and report.sh."""
    path = os.path.join(tane.GUESTS, "initramfs.cpio")
    scripts = [os.path.join(tane.ROOT, "guest", name) for name in ("init.sh", "dhcp.sh")]
    if not tane.newer(path, [TOOL[0], REPORT, *scripts]):
        os.makedirs(tane.GUESTS, exist_ok=True)
        subprocess.run([*TOOL, path, REPORT], check=True)
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


def part(name, *options, made_from):
    """An archive that tools/initramfs makes. What it depends on is in its name."""
    key = hashlib.sha256(repr((options, made_from)).encode())
    for source in (TOOL[0], os.path.join(tane.ROOT, "tools/newc.py")):
        with open(source, "rb") as file:
            key.update(file.read())
    path = os.path.join(tane.GUESTS, f"{name}-{key.hexdigest()[:12]}.cpio")
    if not os.path.exists(path):
        os.makedirs(tane.GUESTS, exist_ok=True)
        for old in glob.glob(os.path.join(tane.GUESTS, f"{name}-{'?' * 12}.cpio")):
            os.unlink(old)
        subprocess.run([*TOOL, "--part", *options, path], check=True)
    return path


@functools.lru_cache(None)
def modules(kind):
    """All of MODULES for a kernel, with what they need."""
    folder = os.path.dirname(kernel(kind))
    with open(os.path.join(folder, "version"), encoding="ascii") as file:
        version = file.read()
    return part(f"modules-{kind}", "--kernel", folder, "--modules",
                MODULES[kind].replace(" ", ","), made_from=version)


@functools.lru_cache(None)
def root():
    """Where programs for guests come from: this machine, or Debian's packages for
    another architecture (tools/root), of which a lab of that architecture is made."""
    if tane.ARCH == platform.machine().replace("aarch64", "arm64"):
        return ""
    return subprocess.run([os.path.join(tane.ROOT, "tools/root"), tane.ARCH], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


@functools.lru_cache(None)
def program(name):
    """One of PROGRAMS with its libraries."""
    assert name in PROGRAMS, f"{name} is not in linux.PROGRAMS"
    path = shutil.which(name, path=":".join(f"{root()}{folder}" for folder in FOLDERS))
    assert path, f"{name} is not installed (tools/setup test)"
    info = os.stat(path)
    return part(name, "--program", name, made_from=(info.st_size, info.st_mtime))


@functools.lru_cache(None)
def debian_disk():
    """A disk with an installed Debian, see tools/debian-disk. Boot a copy."""
    done = subprocess.run([os.path.join(tane.ROOT, "tools/debian-disk")], check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def prepare():
    """Make all archives and disks."""
    if tane.ARCH == "x86_64":
        debian_disk()
    initramfs()
    for kind in MODULES:
        modules(kind)
    for name in PROGRAMS:
        program(name)


def parameters(script, params=""):
    """A kernel command line that makes init run this shell script."""
    encoded = base64.b64encode(script.encode()).decode()
    return " ".join(f"{QUIET} {params} tane.run={encoded}".split())


def additions(kind, load, programs):
    """Options of tane and kernel parameters for `modules` and `programs`."""
    options = []
    for name in programs:
        options += ["-i", program(name)]
    if not load:
        return options, ""
    words = load.split() if isinstance(load, str) else list(load)
    unknown = set(words) - set(MODULES[kind].split())
    assert not unknown, f"{unknown} not in linux.MODULES of {kind}"
    return [*options, "-i", modules(kind)], f"tane.modules={','.join(words)}"


def start(script, *options, params="", kind=KIND, initrd=None, load=(), programs=(),
          **more):
    """Boot; the guest runs the script and powers off. A Tane."""
    added, words = additions(kind, load, programs)
    words = f"{words} {params}"
    if len(script) > LONG_SCRIPT:
        name = hashlib.sha256(script.encode()).hexdigest()[:12]
        added += ["-i", archive(f"script-{name}.cpio", {"script": script.encode()})]
        words = f"{QUIET} {words} tane.script=/script"
    else:
        words = parameters(script, words)
    return tane.Tane("-k", kernel(kind), "-i", initrd or initramfs(), *added, "-p", words,
                     *options, **more)


def run(script, *options, seconds=tane.DEADLINE, **more):
    """start() and wait for its end."""
    machine = start(script, *options, **more)
    machine.status = machine.wait(seconds)
    return machine


def shell(*options, params="", kind=KIND, stdin="pty", load=(), programs=(), **more):
    """Boot to a shell on the console and wait for its prompt."""
    added, words = additions(kind, load, programs)
    machine = tane.Tane("-k", kernel(kind), "-i", initramfs(), *added,
                        "-p", f"{QUIET} {words} {params}", *options, stdin=stdin, **more)
    machine.expect("tane: init up")
    machine.expect(PROMPT)
    return machine
