# SPDX-License-Identifier: BSD-2-Clause
"""Input and output: no byte lost, nothing spins, the terminal given back."""
import contextlib
import fcntl
import os
import re
import resource
import select
import signal
import socket
import termios
import time

import pytest

from tane import PROGRAM, Tane, guest, monitor, run

pytestmark = pytest.mark.anykvm

LINE = 8  # bytes of a numbered line


def numbered(count):
    return b"".join(b"%07x\n" % number for number in range(count))


def fletcher(data):
    """The sum that the monitor's `receive` prints."""
    a = b = 0
    for byte in data:
        a = (a + byte) & 0xffff
        b = (b + a) & 0xffff
    return b << 16 | a


def pasted(size):
    """Bytes without Ctrl-a, which is the escape key on a terminal."""
    return bytes(32 + i * 7 % 90 for i in range(size))


@pytest.mark.parametrize("command", ["lines", "blast", "debuglines"])
def test_slow_reader_loses_nothing(command):
    """More than the pipe and our ring hold, and nobody reads until the guest stands still."""
    count = 80000 // LINE
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    tane = Tane("-k", guest("monitor"), "-p", f"say begin {command} {count:x}", stdout=writer)
    os.close(writer)
    output = os.read(reader, 4)
    # Once pipe and ring are full no CPU time passes.
    before, still = tane.cpu_seconds(), 0
    deadline = time.monotonic() + 60
    while still < 5:
        assert time.monotonic() < deadline, "the guest never stood still"
        time.sleep(0.1)
        now = tane.cpu_seconds()
        still = still + 1 if now - before < 0.03 else 0
        before = now
    assert tane.process.poll() is None
    while chunk := os.read(reader, 20000):
        output += chunk
        time.sleep(0.001)
    os.close(reader)
    assert tane.wait() == 0
    if command == "debuglines":
        assert output == b"begin\n" + numbered(count)
    else:  # "begin" goes another way and may come at any place
        assert output.replace(b"begin\n", b"") == numbered(count)


def test_output_of_a_guest_that_powers_off_is_whole():
    """The last words are there even if the reader is late."""
    reader, writer = os.pipe()
    count = 40000 // LINE
    tane = Tane("-k", guest("monitor"), "-p", f"blast {count:x}", stdout=writer)
    os.close(writer)
    output = b""
    while chunk := os.read(reader, 5000):
        output += chunk
        time.sleep(0.002)
    os.close(reader)
    assert output == numbered(count)
    assert tane.wait() == 0


def test_output_to_a_file(tmp_path):
    with open(tmp_path / "out", "wb") as file:
        tane = run("-k", guest("monitor"), "-p", "lines 400", stdout=file)
    assert tane.status == 0
    assert (tmp_path / "out").read_bytes() == numbered(0x400)


def test_broken_pipe_neither_ends_nor_spins():
    """`| head -c 1`: the guest goes on, and its output goes nowhere."""
    reader, writer = os.pipe()
    tane = Tane("-k", guest("monitor"), "-p", "com1 x receive 1 lines 400 outb f4 3",
                "--debug-exit", stdin="pipe", stdout=writer)
    os.close(writer)
    assert len(os.read(reader, 1)) == 1
    os.close(reader)
    tane.send("x")
    assert tane.wait() == 7  # it got through all lines
    assert tane.error_text() == "tane: console output is lost from here on: Broken pipe\n"


def test_broken_pipe_while_silent_does_not_spin():
    """EPOLLERR comes without being asked for."""
    reader, writer = os.pipe()
    tane = Tane("-k", guest("monitor"), "-p", "com1 x halt", stdout=writer)
    os.close(writer)
    assert os.read(reader, 1) + os.read(reader, 1) == b"x\n"  # it may come in two pieces
    os.close(reader)
    time.sleep(0.3)
    before = tane.cpu_seconds()
    time.sleep(1)
    assert tane.cpu_seconds() - before < 0.2
    assert tane.process.poll() is None


