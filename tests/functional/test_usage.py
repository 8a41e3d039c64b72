# SPDX-License-Identifier: BSD-2-Clause
"""Command lines that make no sense, files that are not there: status and message."""
import os
import re
import shutil
import socket
import struct
import subprocess

import pytest

from tane import PROGRAM, ROOT, Tane, guest, is_sanitized, run

HINT = 'tane: "tane run --help" lists the options\n'
nokvm = pytest.mark.nokvm
anykvm = pytest.mark.anykvm


def tane_command(*args):
    return run(command=[PROGRAM, *args])


@nokvm
@pytest.mark.parametrize("args, message", [
    (["--nosuch"], 'unknown option "--nosuch"'),
    (["-z"], 'unknown option "-z"'),
    (["-k"], 'option "-k" needs a value'),
    (["--kernel"], 'option "--kernel" needs a value'),
    (["-k", "x", "--stats=yes"], 'unknown option "--stats=yes"'),
    (["--user", "", "--", "true"], "--user: it is neither NAME nor UID[:GID]"),
    (["-k", "x", "y"], 'unexpected argument "y" (a command goes after --, a kernel '),
    (["boot.bin"], 'unexpected argument "boot.bin" (a command goes after --, a kernel after '
                   '-k, a disk or a boot sector after -d)'),
    (["--bios", "x.bin", "-d", "y"],
     'unexpected argument "x.bin" (did you mean --bios=x.bin?)'),
    (["-k", "x", "-c", "0"], "--cpus 0: 1 to 4096 are possible"),
    (["-k", "x", "-c", "99999"], "--cpus 99999: 1 to 4096 are possible"),
    (["-k", "x", "-c", "4294967297"], '--cpus: "4294967297" is not a number of CPUs'),
    (["-k", "x", "-c", "-1"], '--cpus: "-1" is not a number of CPUs'),
    (["-k", "x", "-c", "two"], '--cpus: "two" is not a number of CPUs'),
    (["-k", "x", "-c", "2x"], '--cpus: "2x" is not a number of CPUs'),
    (["-k", "x", "-c", ""], '--cpus: "" is not a number of CPUs'),
    (["-k", "x", "-m", "0"], "--mem: 0 bytes: must be a multiple of 4 KiB, and not 0"),
    (["-k", "x", "-m", "5000B"],
     "--mem: 5000 bytes: must be a multiple of 4 KiB, and not 0"),
    (["-k", "x", "-m", "3X"], '--mem: "3X" is not a size: its unit is one of B K M G T'),
    (["-k", "x", "-m", "3MM"], '--mem: "3MM" is not a size: its unit is one of B K M G T'),
    (["-k", "x", "-m", "-1"], '--mem: "-1" is not a size (try 512M or 2G)'),
    (["-k", "x", "-m", ""], '--mem: "" is not a size (try 512M or 2G)'),
    (["-k", "x", "-m", " 1"], '--mem: " 1" is not a size (try 512M or 2G)'),
    (["-k", "x", "-m", "99999999999T"], '--mem: "99999999999T" is too large'),
    (["-k", "x", "-m", "18446744073709551616B"],
     '--mem: "18446744073709551616B" is too large'),
    (["-k", "x", "-m", "1.5G"],
     '--mem: "1.5G" is not a size: its number is not whole and decimal (try 512M or 2G)'),
    (["-k", "x", "--mem=1", "--stat"], 'unknown option "--stat": did you mean --stats?'),
    (["-k", "x", "-m", "1M"], "--mem: 1024 KiB: a kernel needs at least 2 MiB"),
    (["-k", "x", "--rom", "y"], "--rom and --kernel exclude each other"),
    (["--rom", "x", "-i", "y"], "--initrd, --params and --boot belong to --kernel, not to "
                                "--rom"),
    (["--rom", "x", "-p", "y"], "--initrd, --params and --boot belong to --kernel, not to "
                                "--rom"),
    (["--rom", "x", "--boot", "pvh"],
     "--initrd, --params and --boot belong to --kernel, not to --rom"),
    (["--rom", "x", "-c", "2"], "--rom runs on one CPU, not on 2"),
    (["--rom", "x@hello"], '--rom: address "hello" is not a number such as 0x7c00'),
    (["--rom", "x@"], '--rom: address "" is not a number such as 0x7c00'),
    (["--rom", "x@-1"], '--rom: address "-1" is not a number such as 0x7c00'),
    (["--rom", "@0x7c00"], '--rom: no file name in "@0x7c00"'),
    (["--rom", "x@0x10000000"], "--rom: address 0x10000000 is out of reach of real mode, "
                                "the last one is 0x"),
    (["-k", "x", "--boot", "efi"],
     '--boot: "efi" is none of auto, linux, pvh, multiboot (of a kernel), and none of '
     'disk, cdrom, floppy, net (of firmware)'),
    (["-d", "x", "--boot", "disk,"], '--boot: "" is none of auto'),
    (["-d", "x", "--boot", "disk,linux"], '--boot: "linux" is none of auto'),
    (["-k", "x", "--boot", "disk"],
     "--boot with disk, cdrom, floppy or net is for firmware: add --bios"),
    (["--boot", "net"], "--boot net: there is no network: add -n user or -n tap"),
    (["-d", "x", "--boot", "disk,net", "-n", "none"],
     "--boot net: there is no network: add -n user or -n tap"),
    (["-n", "user", "--boot", "net", "--virtio", "mmio"],
     "--boot net: firmware boots from networks on PCI only: leave --virtio mmio out"),
    (["-n", "user,bootfile=" + 128 * "x", "--boot", "net"],
     "--net user: bootfile=: at most 127 bytes"),
    (["-d", "x", "--boot", "pvh"], "--boot with a protocol belongs to --kernel"),
    (["-k", "x", "--bios", "--boot", "pvh"],
     "--kernel with --bios: firmware boots a bzImage by the boot protocol of Linux only"),
    (["-k", "x", "--console", "vga"], '--console: "vga" is not serial, virtio or none'),
    (["-k", "x", "--serial", "0=null"],
     '--serial: "0=null" is not N=WHAT with N from 1 to 4'),
    (["-k", "x", "--serial", "5=null"],
     '--serial: "5=null" is not N=WHAT with N from 1 to 4'),
    (["-k", "x", "--serial", "null"], '--serial: "null" is not N=WHAT with N from 1 to 4'),
    (["-k", "x", "--serial", "1"], '--serial: "1" is not N=WHAT with N from 1 to 4'),
    (["-k", "x", "--serial", "1="], '--serial: "1=" is not N=WHAT with N from 1 to 4'),
    (["-k", "x", "--serial", ""], '--serial: "" is not N=WHAT with N from 1 to 4'),
    (["-k", "x", "--serial", "2=bogus"],
     '--serial: "bogus" is not console, null, pty, file:PATH or a path with a slash in it'),
    (["-k", "x", *["-i", "y"] * 17], "--initrd: more than 16"),
    (["-k", "x", "-n", "user,net=10.0.2.0/28"],
     '--net user: net: "10.0.2.0/28": 28 is not between 8 and 27'),
    (["-k", "x", "-n", "user,net=10.0.2.1/24"],
     "--net user: net=: the address has bits behind the first 24"),
    (["-k", "x", "-n", "user,net=10.0.2.0/24,net=10.0.3.0/24"],
     "--net user: net: given twice"),
    (["-k", "x", "-n", "user,hostfwd=tcp::80-10.0.3.15:80"],
     "--net user: hostfwd=: 10.0.3.15 is outside the guest's network (net=)"),
    (["-k", "x", "-n", "user,hostfwd=udp::53-:53,hostfwd=udp::53-:53"],
     "--net user: two hostfwd= have udp port 53 of the host"),
])
def test_wrong_command_line(args, message):
    tane = run(*args)
    assert tane.status == 2
    assert tane.error_text().startswith("tane: " + message)
    assert tane.error_text().endswith(HINT)
    assert tane.error_text().count("\n") == 2
    assert bytes(tane.out) == b""


