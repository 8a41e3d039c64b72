# SPDX-License-Identifier: BSD-2-Clause
"""The small virtio devices with Debian's drivers: console, entropy, balloon, sockets."""
import contextlib
import fcntl
import hashlib
import os
import re
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

import pytest

import linux
import tane
from marks import every_arch, x86_only

MIB = 1 << 20
TRANSPORTS = ["pci", "mmio", pytest.param("pci,ring=packed", marks=x86_only)]
CID = 77
ECHO_PORT = 1234


def do(machine, command, seconds=tane.DEADLINE):
    """Run a command in the waiting shell; what it printed. The shell echoes what it reads, in
    lines of its own choice, but neither of the two marks."""
    machine.send(f"echo BEGIN-$((1)); {command}; echo END-$?\n")
    machine.expect(r"^BEGIN-1\r*\n", seconds)
    before = machine.seen
    status = machine.expect(r"^END-(\d+)\r*\n", seconds)[1]
    text = machine.out[before:machine.seen].decode(errors="replace").replace("\r", "")
    assert status == b"0", f"{command}: {text}"
    return text.rpartition("END-")[0]


def memory_of(machine):
    """Bytes that the process has resident."""
    with open(f"/proc/{machine.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wait_until(condition, what, seconds=tane.DEADLINE):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def set_size(machine, rows, cols):
    """The window of the terminal changes; its foreground job is told."""
    fcntl.ioctl(machine.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def console(transport, *options, **more):
    """A shell on hvc0, as its user has it."""
    return linux.shell("--virtio", transport, "--console", "virtio", *options,
                       load=linux.VIRTIO, **more)


@every_arch
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_console(transport):
    """hvc0 is what a serial port is: keys, a paste, the window's size, Ctrl-a."""
    machine = console(transport)
    assert "console=hvc0" in do(machine, "cat /proc/cmdline")
    assert "hvc0" in do(machine, "cat /proc/consoles")

    set_size(machine, 33, 101)
    wait_until(lambda: "33 101" in do(machine, "stty size"), "the size did not come")

    data = bytes(32 + i * 7 % 90 for i in range(10000))
    machine.send("stty raw -echo; echo GO; head -c 10000 | md5sum; stty sane\n")
    machine.expect(r"^GO")
    machine.send(data)
    machine.expect(hashlib.md5(data).hexdigest())
    machine.expect(linux.PROMPT)

    # More than all buffers on the way hold; few lines, since each is a request.
    text = do(machine, "seq -s ' ' 30000")
    assert text == " ".join(map(str, range(1, 30001))) + "\n"

    machine.send("head -n 1 | od -An -tx1\na\x01\x01b\n")
    machine.expect("61 01 62 0a")
    machine.expect(linux.PROMPT)
    machine.send("\x01x")
    assert machine.wait() == 0
    assert machine.settings_after == machine.settings


def test_console_has_its_size_from_the_beginning():
    """A program that starts first asks then; there is no change to wait for."""
    machine = linux.shell("--console", "virtio", load=linux.VIRTIO,
                          preexec_fn=lambda: (tane.Tane._own_terminal(),
                                              fcntl.ioctl(0, termios.TIOCSWINSZ,
                                                          struct.pack("HHHH", 40, 120, 0, 0))))
    assert do(machine, "stty size").strip() == "40 120"
    machine.send("poweroff -f\n")
    assert machine.wait() == 0


def test_last_words_on_hvc0():
    """What is printed right before the end comes out whole."""
    machine = linux.run("seq -s ' ' 30000", "--console", "virtio", load=linux.VIRTIO)
    assert machine.status == 0
    assert machine.text().endswith(" 29999 30000\n")


def test_every_byte_passes_hvc0():
    """But Ctrl-o, which Linux takes for the SysRq key there."""
    machine = console("pci", stdin="pipe")
    data = bytes(byte for byte in range(256) if byte != 0x0f) * 8
    machine.send(f"stty raw -echo; echo GO; head -c {len(data)} >/run/all; echo; "
                 "md5sum /run/all; echo BEGIN; cat /run/all; stty sane; echo\n")
    machine.expect(r"^GO\r*\n")
    machine.send(data)
    machine.expect(hashlib.md5(data).hexdigest())
    machine.expect(r"BEGIN\r*\n")
    at = machine.seen
    wait_until(lambda: len(machine.out) >= at + len(data), "not all came back")
    assert machine.out[at:at + len(data)] == data
    machine.process.stdin.close()


def pty_of(machine, name):
    machine.expect_error(f"({name}) is /dev/")
    return re.search(rf"\({name}\) is (\S+)", machine.error_text())[1]


class Echo(threading.Thread):
    """A server on the host that sends back what it gets, once."""

    def __init__(self):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        self.server.bind((socket.VMADDR_CID_ANY, ECHO_PORT))
        self.server.listen()
        self.peer = None
        self.start()

    def run(self):
        connection, self.peer = self.server.accept()
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)
        self.server.close()


def connect(cid=CID):
    """To the server in the guest, once it listens."""
    deadline = time.monotonic() + tane.DEADLINE
    while True:
        connection = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        connection.settimeout(tane.DEADLINE)
        try:
            connection.connect((cid, ECHO_PORT))
            return connection
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def echo_through(connection, data):
    """What comes back when `data` goes in."""
    def send():
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
    threading.Thread(target=send, daemon=True).start()
    back = bytearray()
    while len(back) < len(data):
        piece = connection.recv(65536)
        assert piece, f"the connection ended after {len(back)} bytes"
        back += piece
    return bytes(back)


@pytest.fixture(name="boot", params=TRANSPORTS, scope="module")
def all_devices(request, tmp_path_factory):
    """A guest with every small device, for several tests."""
    folder = tmp_path_factory.mktemp("virtio")
    machine = console(request.param, "--port", "org.tane.pty=pty",
                      "--port", f"org.tane.file={folder}/file", "--port", "org.tane.null=null",
                      "--rng", "--balloon", "96M", "--vsock", CID, "--stats", "-m", "512M",
                      stdin="pipe", programs=["socat"])
    machine.folder = folder
    yield machine
    machine.close()


@every_arch
def test_ports(boot):
    """They have names, and bytes pass both ways; a file gets what is written."""
    ports = do(boot, "cd /dev; for i in vport*; do echo $i $(cat /sys/class/virtio-ports/$i/name);"
                     " done; cd")
    names = {line.split()[1]: "/dev/" + line.split()[0] for line in ports.splitlines()
             if len(line.split()) == 2}
    assert sorted(names) == ["org.tane.file", "org.tane.null", "org.tane.pty"]

    do(boot, f"seq 20000 >{names['org.tane.file']}; echo dropped >{names['org.tane.null']}")
    path = boot.folder / "file"
    want = "".join(f"{n}\n" for n in range(1, 20001))
    wait_until(lambda: path.stat().st_size == len(want), "the file is not whole")
    assert path.read_text() == want

    far = os.open(pty_of(boot, "org.tane.pty"), os.O_RDWR | os.O_NOCTTY)
    try:
        # Nobody in the guest has the port open: it waits for him.
        os.write(far, b"before\n")
        boot.send(f"exec 5<>{names['org.tane.pty']}; read a <&5; echo got-$a; "
                  "read a <&5; echo got-$a\n")
        boot.expect(r"^got-before")
        os.write(far, b"after\n")
        boot.expect(r"^got-after")
        do(boot, "echo to the host >&5; exec 5>&-")
        assert os.read(far, 100) == b"to the host\n"
    finally:
        os.close(far)


@every_arch
def test_entropy(boot):
    assert "virtio_rng" in do(boot, "cat /sys/class/misc/hw_random/rng_current")
    lines = do(boot, "for i in 1 2; do head -c 100000 /dev/hwrng | md5sum; done").splitlines()
    assert len(set(lines)) == 2


def free_memory(machine):
    return int(re.search(r"MemFree: +(\d+)", do(machine, "cat /proc/meminfo"))[1]) << 10


def test_vsock(boot):
    """The guest listens, then the host does; a megabyte each way; the address is taken."""
    do(boot, f"socat VSOCK-LISTEN:{ECHO_PORT} PIPE & true")
    data = os.urandom(MIB)
    with connect() as connection:
        assert echo_through(connection, data) == data
    do(boot, "wait")

    server = Echo()
    text = do(boot, "head -c 1000000 /dev/urandom >/run/data; "
                    f"socat -t 20 - VSOCK-CONNECT:2:{ECHO_PORT} </run/data | "
                    "cmp - /run/data && echo same")
    assert "same" in text
    server.join(10)
    assert server.peer[0] == CID

    other = tane.run("-k", linux.kernel(), "--vsock", CID)
    assert other.status == 1
    assert f"vsock: context ID {CID} is in use" in other.error_text()


@every_arch
def test_free_pages_go_back_to_the_host(boot):
    """Free page reporting: what the guest has used and freed, tane no longer has."""
    before = memory_of(boot)
    do(boot, "dd if=/dev/zero of=/tmp/fill bs=1M count=200")
    full = memory_of(boot)
    assert full > before + 100 * MIB
    do(boot, "rm /tmp/fill")
    wait_until(lambda: memory_of(boot) < full - 120 * MIB, "the host did not get it back")


@every_arch
def test_balloon_and_out_of_memory(boot):
    """It takes what was asked for; a guest that runs out of memory takes it back. The last
    test of this boot: the statistics come at the end."""
    # 512M less the kernel and the 96M of the balloon.
    wait_until(lambda: free_memory(boot) < 370 * MIB, "the balloon takes nothing")
    taken = free_memory(boot)
    assert taken > 200 * MIB
    # More than there is: dd's buffer has to be whole in memory.
    do(boot, f"dd if=/dev/zero of=/dev/null bs={(taken >> 20) + 40}M count=1")
    assert "invoked oom-killer" not in do(boot, "dmesg")
    boot.send("poweroff -f\n")
    assert boot.wait() == 0
    stats = boot.error_text()
    assert int(re.search(r"given back (\d+) KiB", stats)[1]) >= 96 << 10
    assert int(re.search(r"taken again (\d+) KiB", stats)[1]) >= 30 << 10
    assert int(re.search(r"reported free (\d+) KiB", stats)[1]) >= 150 << 10
    assert re.search(r"guest memory: total +\d+ KiB", stats)


def test_balloon_kept_on_oom():
    machine = linux.run("free; dd if=/dev/zero of=/dev/null bs=300M count=1; echo status $?; "
                        "dmesg | grep -o 'Out of memory'",
                        "-m", "512M", "--balloon", "256M,deflate-on-oom=off",
                        load=linux.VIRTIO)
    assert machine.status == 0
    assert "Out of memory" in machine.text()
    assert "status 137" in machine.text()


def test_vsock_connections_end_with_the_guest():
    """A guest that is reset tells nobody, so we do: its peers need not wait for ever."""
    machine = linux.start(f"socat VSOCK-LISTEN:{ECHO_PORT} PIPE & read line; reboot -f",
                          "--vsock", CID, load=linux.VIRTIO, programs=["socat"], stdin="pipe")
    with connect() as connection:
        assert echo_some(connection)
        machine.send("\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with connect() as connection:  # it boots again, with the same address
        assert echo_some(connection)
    machine.signal(signal.SIGKILL)
    machine.wait()


def echo_some(connection):
    connection.sendall(b"hello")
    return connection.recv(5, socket.MSG_WAITALL) == b"hello"


def test_vhost_by_hand():
    """The unit test that needs a vhost has one in the lab."""
    program = os.path.join(os.path.dirname(tane.PROGRAM), "tests/unit/test_vhost")
    if not os.path.exists(program):
        pytest.skip(f"{program} was not built")
    done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=tane.DEADLINE)
    assert done.returncode == 0, done.stdout
    assert "SKIPPED" not in done.stdout


@pytest.mark.nokvm
def test_no_vhost():
    """Where the host has no vhost-vsock, the message names the module."""
    if os.path.exists("/dev/vhost-vsock"):
        with contextlib.ExitStack() as stack:
            os.rename("/dev/vhost-vsock", "/dev/vhost-vsock.away")
            stack.callback(os.rename, "/dev/vhost-vsock.away", "/dev/vhost-vsock")
            check_no_vhost()
    else:
        check_no_vhost()


def check_no_vhost():
    machine = tane.run("-k", tane.guest("monitor"), "--vsock", 5)
    assert machine.status == 1
    error = machine.error_text()
    assert "/dev/kvm" in error or ("/dev/vhost-vsock" in error and
                                   "modprobe vhost_vsock" in error)
