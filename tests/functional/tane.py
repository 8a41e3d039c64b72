# SPDX-License-Identifier: BSD-2-Clause
"""Run tane from a test, and make what it boots.

A Tane is a running process whose output is collected by threads and waited for
by pattern and deadline: no test sleeps to synchronise. Every Tane is noted in
`started`, so that conftest.py can show the console of a failed test and end
what is left over.

Environment: TANE names the program (build/tane, or build-ARCH-test/tane on another
architecture than x86-64), TANE_GUESTS the folder for the guests of guest/, which are
built when they are older than their source, TANE_ARCH the architecture that they are
made for if it is not this machine's.
"""
import contextlib
import glob
import os
import platform
import pty
import re
import select
import shlex
import subprocess
import termios
import threading
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
ARCH = os.environ.get("TANE_ARCH") or platform.machine().replace("aarch64", "arm64")
BUILD = "build" if ARCH == "x86_64" else f"build-{ARCH}-test"
PROGRAM = os.path.abspath(os.environ.get("TANE", os.path.join(ROOT, BUILD, "tane")))
GUESTS = os.path.abspath(os.environ.get("TANE_GUESTS", os.path.join(ROOT, "build-guests")))
if ARCH != "x86_64":
    GUESTS += "/" + ARCH
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                     "tane")
# Seconds; a stock kernel boots in 5, or in 15 on another architecture, on a machine that
# is not busy.
DEADLINE = 90 if ARCH == "x86_64" else 240

ROM_FLAGS = ["-Wl,--oformat=binary,-Ttext=0,--build-id=none"]
KERNEL_FLAGS = ["-march=i386", "-ffreestanding", "-fno-pic", "-fno-stack-protector",
                "-fno-asynchronous-unwind-tables", "-mno-sse", "-O1", "-no-pie",
                "-Wall", "-Wextra", "-Werror",
                "-Wl,-N,--no-warn-rwx-segments,-Ttext=0x100000,--build-id=none"]
BOOT_SECTOR_FLAGS = ["-Wl,--oformat=binary,-Ttext=0x7c00,--build-id=none"]
# For a debugger: 64 bits, symbols and lines.
DEBUG_FLAGS = ["-m64", "-g", "-ffreestanding", "-fno-pic", "-fno-stack-protector",
               "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-mno-red-zone",
               "-mgeneral-regs-only", "-O1", "-no-pie", "-Wall", "-Wextra", "-Werror",
               "-Wl,-N,--no-warn-rwx-segments,-Ttext=0x100000,--build-id=none"]
GUEST_SOURCES = {
    "debug": (DEBUG_FLAGS, ["debug_start.S", "debug_main.c"]),
    "debug.rom": (ROM_FLAGS, ["debug_rom.S"]),
    "debug_rom": (["-g", "-Wl,-Ttext=0x10000,--build-id=none"], ["debug_rom.S"]),
    "hello.rom": (ROM_FLAGS, ["hello.S"]),
    "where.rom": (ROM_FLAGS, ["where.S"]),
    "pam.rom": (ROM_FLAGS, ["pam_rom.S"]),
    "pam_loop.rom": (ROM_FLAGS, ["pam_loop_rom.S"]),
    "rom_io.rom": (ROM_FLAGS, ["rom_io.S"]),
    "boot_40x25.bin": (BOOT_SECTOR_FLAGS, ["boot_40x25.S"]),
    "boot_b8000.bin": (BOOT_SECTOR_FLAGS, ["boot_b8000.S"]),
    "boot_drives.bin": (BOOT_SECTOR_FLAGS, ["boot_drives.S"]),
    "boot_echo_int16.bin": (BOOT_SECTOR_FLAGS, ["boot_echo_int16.S"]),
    "boot_echo_port60.bin": (BOOT_SECTOR_FLAGS, ["boot_echo_port60.S"]),
    "boot_floppy.bin": (BOOT_SECTOR_FLAGS, ["boot_floppy.S"]),
    "boot_int10.bin": (BOOT_SECTOR_FLAGS, ["boot_int10.S"]),
    "boot_long.bin": (BOOT_SECTOR_FLAGS, ["boot_long.S"]),
    "boot_protected.bin": (BOOT_SECTOR_FLAGS, ["boot_protected.S"]),
    "boot_pxe.bin": (BOOT_SECTOR_FLAGS, ["boot_pxe.S"]),
    "boot_sector2.bin": (BOOT_SECTOR_FLAGS, ["boot_sector2.S"]),
    "boot_timers.bin": (BOOT_SECTOR_FLAGS, ["boot_timers.S"]),
    "mbr.bin": (BOOT_SECTOR_FLAGS, ["mbr.S"]),
    "setup.bzImage": (ROM_FLAGS, ["setup.S"]),
    "protected_setup.bin": (ROM_FLAGS, ["protected_setup.S"]),
    "hostile_fw_cfg": ([*KERNEL_FLAGS, "-Wl,--oformat=binary"],
                       ["flat_entry.S", "hostile_fw_cfg.c"]),
    "monitor": (KERNEL_FLAGS, ["multiboot.S", "monitor.c"]),
    "hostile_ide": (KERNEL_FLAGS, ["multiboot.S", "hostile_ide.c"]),
    "hostile": (KERNEL_FLAGS, ["multiboot.S", "second_cpu.S", "virtio.c", "hostile.c",
                               "hostile_device.c", "hostile_p9.c", "hostile_packed.c",
                               "hostile_pci.c", "hostile_race.c", "hostile_registers.c",
                               "hostile_ring.c"]),
}

