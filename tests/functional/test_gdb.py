# SPDX-License-Identifier: BSD-2-Clause
"""--gdb: Debian's gdb drives guests by script.

guest/debug_rom.S is in real mode; guest/debug_main.c goes from protected to long mode, and
has variables that gdb sets where there is a choice.

KVM can do more or less of it: kvm_pvm has four breakpoints, by debug registers, and no
watchpoints, and the lab's emulated CPU neither. What is missing is found step by step, so
the tests are the same, and each place runs another part of it. INT3 in RAM needs hardware
(tests/unit/test_debug.c has what can be said without).
"""
import contextlib
import re
import shutil
import socket
import subprocess

import pytest

from tane import Tane, guest

pytestmark = [pytest.mark.anykvm, pytest.mark.everykvm]

GDB = shutil.which("gdb-multiarch") or "gdb"
SECONDS = 90


def debug(tane, *commands, program=None, address=None):
    """What gdb prints for these commands, after it has connected."""
    if not address:
        address = tane.expect_error_match(r"target remote (\S+)").group(1)
    before = ["set pagination off", "set confirm off", "set width 0",
              f"target remote {address}"]
    words = [word for command in [*before, *commands] for word in ("-ex", command)]
    done = subprocess.run([GDB, "-nx", "-q", "-batch", *words, *([program] if program else [])],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False)
    print(done.stdout)
    return done.stdout


def launch(*args, **options):
    return Tane("--gdb", "0", *args, **options)


def launch_kernel(*args, options="0,arch=x86-64"):
    return Tane("-k", guest("debug"), "--console", "none", "--gdb", options, *args)


def numbers(text):
    """The values of "print /x" commands, in order."""
    return [int(value, 16) for value in re.findall(r"^\$\d+ = (0x[0-9a-f]+)$", text, re.M)]


def test_real_mode():
    tane = launch("--rom", guest("debug.rom") + "@0x10000")
    text = debug(tane, "set architecture i8086", "info threads", "print /x $cs",
                 "break count", "continue", "print /x $ebx", "x/2i $pc", "stepi", "print /x $ebx", "break after_count", "continue", "print /x $pc",
                 "print /x $cs_base", "delete", "continue", program=guest("debug_rom"))
    assert "CPU 0, real mode" in text
    assert re.search(r"Breakpoint 1, count \(\)", text)
    assert re.search(r"=> 0x\w+ <count>:\tinc +%ebx\n.*<count\+2>:\tret\n", text)
    assert re.search(r"Breakpoint 2, after_count \(\)", text)
    assert numbers(text) == [0x1000, 0, 1, 0x1000 * 16 + 0x0f, 0x10000]
    assert "exited normally" in text
    assert (tane.wait(), tane.text()) == (0, "done\n")


def test_memory_of_a_rom():
    tane = launch("--rom", guest("debug.rom") + "@0x10000")
    text = debug(tane, "print /x word", "set var *(short *)&word = 0x55aa",
                 "x/2xb &word", "x/xb 0x80000000",
                 "print /x $eax", "set var $eax = 0x12345678", "print /x $ax",
                 "print $st0", "print $xmm0.uint128", "set var $xmm0.uint128 = 77",
                 "print $xmm0.uint128", "print $cr0", "kill",
                 program=guest("debug_rom"))
    assert re.search(r"<word>:\t0xaa\t0x55\n", text)
    assert "Cannot access memory at address 0x80000000" in text
    assert re.search(r"= 0\n.*= 0\n.*= 77\n.*= \[ ET NW CD \]", text, re.S)
    assert numbers(text)[-1] == 0x5678
    assert tane.wait() == 0


def test_firmware_and_boot_sector(tmp_path):
    """From the reset vector, which is in ROM, to a boot sector, which SeaBIOS loads."""
    disk = tmp_path / "disk"
    with open(guest("mbr.bin"), "rb") as file:
        disk.write_bytes(bytearray(file.read()).ljust(1 << 20, b"\0"))
    tane = launch("-d", disk, "--console", "none")
    tane.expect_error("target remote")
    # By steps SeaBIOS would take minutes.
    has_breakpoints = "no breakpoints" not in tane.error_text()
    there = ["break *0x7c00", "continue", "print /x $cs_base", "x/2i $pc", "delete"]
    text = debug(tane, "print /x $pc", "x/i $pc", "x/xb 0xffff0",
                 "set var *(char *)0xffff0 = 0", *(there if has_breakpoints else []),
                 "detach")
    assert re.search(r"=> 0xfffffff0:\tljmp +\$0xf000,\$0xe05b", text)
    assert re.search(r"0xffff0:\t0xea\n", text)
    assert "Cannot access memory at address 0xffff0" in text
    assert numbers(text) == ([0xfffffff0, 0] if has_breakpoints else [0xfffffff0])
    if has_breakpoints:
        assert "Breakpoint 1, 0x00007c00 in" in text
        assert re.search(r"=> 0x7c00:\txor +%ax,%ax", text)
    tane.expect("mbr drive=80")


