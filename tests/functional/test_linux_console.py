# SPDX-License-Identifier: BSD-2-Clause
"""A user, or a script, at the console of a Linux guest."""
import fcntl
import hashlib
import os
import re
import signal
import time

import linux
from marks import every_arch
from tane import Tane


def say(tane, command):
    """Give the waiting shell a command line, which it echoes."""
    tane.send(command + "\n")
    tane.expect(re.escape(command[-20:]) + r"\r*\n")


@every_arch
def test_typing():
    """Keys reach the guest's shell, and only it: one terminal, one boot, many keys."""
    tane = linux.shell()
    say(tane, "echo $((6 * 7))")
    tane.expect(r"^42\r*\n")
    tane.expect(linux.PROMPT)

    say(tane, "echo begin; sleep 1000")
    tane.expect(r"^begin\r*\n")
    tane.send("\x03")  # Ctrl-C: the guest's job ends, not tane
    tane.expect(linux.PROMPT)
    say(tane, "echo status $?")
    tane.expect("status 130")
    tane.expect(linux.PROMPT)

    say(tane, "echo begin; head -n 1 | od -An -tx1")
    tane.expect(r"^begin\r*\n")
    tane.send("a\x01\x01b\n")  # Ctrl-a twice is one
    tane.expect("61 01 62 0a")
    tane.expect(linux.PROMPT)

    say(tane, "echo begin; cat >/run/typed")
    tane.expect(r"^begin\r*\n")
    tane.send("\x01hvisible\n\x04")  # ... Ctrl-d
    tane.expect_error("Ctrl-a x  end the virtual machine")
    tane.expect(linux.PROMPT)
    say(tane, "od -An -c /run/typed")
    tane.expect(r" v +i +s +i +b +l +e +\\n\r*\n")
    tane.expect(linux.PROMPT)

    tane.send("\x01x")
    assert tane.wait() == 0
    assert tane.settings_after == tane.settings


@every_arch
def test_ten_kilobytes_pasted_at_once():
    data = bytes(32 + i * 7 % 90 for i in range(10000))
    tane = linux.shell()
    say(tane, "stty raw -echo; echo GO; head -c 10000 | md5sum; stty sane")
    tane.expect("GO")
    tane.send(data)
    tane.expect(hashlib.md5(data).hexdigest())
    tane.expect(linux.PROMPT)
    tane.send("poweroff -f\n")
    assert tane.wait() == 0


def test_a_script_by_pipe():
    """No terminal anywhere: commands go in at once, answers come out."""
    tane = Tane("-k", linux.kernel(), "-i", linux.initramfs(), "-p", linux.QUIET,
                stdin="pipe")
    tane.expect(linux.PROMPT)
    tane.send("expr 20 + 22\nexpr 1 + 2\nexit\n")
    tane.process.stdin.close()
    assert tane.wait() == 0
    assert re.search(r"^42$.*^3$", tane.text(), re.M | re.S)


@every_arch
def test_every_byte_passes_both_ways():
    """256 values in, the same out; by pipe, where no key has a meaning."""
    tane = linux.shell(stdin="pipe")
    say(tane, "stty raw -echo; echo GO; head -c 512")
    tane.expect("GO\r*\n")
    data = bytes(range(256)) * 2
    tane.send(data)
    tane.expect(re.escape(data))


def test_slow_reader_loses_nothing():
    """Much more than the pipe and the ring hold, while nobody reads for some time."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    tane = linux.start("seq -w 1 11000 >/run/lines; cat /run/lines", stdout=writer)
    os.close(writer)
    output = b""
    while b"\n00100" not in output:
        output += os.read(reader, 1000)
    time.sleep(6)
    while chunk := os.read(reader, 65536):
        output += chunk
    os.close(reader)
    assert tane.wait() == 0
    lines = re.findall(r"^(\d{5})$", output.decode().replace("\r", ""), re.M)
    assert lines == [f"{number:05}" for number in range(1, 11001)]


def test_end_of_input_is_not_the_end():
    """A guest goes on without input, and nothing spins."""
    tane = linux.start("echo one; sleep 3; echo two", stdin="pipe")
    tane.expect("one")
    tane.process.stdin.close()
    before = tane.cpu_seconds()
    tane.expect("two")
    assert tane.cpu_seconds() - before < 2
    assert tane.wait() == 0


@every_arch
def test_com2(tmp_path):
    """Linux finds it where the tables say, and prints on it."""
    log = tmp_path / "com2"
    second = linux.TTY.replace("0", "1")
    tane = linux.run(f"echo all the way to a file >/dev/{second}; "
                     f"ls -d /sys/class/tty/{second}/device", "--serial", f"2={log}")
    assert tane.status == 0
    assert log.read_bytes().strip() == b"all the way to a file"
    assert f"/sys/class/tty/{second}/device\n" in tane.text()


def test_console_on_com2():
    tane = linux.run("echo hello", "--console", "none", "--serial", "2=console",
                     params="console=ttyS1")
    assert tane.status == 0
    assert re.search(r"tane: init up\nhello\n", tane.text())


def test_on_the_screen(tmp_path):
    """Where there is a screen Linux uses it as a console."""
    dump = tmp_path / "screen"
    tane = linux.run("dmesg | grep 'Console: '; echo hello >/dev/tty0", "--screen-dump", dump,
                     params="console=tty0 console=ttyS0")
    assert tane.status == 0
    assert "Console: colour VGA+ 80x25" in tane.text()
    assert "hello" in dump.read_text(encoding="utf-8").split("\n")


def test_no_console():
    tane = linux.run("echo hello", "--console", "none")
    assert (tane.status, bytes(tane.out)) == (0, b"")


def test_stopped_and_continued_at_a_terminal():
    """As `fg` does; the terminal is made raw again."""
    tane = linux.shell()
    tane.signal(signal.SIGSTOP)
    tane.signal(signal.SIGCONT)
    say(tane, "echo here again")
    tane.expect("^here again\r*$")
    tane.send("\x01x")
    assert tane.wait() == 0
    assert tane.settings_after == tane.settings
