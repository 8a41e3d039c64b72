# SPDX-License-Identifier: BSD-2-Clause
"""The labs keep what docs/lab.md promises. Each test boots one once or twice.

What the architectures have in common is tested with the one that starts fastest,
x86_64; `every_lab` marks what depends on the root and kernel of each.
"""
import fcntl
import hashlib
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

HERE = os.path.dirname(os.path.realpath(__file__))
LAB = os.path.join(HERE, "x86_64")
MACHINES = {"x86_64": "x86_64", "riscv64": "riscv64", "arm64": "aarch64"}  # as uname -m

every_lab = pytest.mark.parametrize("arch", MACHINES)

pytestmark = pytest.mark.skipif(os.environ.get("TANE_LAB") == "1",
                                reason="a lab in the lab would take minutes")

SHOW = r"""
import fcntl, os, sys
kvm = os.open("/dev/kvm", os.O_RDWR)
vm = fcntl.ioctl(kvm, 0xae01, 0)  # KVM_CREATE_VM
assert vm > 0 and fcntl.ioctl(vm, 0xae41, 0) > 0  # KVM_CREATE_VCPU
print(repr([os.fsencode(arg) for arg in sys.argv[1:]]))
print(os.getcwd(), os.environ["TANE_TEST"], os.environ.get("TANE_OTHER"))
print(os.cpu_count(), os.uname().nodename, os.path.exists("/dev/net/tun"),
      os.uname().machine)
print("to stderr", file=sys.stderr)
sys.exit(7)
"""