def test_protected_and_long_mode():
    tane = launch_kernel()
    text = debug(tane, "info threads", "break tables_done", "continue", "print /x $cr0 & 0x80000001",
                 "break start_64", "continue", "info threads", "print /x $cr0 & 0x80000001",
                 "print $efer", "break count", "continue", "backtrace", "finish",
                 "delete", "set var go_on = 1", "continue", program=guest("debug"))
    assert "CPU 0, protected mode" in text
    assert "CPU 0, long mode" in text
    assert numbers(text) == [1, 0x80000001]
    assert "[ LME LMA" in text
    assert re.search(r"#0 +count \(n=.*\n#1 .* debug_main \(\).*\n#2 .* start_64 \(\)", text)
    assert "Value returned is $4 = 2" in text
    assert "exited normally" in text
    assert (tane.wait(), tane.text()) == (0, "d")


def test_source_steps():
    tane = launch_kernel()
    text = debug(tane, "break debug_main", "continue", "next", "next", "next", "print /x word",
                 "stepi", "stepi", "print /x word", "kill", program=guest("debug"))
    assert numbers(text) == [0, 0x1234] or numbers(text) == [0x1234, 0x1234]
    assert tane.wait() == 0


def test_break_where_nothing_is_mapped_yet():
    """As at start_kernel(): its address means nothing before there are page tables."""
    tane = launch_kernel()
    text = debug(tane, "x/xb 0xffffffff80000000 + (long)&count",
                 "break *(0xffffffff80000000 + (long)&count)", "break start_64", "continue",
                 "x/2xb 0xffffffff80000000 + (long)&count", "x/2xb &count",
                 "set var $rip = 0xffffffff80000000 + (long)&debug_main", "continue",
                 "print /x $pc - (long)&count", "kill", program=guest("debug"))
    assert "Cannot access memory at address 0xffffffff80" in text
    high, low = re.findall(r":\t(0x\w\w\t0x\w\w)\n", text)
    assert high == low
    assert numbers(text) == [0xffffffff80000000]


def test_many_breakpoints_one_after_another():
    tane = launch_kernel()
    commands = []
    for name in ["tables_done", "start_64", "debug_main", "count", "main_done"]:
        commands += [f"tbreak {name}", "continue"]
    text = debug(tane, *commands, "kill", program=guest("debug"))
    assert text.count("Temporary breakpoint") == 10


def test_watchpoint():
    tane = launch_kernel()
    text = debug(tane, "break debug_main", "continue", "watch word", "continue",
                 "delete", "break main_done", "continue",
                 "print other_word", "kill", program=guest("debug"))
    assert re.search(r"Hardware watchpoint 2: word\n\nOld value = 0\nNew value = 4660\n",
                     text)
    assert "$1 = 4663" in text


def test_breakpoint_in_a_loop_and_a_count():
    tane = launch_kernel()
    text = debug(tane, "break count if n == 2", "continue", "info breakpoints", "print n",
                 "kill", program=guest("debug"))
    assert "already hit 2 times" in text or "already hit 1 time" in text
    assert "$1 = 2" in text


def test_exceptions_of_the_guest():
    """INT3 and a single step of its own, with a breakpoint of ours somewhere."""
    tane = launch_kernel()
    text = debug(tane, "break main_done", "set var with_exceptions = 1", "continue",
                 "print own_breakpoints", "print own_debugs", "kill", program=guest("debug"))
    if "four breakpoints" in tane.error_text():
        pytest.skip("the emulator of kvm_pvm knows no INT3 in long mode")
    assert "$1 = 1" in text
    if "no breakpoints" not in tane.error_text():  # else TF is ours
        assert "$2 = 1" in text


def test_two_cpus():
    tane = launch_kernel("-c", "2")
    text = debug(tane, "info threads", "break main_done", "set var with_second_cpu = 1",
                 "continue", "break count_second", "continue", "info threads", "backtrace",
                 "continue", "continue", "print second_count >= 2",
                 "thread 1", "info registers rip", "thread 2", "stepi", "stepi",
                 "print $_thread", "delete",
                 "set var go_on = 1", "continue", program=guest("debug"))
    assert "Thread 2 (CPU 1, real mode, waits for its start)" in text
    assert re.search(r"Thread 2 hit Breakpoint \d, count_second \(\)", text)
    assert re.search(r"\* 2 +Thread 2 \(CPU 1, long mode\)", text)
    assert re.search(r"#1 .* second_main \(\)", text)
    assert "exited normally" in text
    assert (tane.wait(), tane.text()) == (0, "d")


