# SPDX-License-Identifier: BSD-2-Clause
"""The init of guests that run a command (guest/init): the system that a command finds, and
what init says when the kernel is not up to it. A boot takes long here, so each looks at
much."""
import os
import shutil
import subprocess

import linux
import pytest
import tane
from marks import every_arch

SECONDS = 300
# Of x86-64 there is a kernel that need not be unpacked.
KERNEL = "vmlinux" if tane.ARCH == "x86_64" else "vmlinuz"


def run(script, *options, kind="generic", kernel=KERNEL):
    path = linux.kernel(kind, kernel)
    folder = os.path.dirname(path)
    with open(os.path.join(folder, "version"), encoding="ascii") as file:
        modules = os.path.join(folder, "root/lib/modules", file.read().strip())
    return tane.run("-k", path, "--modules", modules, *options, "--", "sh", "-c", script,
                    seconds=SECONDS)


def check(result):
    """It ended well and said nothing on stderr. Its output, by lines."""
    assert (result.status, result.error_text()) == (0, "")
    return result.text().splitlines()


@every_arch
def test_file_systems(tmp_path):
    """Those of any system; an overlay that takes changes of all kinds; what udev would
    make in /dev."""
    (tmp_path / "file").write_text("host\n")
    (tmp_path / "folder").mkdir()
    lines = check(run(
        "while read -r device path type rest; do echo $path $type; done </proc/self/mounts;"
        "echo guest >>file; cat file; mv folder moved; ls;"
        "readlink /dev/fd /dev/stdin; echo through >/dev/stdout;"
        "cat /sys/class/net/lo/operstate", "--cwd", tmp_path))
    for mount in ("/ overlay", "/proc proc", "/sys sysfs", "/dev devtmpfs", "/dev/pts devpts",
                  "/dev/shm tmpfs", "/run tmpfs", "/sys/fs/cgroup cgroup2"):
        assert mount in lines
    assert lines[lines.index("host"):] == [
        "host", "guest", "file", "moved", "/proc/self/fd", "/proc/self/fd/0", "through",
        "unknown"]  # what loopback is when it is up
    assert (tmp_path / "file").read_text() == "host\n"
    assert (tmp_path / "folder").is_dir()


@pytest.mark.parametrize("transport", ["pci", "mmio"])
def test_transports(transport):
    """The drivers of both; /tmp is new unless the command's folder lies there."""
    lines = check(run("grep -c ' /tmp tmpfs' /proc/self/mounts; cat /proc/interrupts",
                      "--virtio", transport, "--cwd", "/"))
    assert lines[0] == "1"
    assert any("virtio" in line for line in lines)


def test_network(tmp_path):
    """DHCP before the command begins: address, route, name servers; the root's
    resolv.conf stays as it is."""
    before = os.path.exists("/etc/resolv.conf") and open("/etc/resolv.conf", "rb").read()
    lines = check(run("ip -4 -o address show dev eth0; ip -4 route; cat /etc/resolv.conf",
                      "-n", "user"))
    assert "10.0.2.15/24" in lines[0]
    assert any(line.startswith("default via 10.0.2.2 dev eth0") for line in lines)
    assert "nameserver 10.0.2.3" in lines
    assert before == (os.path.exists("/etc/resolv.conf") and
                      open("/etc/resolv.conf", "rb").read())


def test_shares(tmp_path):
    """Further shares, in folders that are made for them, for reading and for writing."""
    (tmp_path / "ro").mkdir()
    (tmp_path / "ro/file").write_text("of the host\n")
    (tmp_path / "rw").mkdir()
    lines = check(run("cat /nowhere/before/file; echo of the guest >/srv/file;"
                      "(: >/nowhere/before/other) 2>/dev/null || echo refused",
                      "-s", f"{tmp_path}/ro,at=/nowhere/before",
                      "-s", f"{tmp_path}/rw,rw,at=/srv"))
    assert lines == ["of the host", "refused"]
    assert (tmp_path / "rw/file").read_text() == "of the guest\n"
    assert os.listdir(tmp_path / "ro") == ["file"]


def make_root(folder):
    """A system of busybox, with a user in its own /etc/passwd."""
    for name in ("bin", "etc", "proc", "sys", "dev", "run", "tmp", "home/me"):
        os.makedirs(folder / name)
    busybox = shutil.which("busybox") or "/usr/bin/busybox"
    shutil.copy(busybox, folder / "bin/busybox")
    for name in ("sh", "id", "cat", "ls", "mount"):
        os.symlink("busybox", folder / "bin" / name)
    (folder / "etc/passwd").write_text("root::0:0::/:/bin/sh\nme:x:1234:5678::/home/me:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\nmine:x:5678:\nothers:x:99:you,me\n")


