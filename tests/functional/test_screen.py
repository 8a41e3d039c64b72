# SPDX-License-Identifier: BSD-2-Clause
"""The screen: as text in a file, and in a terminal, which pyte plays."""
import fcntl
import os
import signal
import struct
import termios

import pytest

from tane import ARCH, DEADLINE, PROGRAM, Tane, boot_disk, guest, is_sanitized, run

if ARCH == "x86_64":  # the labs of others lack the package, and only PCs have a screen
    import pyte

pytestmark = pytest.mark.anykvm

ENTER = b"\x1b[?1049h"
LEAVE = b"\x1b[?1049l"
HELLO = "    Hello, ╔═╗ ☺ B8000"


class Screen(Tane):
    """A tane with --display text in a terminal of this size."""

    def __init__(self, *args, cols=80, rows=25, **options):
        super().__init__(*args, "--display", "text", stdin="pty", **options)
        self.size = None
        self.painted = 0
        self.resize(cols, rows)

    def resize(self, cols, rows):
        # All that was painted for the old size is painted anew.
        with self.changed:
            self.painted = len(self.out)
            self.size = cols, rows
            fcntl.ioctl(self.terminal, termios.TIOCSWINSZ,
                        struct.pack("HHHH", rows, cols, 0, 0))

    def look(self):
        """What the terminal shows now."""
        screen = pyte.Screen(*self.size)
        pyte.ByteStream(screen).feed(bytes(self.out[self.painted:]))
        return screen

    def expect_row(self, row, text, seconds=DEADLINE):
        """Wait until this row of the terminal is `text`, blanks at its end aside."""
        def ready():
            screen = self.look()
            return screen if screen.display[row].rstrip() == text else None
        return self._wait_for(ready, seconds, f"row {row}: {text!r}")

    def expect_last_row(self, text, seconds=DEADLINE):
        """Wait until there is a message like this over the last row."""
        self._wait_for(lambda: text in self.look().display[-1], seconds, repr(text))

    def check_restored(self):
        """It ended, and the terminal is as it was."""
        assert self.settings_after == self.settings
        assert self.out.count(ENTER) == self.out.count(LEAVE) == 1
        before, after = self.out.split(LEAVE)
        assert b"\x1b[?25h" in before[-40:] and b"\x1b[?7h" in before[-40:]
        return after


@pytest.fixture
def spin(tmp_path):
    """A ROM that prints on the screen and goes on for ever."""
    path = tmp_path / "spin"
    path.write_bytes(bytes.fromhex(
        "b800b8 8ec0"            # mov $0xb800, %ax; mov %ax, %es
        "26c7060000 5a1f"        # movw $0x1f5a, %es:0
        "ebfe"))                 # jmp .
    return path


def test_direct_writes(tmp_path):
    """A ROM writes to 0xb8000, with no firmware and no mode set."""
    dump = tmp_path / "dump"
    tane = run("--rom", f"{guest('boot_b8000.bin')}@0x7c00", "--screen-dump", dump)
    assert (tane.status, tane.text(), tane.error_text()) == (0, "", "")
    rows = dump.read_text(encoding="utf-8").split("\n")
    assert rows == ["", "", HELLO, *[""] * 21, "█" * 16, ""]


def test_direct_writes_and_bios_calls(tmp_path):
    """Both show, and what INT 0x10 prints is on the serial console too."""
    for name, row in ("boot_b8000.bin", HELLO), ("boot_int10.bin", "A"):
        dump = tmp_path / "dump"
        tane = run("-d", boot_disk(name, tmp_path), "--debug-exit", "--screen-dump", dump)
        assert (tane.status, tane.error_text()) == (1, "")
        rows = dump.read_text(encoding="utf-8").split("\n")
        assert rows[0].startswith("SeaBIOS ")
        assert rows[1:3] == ["Booting from Hard Disk...", row]
        # SeaBIOS holds the last characters back, until its timer ticks.
        assert "Booting from Hard Disk" in tane.text()


def test_no_serial_port(tmp_path):
    """The VGA BIOS needs none."""
    dump = tmp_path / "dump"
    tane = run("-d", boot_disk("boot_int10.bin", tmp_path), "--debug-exit", "--console",
               "none", "--screen-dump", dump)
    assert (tane.status, tane.text()) == (1, "")
    assert dump.read_text(encoding="utf-8").split("\n")[2] == "A"


def test_dump_that_cannot_be_written(tmp_path):
    tane = run("--rom", guest("hello.rom"), "--screen-dump", tmp_path / "no/file")
    assert tane.status == 1
    assert "--screen-dump" in tane.error_text()