def test_ctrl_c_and_memory_of_a_running_guest():
    tane = launch_kernel()
    address = tane.expect_error_match(r"target remote (\S+)").group(1)
    text = debug(tane, "break main_done", "continue", "delete", "detach",
                 program=guest("debug"))
    assert "detached" in text
    # It runs on. To connect stops it.
    text = debug(tane, "print spins > 0", "print $_siginfo", "info threads",
                 "set var go_on = 1", "continue", program=guest("debug"), address=address)
    assert "$1 = 1" in text
    assert "debug_main" in text
    assert "exited normally" in text
    assert (tane.wait(), tane.text()) == (0, "d")


class Client:
    """What gdb says, said by ourselves."""

    def __init__(self, tane):
        host, port = tane.expect_error_match(r"target remote (\S+):(\d+)").groups()
        self.socket = socket.create_connection((host, int(port)), 30)

    def send(self, packet):
        self.socket.sendall(b"$%s#%02x" % (packet, sum(packet) & 255))

    def receive(self):
        """The next packet."""
        data = b""
        while not re.search(rb"\$[^#]*#..$", data):
            got = self.socket.recv(1)
            assert got, f"the connection ended behind {data!r}"
            data += got
        return re.search(rb"\$([^#]*)#", data).group(1)

    def ask(self, packet):
        self.send(packet)
        return self.receive()


def test_ctrl_c():
    tane = launch_kernel()
    client = Client(tane)
    assert client.ask(b"?") == b"T05thread:1;"
    client.send(b"vCont;c")
    client.socket.sendall(b"\x03")
    assert client.receive() == b"T02thread:1;"
    client.send(b"k")
    assert tane.wait() == 0


def test_a_second_client_is_refused():
    tane = launch_kernel()
    first = Client(tane)
    assert first.ask(b"qC") == b"QC1"
    second = Client(tane)
    assert second.socket.recv(1) == b""
    tane.expect_error("a second client was refused")
    assert first.ask(b"qC") == b"QC1"
    first.send(b"vKill;1")
    assert first.receive() == b"OK"
    assert tane.wait() == 0


@pytest.mark.parametrize("words", [b"POST", b"\0POST"])
def test_a_browser_is_turned_away(words):
    tane = launch_kernel()
    browser = Client(tane)
    browser.socket.sendall(words + b" / HTTP/1.1\r\n\r\n$vKill;1#6e")
    # The rest of what it said is still there when the connection is closed.
    with contextlib.suppress(ConnectionResetError):
        assert browser.socket.recv(1) == b""
    tane.expect_error("turned away")
    client = Client(tane)
    assert client.ask(b"qC") == b"QC1"
    client.send(b"k")
    assert tane.wait() == 0


def test_guest_goes_on_when_gdb_is_gone():
    tane = launch("--rom", guest("debug.rom") + "@0x10000")
    client = Client(tane)
    assert client.ask(b"Z1,1000f,1") == b"OK"
    client.socket.close()
    assert (tane.wait(), tane.text()) == (0, "done\n")


def test_waits_for_a_client_that_speaks():
    tane = launch("--rom", guest("debug.rom") + "@0x10000")
    Client(tane).socket.close()
    client = Client(tane)
    assert client.ask(b"?") == b"T05thread:1;"
    assert tane.text() == ""
    assert client.ask(b"D") == b"OK"
    assert (tane.wait(), tane.text()) == (0, "done\n")


def test_nowait():
    tane = Tane("--gdb", "0,nowait", "--rom", guest("debug.rom") + "@0x10000")
    assert (tane.wait(), tane.text()) == (0, "done\n")
    assert "gdb: target remote 127.0.0.1:" in tane.error_text()


def test_unix_socket(tmp_path):
    path = tmp_path / "gdb"
    for _ in range(2):  # the first leaves nothing behind
        tane = Tane("--gdb", f"unix:{path}", "--rom", guest("debug.rom") + "@0x10000")
        text = debug(tane, "continue")
        assert "exited normally" in text
        assert (tane.wait(), tane.text()) == (0, "done\n")
        assert not path.exists()


def test_stale_unix_socket(tmp_path):
    path = tmp_path / "gdb"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    tane = Tane("--gdb", f"unix:{path}", "--rom", guest("debug.rom") + "@0x10000")
    debug(tane, "continue")
    assert tane.wait() == 0


def test_unix_path_that_is_taken(tmp_path):
    """What is there stays: a file is no socket that somebody has left behind."""
    path = tmp_path / "file"
    path.write_text("precious")
    tane = Tane("--gdb", f"unix:{path}", "--rom", guest("debug.rom"))
    assert tane.wait() == 1
    assert "there is a file of that name" in tane.error_text()
    assert path.read_text() == "precious"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        tane = Tane("--gdb", f"unix:{path}", "--rom", guest("debug.rom"))
        assert tane.wait() == 1
        assert "somebody uses the socket" in tane.error_text()
        assert path.exists()