@anykvm
@pytest.mark.parametrize("args, message", [
    (["-k", "/nosuch/file"],
     'kernel "/nosuch/file": cannot open it: No such file or directory'),
    (["-k", "/tmp"], 'kernel "/tmp": not a regular file'),
    (["-k", "/dev/null"], 'kernel "/dev/null": not a regular file'),
    (["-k", ""], 'kernel "": cannot open it: No such file or directory'),
    (["--rom", "/nosuch/file"],
     'rom "/nosuch/file": cannot open it: No such file or directory'),
    (["-k", "MONITOR", "-i", "/nosuch/file"],
     'initrd "/nosuch/file": cannot open it: No such file or directory'),
    (["-k", "MONITOR", "-i", "/tmp"], 'initrd "/tmp": not a regular file'),
    (["-k", "MONITOR", "-p", "x" * 70000],
     "--params: 70000 bytes are more than any kernel takes"),
    (["-k", "MONITOR", "--serial", "2=/nosuch/file"],
     'serial port 2: "/nosuch/file": No such file or directory'),
    (["-k", "MONITOR", "--serial", "3=/tmp"], 'serial port 3: "/tmp": Is a directory'),
    (["--rom", "WHERE@0xffff0", "-m", "64K"], "bytes at 0xffff0 do not fit the guest's "
                                             "memory of 65536 bytes"),
    (["-k", "MONITOR", "-m", "8000T"], "--mem 8000T is more than this CPU can address"),
    (["-k", "MONITOR", "-m", "9T"], "--mem 9T is more than "),
    (["-k", "MONITOR", "-c", "4096"], "--cpus 4096: KVM of this host makes at most "),
])
def test_failure_of_ours(args, message):
    names = {"MONITOR": guest("monitor"), "WHERE@0xffff0": guest("where.rom") + "@0xffff0"}
    tane = run(*(names.get(arg, arg) for arg in args))
    assert tane.status == 1
    assert message in tane.error_text()
    assert tane.error_text().startswith("tane: ")
    assert tane.error_text().count("\n") == 1
    assert bytes(tane.out) == b""