started = []


def newer(path, sources):
    try:
        made = os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return False
    return all(os.stat(source).st_mtime_ns <= made for source in sources)


def guest(name):
    """The path of a guest of GUEST_SOURCES, built if need be."""
    flags, names = GUEST_SOURCES[name]
    sources = [os.path.join(ROOT, "guest", source) for source in names]
    headers = glob.glob(os.path.join(ROOT, "guest/*.h"))
    path = os.path.join(GUESTS, name)
    if not newer(path, sources + headers):
        os.makedirs(GUESTS, exist_ok=True)
        new = f"{path}.{os.getpid()}"
        subprocess.run(["gcc", "-m32", "-nostdlib", "-static", *flags, "-o", new, *sources],
                       check=True)
        os.rename(new, path)
    return path


def boot_disk(name, folder, size=1 << 20):
    """The path of a new disk that begins with a guest."""
    with open(guest(name), "rb") as file:
        data = file.read()
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data.ljust(size, b"\0"))
    return path


def is_sanitized():
    """Whether the program is built with AddressSanitizer."""
    with open(PROGRAM, "rb") as file:
        return b"__asan_init" in file.read()


class Tane:
    """A running tane.

    stdin is "pipe" (send() writes to it), "pty" (stdin and stdout are one
    terminal), None (/dev/null) or a descriptor; stdout is None (collected) or
    a descriptor that the test reads itself. `options` go to Popen.
    """

    def __init__(self, *args, stdin=None, stdout=None, command=None, **options):
        self.command = command or [PROGRAM, "run", *map(str, args)]
        self.out = bytearray()
        self.err = bytearray()
        self.seen = 0  # how much of `out` expect() has passed
        self.changed = threading.Condition()
        self.terminal = self.input = None  # our end of its terminal; where send() writes
        self.slave = self.settings = self.settings_after = self.status = None
        self.threads = []
        self.stop_reading, self.reading = os.pipe()  # threads read until this is closed
        out = subprocess.PIPE if stdout is None else stdout
        if stdin == "pty":
            self.terminal, self.slave = pty.openpty()
            self.settings = termios.tcgetattr(self.slave)
            stdin = out = self.slave
            # A session of its own with this terminal, like a login.
            options = {"start_new_session": True, "preexec_fn": self._own_terminal,
                       **options}
        else:
            stdin = {None: subprocess.DEVNULL, "pipe": subprocess.PIPE}.get(stdin, stdin)
        self.process = subprocess.Popen(self.command, stdin=stdin, stdout=out,
                                        stderr=subprocess.PIPE, **options)
        if self.terminal is not None:
            self.input = self.terminal
            self._collect(self.terminal, self.out)
        if self.process.stdin:
            self.input = self.process.stdin.fileno()
        if self.process.stdout:
            self._collect(self.process.stdout.fileno(), self.out)
        self._collect(self.process.stderr.fileno(), self.err)
        started.append(self)

    @staticmethod
    def _own_terminal():
        os.close(os.open(os.ttyname(0), os.O_RDWR))  # it becomes the session's

    def _collect(self, fd, buffer):
        def loop():
            while True:
                if self.stop_reading in select.select([fd, self.stop_reading], [], [])[0]:
                    return
                try:
                    data = os.read(fd, 65536)
                except OSError:  # a pty whose other end is closed
                    data = b""
                with self.changed:
                    buffer.extend(data)
                    self.changed.notify_all()
                if not data:
                    return
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        self.threads.append(thread)

    @property
    def pid(self):
        return self.process.pid

    def _wait_for(self, ready, seconds, what):
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                result = ready()
                if result:
                    return result
                left = deadline - time.monotonic()
                if left <= 0 or not any(t.is_alive() for t in self.threads):
                    break
                self.changed.wait(min(left, 1))
            result = ready()  # what came with the end
        assert result, f"{what} did not come{'' if left > 0 else f' within {seconds} s'}"
        return result

    def expect(self, pattern, seconds=DEADLINE):
        """Wait until the guest has printed this; the match. Each call goes on
        behind the last one."""
        regex = re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.M)

        def ready():
            match = regex.search(bytes(self.out), self.seen)
            if match:
                self.seen = match.end()
            return match
        return self._wait_for(ready, seconds, f"{regex.pattern!r}")

    def expect_error(self, text, seconds=DEADLINE):
        """Wait until tane has printed this on stderr."""
        return self._wait_for(lambda: text.encode() in self.err, seconds, f"{text!r}")

    def expect_error_match(self, pattern, seconds=DEADLINE):
        """The same by a regular expression; the match."""
        return self._wait_for(lambda: re.search(pattern, self.error_text()), seconds,
                              repr(pattern))

    def send(self, data):
        data = data.encode() if isinstance(data, str) else data
        while data:
            data = data[os.write(self.input, data):]

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=DEADLINE):
        """Its exit status, negative for a signal, with all output collected."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"tane did not end within {seconds} s") from None
        if self.slave is not None:
            self.settings_after = termios.tcgetattr(self.slave)
        self._join()
        return status

    def _join(self):
        """Wait for the last output; of a terminal, once nobody else has it open."""
        if self.slave is not None:
            os.close(self.slave)
            self.slave = None
        for thread in self.threads:
            thread.join(10)

    def cpu_seconds(self):
        """CPU time that it has used until now."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def hang_up(self):
        """The terminal's window is closed: nobody has its other end any more."""
        os.close(self.reading)
        self.reading = None
        self._join()
        os.close(self.terminal)
        self.terminal = None

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._join()
        for fd in (self.reading, self.stop_reading, self.terminal):
            if fd is not None:
                os.close(fd)
        self.reading = self.stop_reading = self.terminal = None
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()

    def text(self):
        return self.out.decode(errors="replace").replace("\r", "")

    def error_text(self):
        return self.err.decode(errors="replace")

    def describe(self):
        """For the report of a failed test."""
        status = self.process.poll()
        state = "still running" if status is None else f"exit status {status}"
        return (f"$ {shlex.join(self.command)}\n({state})\n"
                f"--- guest's console\n{self.text()[-20000:]}\n"
                f"--- stderr\n{self.error_text()[-8000:]}")


def run(*args, seconds=DEADLINE, **options):
    """Run it to its end; .status, .out and .err tell."""
    tane = Tane(*args, **options)
    tane.status = tane.wait(seconds)
    return tane


def monitor(*commands, options=(), seconds=DEADLINE, **more):
    """Boot guest/monitor.c with these commands. The Tane, with .status and
    .values: what the guest printed behind " = ", in order (numbers as such)."""
    tane = run("-k", guest("monitor"), "-p", " ".join(commands), *options, seconds=seconds,
               **more)
    tane.values = values(tane.text())
    return tane


def values(text):
    found = re.findall(r"^[a-z_]+ [0-9a-f]{8} = ([0-9a-f]+)$", text, re.M)
    return [int(value, 16) for value in found]