def test_modes(tmp_path):
    """40x25 with its cursor, 80x50 in a terminal that grows, graphics, and text again."""
    tane = Screen("-d", boot_disk("boot_40x25.bin", tmp_path), "--debug-exit")
    screen = tane.expect_row(12, " " * 15 + "40 columns")
    tane._wait_for(lambda: (tane.look().cursor.y, tane.look().cursor.x) == (12, 25),
                   DEADLINE, "the cursor")
    assert screen.buffer[12][15].fg == "white"
    tane.resize(90, 52)
    tane.expect_row(12, " " * 15 + "40 columns")
    tane.send(" ")
    screen = tane.expect_row(49, "50 rows")
    assert screen.cursor.hidden
    tane.send("\x1b[A")  # an arrow is a key too
    tane.expect_row(0, "graphics mode 320x200: not shown")
    tane.send("x")
    tane.expect_row(0, "text again")
    tane.send("x")
    assert tane.wait() == 1
    assert tane.check_restored() == b""
    assert tane.error_text() == ""


def test_small_terminal(tmp_path):
    """It shows the part around the cursor."""
    tane = Screen("-d", boot_disk("boot_40x25.bin", tmp_path), "--debug-exit", cols=20,
                  rows=8)
    tane.expect_row(7, " " * 9 + "40 columns")
    tane.send("\x01x")
    assert tane.wait() == 0
    tane.check_restored()


def test_keys_of_ours(spin):
    """Ctrl-a h helps, in the last row until the next key; x ends."""
    tane = Screen("--rom", spin)
    tane.expect_last_row("Ctrl-a h helps")
    tane.expect_row(0, "Z")
    tane.send("\x01h")
    tane.expect_last_row("types Ctrl-Alt-Del")
    tane.send("\x01q")
    tane.expect_row(24, "")
    # Nothing changes, so nothing is painted.
    size = len(tane.out)
    with pytest.raises(AssertionError):
        tane._wait_for(lambda: len(tane.out) > size, 1, "a change")
    tane.send("\x01x")
    assert tane.wait() == 0
    assert tane.check_restored() == b""


def test_stop_and_continue(spin):
    tane = Screen("--rom", spin)
    tane.expect_row(0, "Z")
    tane.signal(signal.SIGTSTP)
    tane._wait_for(lambda: LEAVE in tane.out, DEADLINE, "the user's text")
    tane.signal(signal.SIGCONT)
    tane._wait_for(lambda: tane.out.count(ENTER) == 2, DEADLINE, "the screen")
    tane.painted = tane.out.rindex(ENTER)
    tane.expect_row(0, "Z")
    tane.send("\x01x")
    assert tane.wait() == 0
    assert tane.settings_after == tane.settings
    assert tane.out.count(ENTER) == tane.out.count(LEAVE) == 2


@pytest.mark.parametrize("number", [
    signal.SIGTERM,
    signal.SIGALRM,
    pytest.param(signal.SIGSEGV, marks=pytest.mark.skipif(is_sanitized(),
                                                          reason="ASan catches it")),
])
def test_signals_restore_the_terminal(spin, number):
    tane = Screen("--rom", spin)
    tane.expect_row(0, "Z")
    tane.signal(number)
    assert tane.wait() in (128 + number, -number)
    tane.check_restored()


def test_messages_wait_for_the_end(tmp_path):
    """They are shown in the last row, and printed when the terminal is given back."""
    disk = boot_disk("boot_40x25.bin", tmp_path)
    tane = Screen(command=["sh", "-c", 'exec "$@" 2>&1', "sh", PROGRAM, "run", "-d", disk,
                           "--debug-exit", "--display", "text"])
    tane.expect_row(12, " " * 15 + "40 columns")
    tane.signal(signal.SIGINT)
    tane.expect_last_row("power button pressed")
    tane.send(" ")
    tane.expect_row(24, "")
    tane.send("\x01x")
    assert tane.wait() == 0
    after = tane.check_restored().decode()
    assert after.startswith("tane: SIGINT: power button pressed")
    assert after.count("\n") == 1


def test_no_terminal(spin):
    tane = run("--rom", spin, "--display", "text")
    assert tane.status == 1
    assert tane.error_text() == ("tane: --display text: the standard input is no terminal "
                                 "(--screen-dump FILE needs none)\n")


@pytest.mark.nokvm
@pytest.mark.parametrize("options, message", [
    (["--serial", "1=console"], "the terminal is the console of COM1 already"),
    (["--serial", "2=console"], "the terminal is the console of COM2 already"),
    (["--console", "serial"], "the terminal is the console of COM1 already"),
    (["--console", "virtio"], "the terminal is the console of hvc0 already"),
])
def test_one_terminal_for_one_thing(options, message):
    for args in (["--display", "text", *options], [*options, "--display", "text"]):
        tane = run("--bios", *args)
        assert tane.status == 2
        assert message in tane.error_text()


def test_com1_goes_where_it_is_told(tmp_path):
    """It does not print on the terminal that shows the screen."""
    log = tmp_path / "log"
    tane = Screen("-k", guest("monitor"), "-p", "say hello", "--serial", f"1=file:{log}")
    assert tane.wait() == 0
    assert b"hello" not in tane.out
    assert "hello" in log.read_text(encoding="utf-8")
    tane = Screen("-k", guest("monitor"), "-p", "say hello")
    assert tane.wait() == 0
    assert b"hello" not in tane.check_restored() + tane.out
    assert os.path.getsize(log) > 0