def test_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        tane = Tane("--gdb", str(port), "--rom", guest("debug.rom"))
        assert tane.wait() == 1
    assert f"--gdb 127.0.0.1:{port}: Address already in use" in tane.error_text()


def test_reset():
    """gdb hears of it and stands at the first instruction again."""
    tane = launch_kernel()
    text = debug(tane, "break debug_main", "continue", "set var with_reset = 1", "continue",
                 "print /x $pc == &_start", "print with_reset", "continue", "delete",
                 "set var go_on = 1", "continue", program=guest("debug"))
    assert "tane: the guest was reset" in text
    assert "received signal SIGPWR" in text
    assert text.count("Breakpoint 1, debug_main ()") == 2
    assert numbers(text) == [1]
    assert (tane.wait(), tane.text()) == (0, "d")


def test_monitor():
    tane = launch_kernel()
    text = debug(tane, "monitor help", "monitor nonsense", "break debug_main", "continue",
                 "monitor registers", "monitor reset", "continue", "print /x $pc == &_start",
                 "monitor quit", program=guest("debug"))
    assert "monitor reset  " in text
    assert "no such command" in text
    assert re.search(r"rip 0000000000100\w{3} ", text)
    assert "the guest was reset" in text
    assert numbers(text) == [1]
    assert tane.wait() == 0


def test_guest_that_dies_can_be_looked_at():
    tane = launch_kernel()
    text = debug(tane, "set var with_fault = 1", "continue", "info registers rip cr3",
                 "print other_word", "continue", program=guest("debug"))
    assert "tane: the guest died: vcpu 0: " in text
    assert "received signal SIGSEGV" in text
    assert "$1 = 4663" in text
    assert "Program terminated with signal SIGSEGV" in text
    assert tane.wait() == 125


def test_debug_exit_status():
    tane = launch("-k", guest("monitor"), "-p", "outb f4 3", "--debug-exit", "--console", "none")
    assert "exited with code 07" in debug(tane, "continue")
    assert tane.wait() == 7


def test_protected_mode_as_i386():
    tane = launch("-k", guest("monitor"), "-p", "say hello", "--console", "none")
    text = debug(tane, "info registers eip cr0", "break guest_main", "continue",
                 "print /x *(int *)($esp + 4)", "delete", "continue", program=guest("monitor"))
    assert "[ PE ET ]" in text
    assert numbers(text) == [0x2badb002]
    assert tane.wait() == 0
    assert "hello" in tane.text()


def test_signal_ends_a_guest_that_waits():
    tane = launch("--rom", guest("debug.rom"))
    tane.expect_error("waiting for gdb")
    tane.process.terminate()
    assert tane.wait(20) == 128 + 15


def test_console_on_the_same_terminal():
    tane = launch("-k", guest("monitor"), "-p", "spin", stdin="pty")
    tane.expect_error("waiting for gdb")
    client = Client(tane)
    assert client.ask(b"?") == b"T05thread:1;"
    tane.send("\x01x")
    assert tane.wait(20) == 0
    assert tane.settings_after == tane.settings


def test_user_ends_a_dead_guest_that_gdb_holds():
    tane = launch("-k", guest("monitor"), "-p", "fault", stdin="pty")
    tane.expect_error("waiting for gdb")
    client = Client(tane)
    assert client.ask(b"?") == b"T05thread:1;"
    client.send(b"vCont;c")
    while client.receive() != b"T0bthread:1;":
        pass  # what it says of the death
    tane.send("\x01x")
    assert tane.wait(20) == 125
    assert "the guest died" in tane.error_text()


def test_hardware_breakpoints_run_out():
    tane = launch_kernel()
    client = Client(tane)
    if "no breakpoints" in tane.error_text():
        pytest.skip("this KVM has no debug registers")
    for n in range(4):
        assert client.ask(b"Z1,%x,1" % (0x100000 + n)) == b"OK"
    assert client.ask(b"Z1,200000,1") == b"E0e"
    assert client.ask(b"z1,100000,1") == b"OK"
    assert client.ask(b"Z1,200000,1") == b"OK"
    assert client.ask(b"Z1,200000,1") == b"OK"
    client.send(b"k")
    assert tane.wait() == 0


@pytest.mark.nokvm
@pytest.mark.parametrize("value, why", [
    ("70000", "is not PORT, HOST:PORT or unix:PATH"),
    ("unix:", "unix: needs a path"),
    ("1234,often", "often"),
    ("1234,arch=arm", "arch"),
])
def test_wrong_option(value, why):
    tane = Tane("--rom", "x", "--gdb", value)
    assert tane.wait() == 2
    assert why in tane.error_text()