@anykvm
@pytest.mark.parametrize("option, name", [
    ("-d", 'disk "/nosuch/file": '), ("--cdrom", 'CD-ROM "/nosuch/file": '),
    ("--floppy", '--floppy: disk "/nosuch/file": ')])
def test_no_such_medium(option, name):
    tane = run(option, "/nosuch/file")
    assert (tane.status, tane.text()) == (1, "")
    assert tane.error_text() == f"tane: {name}cannot open it: No such file or directory\n"


@anykvm
def test_a_fifo_as_kernel_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    tane = run("-k", tmp_path / "fifo", seconds=10)
    assert tane.status == 1
    assert tane.error_text().endswith("not a regular file\n")


@anykvm
def test_more_memory_than_the_host_has():
    """It is reserved and not touched, so a guest may have more than there is free."""
    with open("/proc/meminfo", encoding="ascii") as file:
        mib = int(re.search(r"MemTotal: +(\d+)", file.read())[1]) // 1024
    tane = run("-k", guest("monitor"), "-m", f"{mib // 4096 * 4 + 4}G", "-p", "say fine")
    assert (tane.status, tane.text(), tane.error_text()) == (0, "fine\n", "")


@anykvm
@pytest.mark.parametrize("size, kib", [
    ("128M", 128 << 10), ("64", 64 << 10), ("2g", 2 << 20), ("65536K", 64 << 10),
    ("5G", 3 << 20), ("33554432B", 32 << 10)])
def test_memory_sizes(size, kib):
    tane = run("-k", guest("monitor"), "-m", size, "-p", "info")
    upper = int(re.search("mem_upper 00000000 = (.*)", tane.text())[1], 16)
    assert upper == kib - 1024


@anykvm
def test_two_files_of_one_option():
    """The last one counts, as with most programs."""
    tane = run("-k", "/nosuch", "-k", guest("monitor"), "-m", "1T", "-m", "64", "-p", "say no",
               "-p", "say yes")
    assert (tane.status, tane.text()) == (0, "yes\n")