def lab(*args, arch="x86_64", **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([os.path.join(HERE, arch), *args], capture_output=True, timeout=300, check=False,
                          **options)


def running(marker):
    """Whether a process other than ours has the marker among its arguments."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if marker in file.read() and int(pid) != os.getpid():
                    return True
        except OSError:
            pass
    return False


@every_lab
def test_arguments_status_and_streams(tmp_path, arch):
    args = ["a b", "q\"u'o$te`", "new\nline", "", b"\xff\x81\x88".decode("utf-8", "surrogateescape")]
    done = lab("--cpus", "2", "--env", "TANE_TEST=x  y", "--", "/usr/bin/python3", "-c",
               SHOW, *args, arch=arch, cwd=tmp_path, env={**os.environ, "TANE_OTHER": "1"})
    expected = [os.fsencode(arg) for arg in args]
    assert done.stdout.decode() == (f"{expected!r}\n{tmp_path} x  y None\n"
                                    f"2 tane-lab True {MACHINES[arch]}\n")
    assert done.stderr == b"to stderr\n"
    assert done.returncode == 7


@every_lab
def test_binary_input_comes_back_whole(arch):
    data = os.urandom(10_000_000)
    done = lab("--", "cat", arch=arch, input=data, stdin=None)
    assert done.returncode == 0
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_status_of_a_signal_and_leftover_processes():
    done = lab("--", "sh", "-c", "sleep 1000 & echo out; kill -TERM $$")
    assert (done.returncode, done.stdout, done.stderr) == (128 + 15, b"out\n", b"")


@every_lab
def test_only_rw_folders_keep_what_is_written(tmp_path, arch):
    kept = tmp_path / "with space, comma"
    kept.mkdir()
    done = lab("--rw", str(kept), "--", "sh", "-c",
               'echo 1 >"$1/file" && echo 2 >"$2/file"', "sh", str(kept), str(tmp_path),
               arch=arch)
    assert done.returncode == 0, done.stderr
    assert (kept / "file").read_text() == "1\n"
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("arch, irqchip, says", [
    ("riscv64", "aia", "AIA available with"), ("riscv64", "plic", None),
    ("arm64", "gicv3", "GIC system register CPU interface enabled"),
    ("arm64", "gicv2", "GICv2m: range"),
])
def test_interrupt_controllers(arch, irqchip, says):
    """What KVM of the lab says of its own, and a program of its root."""
    done = lab("--irqchip", irqchip, "--", "sh", "-c", "dmesg; ls /proc/device-tree/soc "
               "/proc/device-tree; exec python3 -c 'import pytest; print(pytest)'", arch=arch)
    text = done.stdout.decode()
    assert done.returncode == 0, text
    assert "module 'pytest' from '/usr/lib/python3" in text
    if says:
        assert says.lower() in text.lower()
    else:
        assert "plic@" in text and "aplic@" not in text and "imsics@" not in text


@every_lab
def test_a_panic_is_a_failure_of_the_lab(arch):
    done = lab("--", "sh", "-c", "echo c >/proc/sysrq-trigger; sleep 60", arch=arch)
    assert done.returncode == 125
    assert b"sysrq" in done.stderr.lower()
    assert b"lab: the machine stopped before the command ended" in done.stderr


def test_timeout():
    done = lab("--timeout", "15", "--", "sh", "-c", "echo begun; sleep 1000")
    assert done.returncode == 125
    assert done.stdout == b"begun\n"
    assert b"lab: no end after 15 seconds" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_machine_outlives_its_lab(tmp_path, number):
    with subprocess.Popen([LAB, "--rw", str(tmp_path), "--", "sh", "-c",
                           "echo up; sleep 1000"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        assert running(os.fsencode(tmp_path))
        process.send_signal(number)
        assert process.wait(10) == -number
    deadline = time.monotonic() + 10
    while running(os.fsencode(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_reader_that_goes_away_ends_it():
    with subprocess.Popen([LAB, "--", "yes"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as process:
        assert process.stdout.read(2) == b"y\n"
        process.stdout.close()
        assert process.wait(10) == -signal.SIGPIPE


def test_full_device_as_output():
    """Not the command's status, for its output is lost; and no traceback."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([LAB, "--", "echo", "hi"], stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, timeout=300, check=False)
    assert done.returncode == 125
    assert done.stderr == (b"lab: cannot write the command's output: "
                           b"No space left on device\n")


def test_ctrl_c_before_the_command_runs():
    """The terminal is raw only when the command can have its keys."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(LAB, [LAB, "--", "sleep", "1000"])
    deadline = time.monotonic() + 60
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        while not is_qemu(file):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    os.write(fd, b"\x03")
    while time.monotonic() < deadline and os.waitpid(pid, os.WNOHANG) == (0, 0):
        time.sleep(0.1)
    assert time.monotonic() < deadline
    os.close(fd)


def is_qemu(children):
    """Whether QEMU is one of the processes of this file."""
    children.seek(0)
    for child in children.read().split():
        try:
            with open(f"/proc/{child}/comm", encoding="ascii") as file:
                if file.read().startswith("qemu"):
                    return True
        except OSError:
            pass
    return False


@every_lab
def test_terminal(arch):
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(os.path.join(HERE, arch), [arch, "--", "sh", "-i"])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    output = b""

    def expect(text, seconds=60):
        nonlocal output
        deadline = time.monotonic() + seconds
        while text not in output:
            assert select.select([fd], [], [], max(0, deadline - time.monotonic()))[0], \
                output
            output += os.read(fd, 4096)
        output = output.partition(text)[2]

    expect(b"# ")
    os.write(fd, b"stty size; echo wait; sleep 1000\n")
    expect(b"33 101\r\n")
    expect(b"wait\r\n")
    os.write(fd, b"\x03")
    expect(b"# ")
    os.write(fd, b"echo status $?\n")
    expect(b"status 130\r\n")
    os.write(fd, b"exit 5\n")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    os.close(fd)


@pytest.mark.parametrize("args, message", [
    (["--cpus", "0", "true"], "--cpus and --timeout must be above 0"),
    (["--mem", "2x", "true"], '--mem "2x": not a size'),
    (["--mem", "1M", "true"], "needs 768M of memory"),
    (["--rw", "/nosuch", "true"], '--rw "/nosuch": not a folder'),
    (["--nosuch", "true"], "unrecognized arguments: --nosuch"),
])
def test_refusals(args, message):
    done = lab(*args)
    assert message in done.stderr.decode()
    assert done.returncode in (2, 125)


@pytest.mark.parametrize("arch, args, message", [
    ("riscv64", ["--irqchip", "gicv3", "true"], "argument --irqchip: invalid choice"),
    ("arm64", ["--irqchip", "aia", "true"], "argument --irqchip: invalid choice"),
    ("arm64", ["--mem", "1M", "true"], "needs 768M of memory"),
])
def test_refusals_of_others(arch, args, message):
    done = lab(*args, arch=arch)
    assert message in done.stderr.decode()
    assert done.returncode in (2, 125)