@pytest.mark.parametrize("stdin", [None, "pipe", "file", "closed", "directory"])
def test_end_of_input_does_not_spin(stdin, tmp_path):
    options = {"stdin": stdin}
    if stdin == "file":
        (tmp_path / "in").write_bytes(b"abc")
        options = {"stdin": os.open(tmp_path / "in", os.O_RDONLY)}
    elif stdin == "directory":
        options = {"stdin": os.open(tmp_path, os.O_RDONLY)}
    elif stdin == "closed":
        options = {"preexec_fn": lambda: os.close(0)}
    tane = Tane("-k", guest("monitor"), "-p", "say up halt", **options)
    tane.expect("up")
    if stdin == "pipe":
        tane.process.stdin.close()
    time.sleep(0.3)
    before = tane.cpu_seconds()
    time.sleep(1)
    assert tane.cpu_seconds() - before < 0.2
    assert tane.process.poll() is None
    assert tane.error_text() == ""


@pytest.mark.parametrize("which", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_closed_descriptors(which, tmp_path):
    """Whatever the caller forgot, it runs; and nothing of ours is taken for the console."""
    def close():
        for fd in which:
            os.close(fd)
    tane = run("-k", guest("monitor"), "-p", "say words com1 more outb f4 21", "--debug-exit",
               "--serial", f"2={tmp_path}/log", preexec_fn=close)
    assert tane.status == 67
    if 1 not in which:
        assert sorted(tane.text().split()) == ["more", "words"]
    if 2 not in which:
        lost = "tane: console output is lost from here on: nothing is open for it\n"
        assert tane.error_text() == (lost if 1 in which else "")


def test_input_from_a_file(tmp_path):
    data = pasted(10000) + bytes(range(256))  # Ctrl-a is an escape on terminals only
    (tmp_path / "in").write_bytes(data)
    with open(tmp_path / "in", "rb") as file:
        tane = monitor(f"receive {len(data):x}", stdin=file)
    assert (tane.status, tane.values) == (0, [fletcher(data)])


def test_ten_kilobytes_through_a_pipe():
    data = os.urandom(10000)
    tane = Tane("-k", guest("monitor"), "-p", f"receive {len(data):x}", stdin="pipe")
    tane.send(data)
    tane.process.stdin.close()
    assert tane.wait() == 0
    assert tane.text() == f"receive 00002710 = {fletcher(data):08x}\n"


def test_ten_kilobytes_pasted_on_a_terminal():
    data = pasted(10000)
    tane = Tane("-k", guest("monitor"), "-p", f"say up receive {len(data):x}", stdin="pty")
    tane.expect("up")
    tane.send(data)
    tane.expect(f"receive 00002710 = {fletcher(data):08x}")
    assert tane.wait() == 0


def test_input_before_the_guest_listens():
    """It waits in the pipe until the UART has room for it: nothing is lost."""
    data = pasted(200)
    tane = Tane("-k", guest("monitor"), "-p",
                f"until 3fd 1 1 wait 8 receive {len(data):x}", stdin="pipe")
    tane.send(data)
    assert tane.wait() == 0
    assert f"receive 000000c8 = {fletcher(data):08x}\n" in tane.text()


def test_terminal_is_raw_and_restored():
    tane = Tane("-k", guest("monitor"), "-p", "say up receive 3 say done", stdin="pty")
    tane.expect("up")
    tane.send(b"\x03\x1a\x1c")  # Ctrl-C, Ctrl-Z, Ctrl-\ are the guest's
    tane.expect("receive 00000003 = ")
    assert tane.wait() == 0
    assert tane.settings_after == tane.settings


def on_terminal(*commands, options=(), **more):
    tane = Tane("-k", guest("monitor"), "-p", " ".join(["say up", *commands]), *options,
                stdin="pty", **more)
    tane.expect("up")
    return tane


def test_ctrl_a_x_ends():
    tane = on_terminal("halt")
    tane.send(b"\x01x")
    assert tane.wait() == 0
    assert tane.settings_after == tane.settings
    assert tane.error_text() == "tane: Ctrl-a x ends, Ctrl-a h helps\n"


def test_ctrl_a_h_helps_and_is_not_for_the_guest():
    tane = on_terminal("receive 1 say got", "halt")
    tane.send(b"\x01h")
    tane.expect_error("Ctrl-a x  end the virtual machine\r\n")
    tane.send(b"k")
    tane.expect(f"receive 00000001 = {fletcher(b'k'):08x}")


def test_ctrl_a_twice_passes_one_on():
    tane = on_terminal("receive 3")
    tane.send(b"\x01\x01ab")
    tane.expect(f"receive 00000003 = {fletcher(bytes([1]) + b'ab'):08x}")
    assert tane.wait() == 0


def test_ctrl_a_and_another_key_is_swallowed():
    tane = on_terminal("receive 1")
    tane.send(b"\x01qZ")
    tane.expect(f"receive 00000001 = {fletcher(b'Z'):08x}")
    assert tane.wait() == 0


def test_ctrl_a_b_sends_a_break():
    tane = on_terminal("until 3fd 10 10 inb 3f8")
    tane.send(b"\x01b")
    tane.expect("until = yes")
    tane.expect("inb 000003f8 = 00")
    assert tane.wait() == 0


@pytest.mark.parametrize("how", ["two signals", "death", "power button"])
def test_terminal_is_restored_on_other_ways_out(how):
    if how == "death":
        tane = on_terminal("receive 1 fault")
        tane.send(b"x")
        assert tane.wait() == 125
    elif how == "two signals":
        tane = on_terminal("halt")
        tane.signal(signal.SIGTERM)
        time.sleep(0.5)
        tane.signal(signal.SIGTERM)
        assert tane.wait() == 128 + 15
    else:
        tane = on_terminal("button")
        tane.expect("waiting")
        tane.signal(signal.SIGHUP)
        assert tane.wait() == 0
    assert tane.settings_after == tane.settings


def test_terminal_that_hangs_up():
    """The window is closed: the guest is told to power off, and nothing spins."""
    tane = on_terminal("button")
    tane.expect("waiting")
    tane.hang_up()
    assert tane.process.wait(30) == 0


def test_stopped_reader_does_not_hold_up_signals():
    """Nobody reads the pipe; two signals still end it, in time."""
    reader, writer = os.pipe()
    tane = Tane("-k", guest("monitor"), "-p", "blast 8000", stdout=writer)
    os.close(writer)
    os.read(reader, 8)
    tane.signal(signal.SIGTERM)
    time.sleep(1)
    tane.signal(signal.SIGTERM)
    assert tane.wait(20) == 128 + 15
    os.close(reader)


def test_socket_that_nobody_reads_does_not_hold_up_signals():
    ours, theirs = socket.socketpair()
    with ours:
        tane = Tane("-k", guest("monitor"), "-p", "blast 10000", stdout=theirs.fileno())
        theirs.close()
        assert ours.recv(4)
        time.sleep(2)  # it fills the socket
        tane.signal(signal.SIGTERM)
        time.sleep(1)
        tane.signal(signal.SIGTERM)
        assert tane.wait(20) == 128 + 15


def test_full_disk():
    """A message, no end and no spinning: the guest can do without a log."""
    with open("/dev/full", "wb") as full:
        tane = run("-k", guest("monitor"), "-p", "lines 10 outb f4 3", "--debug-exit",
                   stdout=full)
    assert tane.status == 7
    assert re.fullmatch(r"tane: console output is lost from here on: No space left on device\n",
                        tane.error_text())


LOST = "tane: console output is lost from here on: "


@pytest.mark.parametrize("args", [
    ["-k", "MONITOR", "-p", "lines 10"],
    ["-k", "MONITOR", "-p", "outsb e9 words", "--console", "none"],
    ["-k", "MONITOR", "-p", "outsb 2f8 words", "--serial", "2=/dev/full"],
    ["--rom", "HELLO"]])
def test_lost_output_is_no_success(args):
    names = {"MONITOR": guest("monitor"), "HELLO": guest("hello.rom")}
    with open("/dev/full", "wb") as full:
        tane = run(*(names.get(arg, arg) for arg in args), stdout=full)
    assert tane.status == 1
    assert LOST + "No space left on device\n" == tane.error_text()


def test_nobody_wanted_the_output():
    """A reader that went away is no failure."""
    reader, writer = os.pipe()
    os.close(reader)
    tane = run("-k", guest("monitor"), "-p", "lines 10", stdout=writer)
    os.close(writer)
    assert (tane.status, tane.error_text()) == (0, LOST + "Broken pipe\n")


def test_stdout_is_closed():
    """It is said, once, if there was something to print."""
    options = {"preexec_fn": lambda: os.close(1)}
    tane = run("--rom", guest("hello.rom"), **options)
    assert (tane.status, tane.error_text()) == (1, LOST + "nothing is open for it\n")
    tane = run("-k", guest("monitor"), "-p", "sleep 5", **options)
    assert (tane.status, tane.error_text()) == (0, "")


LOOP = b"\xeb\xfe"  # jmp to itself


def is_raw(tane):
    return not termios.tcgetattr(tane.slave)[3] & termios.ISIG


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_ctrl_c_ends_a_rom(tmp_path):
    """A ROM reads no input, so the terminal stays as it is."""
    (tmp_path / "loop.rom").write_bytes(LOOP)
    tane = Tane("--rom", tmp_path / "loop.rom", stdin="pty")
    wait_until(lambda: tane.cpu_seconds() > 0.2)
    assert not is_raw(tane)
    tane.send(b"\x03")
    assert tane.wait(20) == 128 + signal.SIGINT


def test_ctrl_c_without_a_console():
    tane = Tane("-k", guest("monitor"), "-p", "say up halt", "--console", "none", stdin="pty")
    tane.expect("up")
    assert not is_raw(tane)
    tane.send(b"\x03")
    time.sleep(1)
    tane.send(b"\x03")
    assert tane.wait(20) == 128 + signal.SIGINT


def test_ctrl_a_x_on_another_port():
    tane = on_terminal("halt", options=("--console", "none", "--serial", "2=console"))
    assert is_raw(tane)
    tane.send(b"\x01x")
    assert tane.wait() == 0
    assert tane.settings_after == tane.settings


def test_ctrl_a_x_when_the_guest_takes_no_input():
    tane = on_terminal("halt")
    tane.send(b"typed ahead, more than the chip can hold \x01x")
    assert tane.wait() == 0


def test_ctrl_a_b_waits_for_room():
    """The break comes behind what was typed before."""
    tane = on_terminal("until 3fd 1 1 wait 8 receive 10 until 3fd 10 10 receive 1")
    tane.send(b"0123456789abcdef\x01b")
    tane.expect("receive 00000010 = ")
    tane.expect("until = yes")
    assert tane.wait() == 0


@pytest.mark.parametrize("name", ["USR1", "USR2", "ALRM", "XCPU", "VTALRM", "SYS", "RTMAX"])
def test_terminal_is_restored_by_a_signal_that_kills(name):
    number = signal.Signals[f"SIG{name}"]
    tane = on_terminal("halt")
    assert is_raw(tane)
    tane.signal(number)
    assert tane.wait() == -number
    assert tane.settings_after == tane.settings


def test_quit_is_as_term():
    tane = on_terminal("halt")
    tane.signal(signal.SIGQUIT)
    time.sleep(0.5)
    tane.signal(signal.SIGQUIT)
    assert tane.wait() == 128 + signal.SIGQUIT
    assert tane.settings_after == tane.settings


def test_file_size_limit_costs_output_only(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    with open(tmp_path / "out", "wb") as file:
        tane = run("-k", guest("monitor"), "-p", "lines 400 outb f4 3", "--debug-exit",
                   stdout=file, preexec_fn=limit)
    assert tane.status == 7
    assert "console output is lost from here on: File too large" in tane.error_text()


def test_stop_gives_the_terminal_back():
    read, write = os.pipe()  # a parent in the session, so that its group is no orphan
    launcher = ("import os, signal, subprocess, sys\n"
                "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
                "p = subprocess.Popen(sys.argv[2:], preexec_fn=lambda: ("
                "os.setpgid(0, 0), os.tcsetpgrp(0, os.getpid()),"
                " signal.signal(signal.SIGTTOU, signal.SIG_DFL)))\n"
                "os.write(int(sys.argv[1]), b'%d\\n' % p.pid)\n"
                "sys.exit(p.wait())\n")
    tane = Tane(command=["/usr/bin/python3", "-c", launcher, str(write), PROGRAM, "run", "-k",
                         guest("monitor"), "-p", "say up receive 1"], stdin="pty",
                pass_fds=[write])
    os.close(write)
    pid = int(os.read(read, 20))
    os.close(read)
    tane.expect("up")
    assert is_raw(tane)

    def is_stopped():
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    for _ in range(2):
        os.kill(pid, signal.SIGTSTP)
        wait_until(is_stopped)
        assert termios.tcgetattr(tane.slave) == tane.settings
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: is_raw(tane))
    tane.send(b"x")
    tane.expect("receive 00000001 = ")
    assert tane.wait() == 0


# A small shell: it starts a job, and obeys what stands on the lines of its terminal.
SHELL = """import os, signal, subprocess, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
def job():
    os.setpgid(0, 0)
    if sys.argv[1] == "foreground":
        os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
process = subprocess.Popen(sys.argv[2:], preexec_fn=job)
os.write(2, b"job %d.\\n" % process.pid)
if sys.argv[1] == "foreground":
    os.waitpid(process.pid, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    os.write(2, b"stopped\\n")
    os.killpg(process.pid, signal.SIGCONT)  # bg
line = os.read(0, 100)
os.write(2, b"shell took " + line)
os.tcsetpgrp(0, process.pid)  # fg: no signal, for the job runs
sys.exit(process.wait())
"""


@pytest.mark.parametrize("start", ["background", "foreground"])
def test_brought_to_the_foreground(start):
    """`fg` is silent to a job that runs: it is to notice by itself. Until then neither the
    terminal's modes nor what is typed are its business."""
    tane = Tane(command=["/usr/bin/python3", "-c", SHELL, start, PROGRAM, "run", "-k",
                         guest("monitor"), "-p", "say up receive 2 say got halt"],
                stdin="pty")
    tane.expect("up")
    job = int(tane.expect_error("job ") and re.search(r"job (\d+)", tane.error_text())[1])
    try:
        if start == "foreground":
            wait_until(lambda: is_raw(tane))
            os.kill(job, signal.SIGTSTP)
            tane.expect_error("stopped")
        assert not is_raw(tane)
        tane.send("line\n")
        tane.expect_error("shell took line")
        wait_until(lambda: is_raw(tane))
        tane.send("ab")
        tane.expect(f"receive 00000002 = {fletcher(b'ab'):08x}")
        tane.send(b"\x01x")
        assert tane.wait() == 0
        assert tane.settings_after == tane.settings
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(job, signal.SIGKILL)


def test_fifo_without_a_reader_is_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    tane = run("-k", guest("monitor"), "-p", "say up", "--serial", f"2={tmp_path}/fifo",
               seconds=20)
    assert tane.status == 1
    assert "nobody reads this FIFO: start its reader first" in tane.error_text()


def test_pseudo_terminal_that_nobody_opens():
    """Who opens it late gets what was said before."""
    tane = Tane("-k", guest("monitor"), "--serial", "2=pty", "-p",
                " ".join(["outsb 2f8 " + "x" * 20] * 20) + " outsb 2f8 last say done receive 1")
    tane.expect("done")
    name = re.search(r"serial port 2 is (\S+)", tane.error_text())[1]
    fd = os.open(name, os.O_RDWR | os.O_NOCTTY)
    output = b""
    while not output.endswith(b"last"):
        assert select.select([fd], [], [], 30)[0]
        output += os.read(fd, 4096)
    os.close(fd)
    assert output == b"x" * 400 + b"last"


def test_continue_does_not_cut_the_output():
    """The guest is off and its output not yet out: SIGCONT is not the end."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    count = 40000 // LINE
    tane = Tane("-k", guest("monitor"), "-p", f"blast {count:x}", stdout=writer)
    os.close(writer)
    # A page is in the pipe, and the rest in the ring; then the guest powers off.
    before = -1
    while before != tane.cpu_seconds():
        before = tane.cpu_seconds()
        time.sleep(1)
    tane.signal(signal.SIGCONT)
    time.sleep(0.5)
    output = b""
    while chunk := os.read(reader, 65536):
        output += chunk
    os.close(reader)
    assert output == numbered(count)
    assert tane.wait() == 0