@nokvm
@pytest.mark.parametrize("args", [["--help"], ["-h"], ["-k", "x", "--help"]])
def test_help_of_run(args):
    tane = run(*args)
    assert (tane.status, tane.error_text()) == (0, "")
    for option in ("--kernel", "--initrd", "--params", "--mem", "--cpus", "--rom", "--boot",
                   "--console", "--serial", "--name", "--no-reboot", "--debug-exit",
                   "--die-with-parent", "--stats", "--trace", "--help"):
        assert option in tane.text()
    assert all(len(line) <= 90 for line in tane.text().splitlines())


@nokvm
def test_commands():
    for args in (["--help"], ["-h"], ["help"]):
        tane = tane_command(*args)
        assert (tane.status, tane.error_text()) == (0, "")
        assert "run" in tane.text()
    assert tane_command("help", "run").text() == run("--help").text()
    assert tane_command("help", "fly").status == 2
    for args in (["--version"], ["version"], ["-V"]):
        tane = tane_command(*args)
        assert tane.status == 0
        assert re.fullmatch(r"tane \d+\.\d+\.\d+\n", tane.text())
    tane = tane_command()
    assert (tane.status, tane.text()) == (2, "")
    assert "usage:" in tane.error_text()
    tane = tane_command("fly")
    assert (tane.status, tane.text()) == (2, "")
    assert tane.error_text().startswith('tane: unknown command "fly"\n')


@nokvm
def test_help_into_a_full_device():
    """It cannot be printed: a script must not take it for success."""
    with open("/dev/full", "wb") as full:
        tane = run("--help", stdout=full)
    assert tane.status == 1
    assert tane.error_text() == ("tane: cannot write to the standard output: "
                                 "No space left on device\n")


def small_64_bit_kernel():
    """An ELF file that writes 3 to the port of --debug-exit."""
    code = b"\x66\xba\xf4\x00\xb0\x03\xee\xf4"  # mov $0xf4, %dx; mov $3, %al; out; hlt
    at, address = 64 + 56, 16 << 20
    ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, address, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, at, address, address, len(code), len(code), 1)
    return ident + header + segment + code


@anykvm
def test_host_that_runs_no_stock_kernel(tmp_path):
    """It would stand still without a word; small kernels run there, and get none."""
    (tmp_path / "vmlinux").write_bytes(small_64_bit_kernel())
    warned = "tane: warning: " in run("-k", tmp_path / "vmlinux", "--debug-exit").error_text()
    unfit = subprocess.run([os.path.join(ROOT, "tools/kvm-usable")], check=False,
                           stdout=subprocess.DEVNULL).returncode
    assert warned == bool(unfit)
    assert run("-k", guest("monitor")).error_text() == ""


@nokvm
def test_status_of_a_command_that_does_not_run():
    """1 and 2 may be those of a command that does."""
    nosuch = "/nosuch/kernel"
    tane = run("-k", nosuch, "--", "true")
    assert (tane.status, nosuch in tane.error_text()) == (125, True)
    assert run("-k", nosuch).status == 1
    assert run("-k", nosuch, "--cwd", "here", "--", "true").status == 2


@anykvm
@pytest.mark.parametrize("option, path, message", [
    ("--root", "/nosuch", "No such file or directory"),
    ("--share", "/etc/passwd", "Not a directory")])
def test_command_on_no_folder(option, path, message):
    tane = run("-k", guest("monitor"), option, path, "--", "true")
    assert tane.status == 125
    assert tane.error_text().endswith(f'tane: {option} "{path}": {message}\n')


@nokvm
def test_command_in_a_folder_that_is_gone(tmp_path):
    """/ is not the next best: with --rw the command would work on that."""
    gone = ["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh",
            PROGRAM, "run", "--dump-initrd", tmp_path / "initrd"]
    tane = run(command=[*gone, "--rw", "--", "rm", "-r", "./x"], cwd=tmp_path)
    assert tane.error_text() == ("tane: the current folder (--cwd names another one): No such "
                                 "file or directory\n")
    assert tane.status == 125
    assert not (tmp_path / "initrd").exists()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change /dev")
NAMESPACE = ["unshare", "--mount", "--", "sh", "-c"]


def in_namespace(script, *command):
    """Run a command after a script that may mount; the mounts are seen by it alone."""
    return run(command=[*NAMESPACE, script + ' && exec "$@"', "sh", *command])