def test_other_root(tmp_path):
    """A user by the names of that root; --rw writes to it, /etc/resolv.conf apart."""
    make_root(tmp_path)
    (tmp_path / "etc/resolv.conf").write_text("nameserver 9.9.9.9\n")
    os.chmod(tmp_path / "home/me", 0o777)
    os.chmod(tmp_path, 0o755)
    lines = check(run("id; echo $HOME $USER $SHELL; echo written >/home/me/file;"
                      "cat /etc/resolv.conf; ls -di /",
                      "--root", tmp_path, "--rw", "--user", "me", "-n", "user"))
    user, groups = lines[0].split(" groups=")
    assert user == "uid=1234(me) gid=5678(mine)"
    assert set(groups.split(",")) == {"5678(mine)", "99(others)"}
    assert lines[1] == "/home/me me /bin/sh"
    assert lines[2] == "nameserver 10.0.2.3"
    assert (tmp_path / "home/me/file").read_text() == "written\n"
    assert (tmp_path / "etc/resolv.conf").read_text() == "nameserver 9.9.9.9\n"


def test_no_such_user(tmp_path):
    make_root(tmp_path)
    result = run("true", "--root", tmp_path, "--user", "nobody-of-that-name")
    assert result.status == 125
    assert result.error_text() == 'tane: --user "nobody-of-that-name": there is no such user\n'


def test_kernel_without_9p():
    """Debian's cloud kernel."""
    result = run("true", kind="cloud", kernel="vmlinuz")
    assert result.status == 125
    assert "CONFIG_9P_FS" in result.error_text()


def test_left_behind():
    """Processes of the command that outlive it may still say what they have to say, and
    do not keep it when they do not end."""
    lines = check(run("(while kill -0 $$ 2>/dev/null; do :; done; echo late) &"
                      "(sleep 1000; echo never) & echo early"))
    assert lines == ["early", "late"]


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    """A root with a kernel and the modules that a command needs. busybox lists them, as
    text only; what kmod would look up is not there. (ROOT, MODULES)"""
    folder = os.path.dirname(linux.kernel("generic", KERNEL))
    with open(os.path.join(folder, "version"), encoding="ascii") as file:
        release = file.read().strip()
    root = tmp_path / "root"
    modules = root / "lib/modules" / release
    for name in ("drivers/virtio", "drivers/char/virtio_console.ko", "net/9p", "fs/9p",
                 "fs/netfs", "fs/fscache", "fs/overlayfs"):
        source = os.path.join(folder, "root/lib/modules", release, "kernel", name)
        target = modules / "kernel" / name
        os.makedirs(target.parent, exist_ok=True)
        (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, target)
    (root / "boot").mkdir()
    os.symlink(os.path.join(folder, KERNEL), root / "boot/vmlinuz")
    subprocess.run(["busybox", "depmod", "-b", root, release], check=True, cwd=root)
    assert not list(modules.glob("*.bin"))
    return root, modules


def test_modules_by_text_alone(tree):
    """Beside the kernel; and the guest boots."""
    result = tane.run("-k", tree[0] / "boot/vmlinuz", "--", "cut", "-d ", "-f1", "/proc/modules",
                      seconds=SECONDS)
    assert {"9p", "overlay", "virtio_console", "virtio_pci"} <= set(check(result))


@pytest.mark.nokvm
def test_modules_of_a_hostile_tree(tree, tmp_path):
    """No file but a module of the tree gets to a guest, wherever links and lists lead."""
    root, modules = tree
    module = modules / "kernel/drivers/char/virtio_console.ko"
    secret = tmp_path / "secret"
    secret.write_text("for nobody else")
    shutil.copy(module, tmp_path / "outside.ko")
    listed = (modules / "modules.dep").read_text()

    def expect(message):
        result = tane.run("-k", root / "boot/vmlinuz", "--root", root, "--rw",
                          "--dump-initrd", tmp_path / "initrd", "--", "true")
        assert result.status == 125
        assert result.error_text().endswith(f"{message}\n")
        assert not (tmp_path / "initrd").exists()

    for target in (secret, tmp_path / "outside.ko", "../../../../../../../outside.ko"):
        module.unlink()
        module.symlink_to(target)
        expect(f'module "{root}/boot/../lib/modules/{modules.name}/kernel/drivers/char/'
               'virtio_console.ko": a link or ".." in its path leads out of the folder: put '
               "the file itself there")
    module.unlink()
    shutil.copy(secret, module)
    expect("not an ELF file, which modules are")
    name = "kernel/drivers/char/virtio_console.ko"
    for path in (tmp_path / "virtio_console.ko", "../virtio_console.ko"):
        (modules / "modules.dep").write_text(listed.replace(f"{name}:", f"{path}:"))
        expect(f'modules.dep has "{path}", which is not in the folder')


def test_dump_initrd(tmp_path):
    """What --dump-initrd writes is an archive of the init, its modules and the record."""
    result = run("true", "--dump-initrd", tmp_path / "initrd", "-n", "user")
    assert check(result) == []
    listed = subprocess.run(["busybox", "cpio", "-t"], check=True, text=True,
                            input=None, stdin=open(tmp_path / "initrd", "rb"),
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.split()
    for name in ("init", "tane/config", "tane/modules/9p.ko", "tane/modules/overlay.ko",
                 "tane/modules/virtio_net.ko"):
        assert name in listed
    assert "tane/modules/virtio_blk.ko" not in listed