def as_nobody(*args):
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *args]


def mounts_work():
    return shutil.which("unshare") and shutil.which("setpriv") and subprocess.run(
        [*NAMESPACE, "mount -t tmpfs tmpfs /dev"], check=False, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def program(tmp_path_factory):
    """The program and a guest where every user can reach them."""
    folder = tmp_path_factory.mktemp("shared")
    for path in [folder, *list(folder.parents)[:-2]]:
        os.chmod(path, 0o755)
    shutil.copy(PROGRAM, folder / "tane")
    shutil.copy(guest("hello.rom"), folder / "hello.rom")
    return [str(folder / "tane"), "run", "--rom", str(folder / "hello.rom")]


@anykvm
@needs_root
@pytest.mark.parametrize("mode, owner, message", [
    ("660", "0:5", '/dev/kvm: no permission: join the group "tty" '
                   '(sudo usermod -aG tty "$USER") and log in again'),
    ("600", "0:5", "/dev/kvm: no permission: its owner is user 0; ask the administrator"),
])
def test_no_permission_for_kvm(mode, owner, message, program):
    if not mounts_work():
        pytest.skip("no mount namespaces here")
    tane = in_namespace(
        "mount -t tmpfs tmpfs /dev && mknod /dev/kvm c 10 232 && "
        f"chown {owner} /dev/kvm && chmod {mode} /dev/kvm", *as_nobody(*program))
    assert (tane.status, tane.text()) == (1, "")
    assert tane.error_text() == f"tane: {message}\n"


@anykvm
@needs_root
def test_kvm_is_missing(program):
    if not mounts_work():
        pytest.skip("no mount namespaces here")
    tane = in_namespace("mount -t tmpfs tmpfs /dev", *program)
    assert (tane.status, tane.text()) == (1, "")
    assert tane.error_text().startswith("tane: /dev/kvm cannot be used (is virtualization ")
    assert "tane-lab" in tane.error_text()
    assert tane.error_text().endswith(": No such file or directory\n")


@anykvm
@needs_root
def test_kvm_is_something_else(program):
    if not mounts_work():
        pytest.skip("no mount namespaces here")
    tane = in_namespace("mount -t tmpfs tmpfs /dev && mknod /dev/kvm c 1 3", *program)
    assert (tane.status, tane.text()) == (1, "")
    assert tane.error_text().startswith("tane: /dev/kvm is no KVM device: ")


@anykvm
@needs_root
def test_any_user_with_access_may(program):
    """No root is needed, only the right to open /dev/kvm."""
    if not mounts_work():
        pytest.skip("no mount namespaces here")
    tane = in_namespace("mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/kvm c 10 232",
                        *as_nobody(*program))
    assert (tane.status, tane.text(), tane.error_text()) == (0, "Hello KVM!", "")


@anykvm
def test_few_descriptors():
    """ulimit -n: a message, no crash. (With less than 6 it is the loader that fails.)"""
    for limit in range(6, 24):
        tane = run(command=["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", PROGRAM,
                            "run", "-k", guest("monitor"), "-p", "say fine"])
        assert tane.status in (0, 1), f"with {limit} descriptors"
        if tane.status == 0:
            assert tane.text() == "fine\n"
            break
        assert tane.error_text().startswith("tane: ")
    assert tane.status == 0


@anykvm
@pytest.mark.skipif(is_sanitized(), reason="ASan needs its address space")
def test_little_address_space():
    tane = run(command=["sh", "-c", 'ulimit -v 200000; exec "$@"', "sh", PROGRAM, "run",
                        "-k", guest("monitor"), "-m", "1G"])
    assert tane.status == 1
    assert tane.error_text().startswith("tane: ")


@anykvm
def test_a_socket_as_stdin_and_stdout():
    """As programs that start programs do it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        tane = Tane("-k", guest("monitor"), "-p", "receive 2 com1 words", stdin=theirs,
                    stdout=theirs)
        theirs.close()
        ours.sendall(b"ab")
        assert tane.wait(30) == 0
        output = b""
        while chunk := ours.recv(1000):
            output += chunk
    assert b"words\n" in output and output.count(b"receive") == 1
