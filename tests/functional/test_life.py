# SPDX-License-Identifier: BSD-2-Clause
"""How a machine ends, begins again, and what it leaves behind."""
import os
import re
import signal
import subprocess
import time

import pytest

from tane import PROGRAM, Tane, guest, monitor, run

anykvm = pytest.mark.anykvm

SHUTDOWN_SECONDS = 10  # between the power button and the end by force


def booted(*commands, options=(), **more):
    """A monitor that has printed "ready" and then does the last command."""
    *first, last = commands
    tane = Tane("-k", guest("monitor"), "-p", " ".join([*first, "say ready", last]),
                *options, **more)
    tane.expect("ready")
    return tane


def ended(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


@anykvm
def test_power_off():
    tane = monitor("say on", "sleep 5", "say still-on")
    assert (tane.status, tane.text(), tane.error_text()) == (0, "on\n", "")


@anykvm
def test_other_sleep_states_wake_up_at_once():
    tane = monitor("sleep 1", "say awake", "inw 600", "sleep 3", "say awake")
    assert tane.status == 0
    assert tane.text().count("awake") == 2
    assert tane.values[0] & 0x8000  # WAK_STS


RESETS = {
    "cf9": ["outb cf9 2", "outb cf9 6"],
    "cf9-full": ["outb cf9 0", "outb cf9 e"],
    "92": ["outb 92 3"],
    "i8042": ["outb 64 fe"],
}


@anykvm
@pytest.mark.parametrize("how", RESETS)
def test_reset_boots_again(how):
    tane = monitor("boots", "onboot 1", *RESETS[how], "spin", "onboot 2", *RESETS[how],
                   "spin", "onboot 3", "say third")
    assert (tane.status, tane.error_text()) == (0, "")
    assert tane.text() == "boot 01\nboot 02\nboot 03\nthird\n"


@anykvm
@pytest.mark.parametrize("how", RESETS)
def test_no_reboot(how):
    tane = monitor("say first", *RESETS[how], "spin", options=("--no-reboot",))
    assert (tane.status, tane.text(), tane.error_text()) == (0, "first\n", "")


@anykvm
def test_a_reset_makes_everything_new():
    """RAM is zero, chips are as at power-on, the loader's data is there again."""
    look = ("rdl 2000000", "inb 3ff", "inb 61", "inb 92", "inb 80", "inb 3fc")
    change = ("wrl 2000000 12345678", "outb 3ff 55", "outb 92 0", "outb 80 1", "outb 3fc b",
              "outb 61 3", "outb 3fb 83")
    tane = monitor("boots", *look, "onboot 1", *change, "rdl 2000000", "outb cf9 6", "spin",
                   "onboot 2", "info")
    first, second = tane.text().split("boot 02\n")
    assert "rdl 02000000 = 12345678" in first
    looks = [[int(value, 16) for value in re.findall(r"= (\w+)", part)[:len(look)]]
             for part in (first, second)]
    for values in looks:
        values[2] &= ~0x10  # port 0x61: the refresh bit toggles as time goes by
    assert looks[0] == looks[1]
    assert "magic 00000000 = 2badb002" in second
    assert tane.status == 0


@anykvm
def test_byte_write_to_cf9_only():
    """PCI's address register lies around it: its accesses reset nothing."""
    tane = monitor("outl cf8 80000600", "inl cf8", "outw cf8 606", "say alive")
    assert tane.text().endswith("alive\n")
    assert tane.status == 0


@anykvm
def test_forty_resets():
    resets = [f"onboot {n:x} outb 64 fe spin" for n in range(1, 0x28)]
    tane = monitor("boots", *resets, "onboot 28", "say enough")
    assert tane.text().count("boot ") == 0x28
    assert tane.text().endswith("enough\n")
    assert (tane.status, tane.error_text()) == (0, "")


@anykvm
@pytest.mark.parametrize("command, status", [
    ("outb f4 0", 1), ("outb f4 10", 33), ("outb f4 7f", 255), ("outw f4 1", 3),
    ("outl f4 2", 5), ("outl f4 180", 1)])
def test_debug_exit(command, status):
    tane = monitor("say before", command, "say after", options=("--debug-exit",))
    assert tane.text() == "before\n"
    assert (tane.status, tane.error_text()) == (status, "")


@anykvm
def test_no_debug_exit_unless_asked_for():
    tane = monitor("outb f4 10", "inb f4")
    assert (tane.status, tane.values) == (0, [0xff])


def reset_by_kvm(errors):
    """On AMD the CPU leaves no state behind, and KVM resets the vCPU before it tells us."""
    return "rip 000000000000fff0 rflags 0000000000000002" in errors


@anykvm
def test_triple_fault():
    tane = monitor("say before", "fault")
    assert (tane.status, tane.text()) == (125, "before\n")
    errors = tane.error_text()
    assert errors.endswith("tane: the guest died: vcpu 0: triple fault\n")
    assert errors.startswith("tane: registers of vcpu 0:\n")
    if not reset_by_kvm(errors):
        assert re.search(r"rip 00000000001\w{5} rflags", errors)
        assert "<0f> 0b" in errors  # ud2
        assert re.search(r"idt base \w+ limit 0000", errors)


def test_triple_fault_of_a_rom(tmp_path):
    """lidt of an empty table, then ud2. (kvm_pvm ignores the limit in real mode.)"""
    (tmp_path / "fault").write_bytes(b"\x0f\x01\x1e\x08\x00\x0f\x0b\x90" + bytes(6))
    tane = run("--rom", tmp_path / "fault")
    assert tane.status == 125
    assert "the guest died: vcpu 0: triple fault" in tane.error_text()
    if not reset_by_kvm(tane.error_text()):
        assert "rip 0000000000000005" in tane.error_text()
        assert "<0f> 0b 90" in tane.error_text()


@anykvm
def test_one_signal_that_comes_twice():
    """As timeout(1) sends it: to the process, and to its group."""
    tane = Tane("-k", guest("monitor"), "-p", "button receive 1", stdin="pipe")
    tane.expect("waiting")
    tane.signal(signal.SIGTERM)
    tane.expect_error("power button pressed")
    tane.signal(signal.SIGTERM)
    tane.expect("button")
    tane.send("x")
    assert tane.wait() == 0


@anykvm
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_is_the_power_button(number):
    tane = Tane("-k", guest("monitor"), "-p", "button say pressed")
    tane.expect("waiting")
    tane.signal(number)
    assert tane.wait(SHUTDOWN_SECONDS + 20) == 0
    assert tane.text().endswith("button\npressed\n")
    name = signal.Signals(number).name
    assert tane.error_text() == (f"tane: {name}: power button pressed; the guest has 10 seconds "
                                 "to power off, a second signal ends it now\n")


@anykvm
def test_power_off_at_a_signal_beats_the_deadline():
    tane = Tane("-k", guest("monitor"), "-p", "button")
    tane.expect("waiting")
    before = time.monotonic()
    tane.signal(signal.SIGTERM)
    assert tane.wait() == 0
    assert time.monotonic() - before < SHUTDOWN_SECONDS


@anykvm
@pytest.mark.parametrize("state", ["halt", "spin"])
def test_deaf_guest_ends_at_the_deadline(state):
    tane = booted(state)
    before = time.monotonic()
    tane.signal(signal.SIGTERM)
    assert tane.wait(SHUTDOWN_SECONDS + 30) == 128 + signal.SIGTERM
    assert time.monotonic() - before > SHUTDOWN_SECONDS - 1
    assert f"did not power off within {SHUTDOWN_SECONDS} seconds" in tane.error_text()


@anykvm
@pytest.mark.parametrize("state", ["halt", "spin"])
@pytest.mark.parametrize("first, second", [
    (signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT),
    (signal.SIGINT, signal.SIGTERM)])
def test_second_signal_means_now(state, first, second):
    tane = booted(state)
    tane.signal(first)
    tane.expect_error("power button pressed")
    time.sleep(0.3)  # within 0.2 s the same signal would be the same wish
    before = time.monotonic()
    tane.signal(second)
    assert tane.wait() == 128 + second
    assert time.monotonic() - before < SHUTDOWN_SECONDS - 2


@anykvm
def test_reset_during_shutdown_ends_it():
    """Whoever wanted it to end does not want it to boot again."""
    tane = Tane("-k", guest("monitor"), "-p", "boots button outb 64 fe spin")
    tane.expect("waiting")
    tane.signal(signal.SIGTERM)
    assert tane.wait() == 0
    assert tane.text().count("boot ") == 1


@anykvm
def test_sigkill_leaves_nothing():
    tane = booted("spin")
    tane.signal(signal.SIGKILL)
    assert tane.wait() == -signal.SIGKILL


@anykvm
def test_stop_and_continue():
    tane = booted("button")
    tane.expect("waiting")
    tane.signal(signal.SIGSTOP)
    tane.signal(signal.SIGCONT)
    tane.signal(signal.SIGTERM)
    assert tane.wait() == 0


@anykvm
def test_die_with_parent():
    """The parent is a shell that starts it and is killed."""
    shell = subprocess.Popen(
        ["sh", "-c", '"$@" </dev/null >/dev/null & echo $!; wait', "sh", PROGRAM, "run",
         "--die-with-parent", "-k", guest("monitor"), "-p", "button"],
        stdout=subprocess.PIPE)
    pid = int(shell.stdout.readline())
    wait_until(lambda: "vcpu" in thread_names(pid))
    assert not ended(pid)
    shell.kill()
    shell.wait()
    shell.stdout.close()
    wait_until(lambda: ended(pid), SHUTDOWN_SECONDS + 10)


@anykvm
def test_lives_on_without_its_parent():
    shell = subprocess.Popen(
        ["sh", "-c", '"$@" </dev/null >/dev/null & echo $!; wait', "sh", PROGRAM, "run",
         "-k", guest("monitor"), "-p", "button"], stdout=subprocess.PIPE)
    pid = int(shell.stdout.readline())
    wait_until(lambda: "vcpu" in thread_names(pid))
    shell.kill()
    shell.wait()
    shell.stdout.close()
    time.sleep(0.5)
    assert not ended(pid)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: ended(pid), SHUTDOWN_SECONDS + 10)


def thread_names(pid):
    names = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/comm", encoding="ascii") as file:
                names.append(file.read().strip())
    except FileNotFoundError:
        pass
    return " ".join(sorted(names))


@anykvm
def test_name():
    tane = booted("halt", options=("--name", "my-machine"))
    with open(f"/proc/{tane.pid}/comm", encoding="ascii") as file:
        assert file.read() == "my-machine\n"


@anykvm
def test_vcpu_threads_have_names():
    tane = booted("halt", options=("-c", "3", "--name", "x"))
    names = thread_names(tane.pid)  # newer hosts add a worker of KVM's
    assert names.replace("kvm-nx-lpage-re ", "") == "vcpu 0 vcpu 1 vcpu 2 x"


@anykvm
def test_a_halted_guest_costs_nothing():
    tane = booted("halt")
    before = tane.cpu_seconds()
    time.sleep(1)
    assert tane.cpu_seconds() - before < 0.2


@anykvm
def test_two_side_by_side():
    """Both live at the same time, each with its own memory and chips."""
    both = [Tane("-k", guest("monitor"), "-p", f"boots say {name} button say bye-{name}",
                 options) for name, options in (("one", "--stats"), ("two", "--no-reboot"))]
    for tane, name in zip(both, ("one", "two")):
        tane.expect(name)
        tane.expect("waiting")
    for tane, name in zip(reversed(both), ("two", "one")):
        tane.signal(signal.SIGTERM)
        assert tane.wait() == 0
        assert tane.text() == f"boot 01\n{name}\nwaiting\nbutton\nbye-{name}\n"


@anykvm
def test_stats():
    tane = monitor("outb e8 1", "inb 123", "outb e8 2a", "com1 x", "inb 123", "inb 4444",
                   "rdl d0000000", options=("--stats", "--name", "me"))
    errors = tane.error_text()
    assert errors.startswith("tane: statistics of me\n")
    times = [float(re.search(pattern + r" +([0-9.]+) ms", errors)[1]) for pattern in
             ("first KVM_RUN", "milestone 1 ", "milestone 42 ")]
    assert 0 < times[0] < times[1] < times[2] < 60000
    at_end, peak = map(int, re.search(r"memory of the VMM +(\d+) KiB at the end, (\d+) KiB",
                                      errors).groups())
    assert 200 < at_end <= peak < 2**20
    assert int(re.search(r"guest RAM in use +(\d+) KiB", errors)[1]) > 0
    assert re.search(r"exit io +\d+", errors)
    assert re.search(r"exit mmio +\d+", errors)
    assert re.search(r"port milestone +0xe8 +reads 0 +writes 2\n", errors)
    assert re.search(r"port +unclaimed +0x123 +accesses 2\n", errors)
    assert re.search(r"port +unclaimed +0x4444 +accesses 1\n", errors)
    assert re.search(r"mmio +unclaimed +0xd0000000 +accesses 1\n", errors)


@anykvm
def test_stats_count_over_resets():
    tane = monitor("boots", "onboot 1", "outb e8 1", "outb 64 fe", "spin", "onboot 2",
                   "outb e8 2", options=("--stats",))
    assert re.search("milestone 1 .*\n.*milestone 2 ", tane.error_text())
    assert re.search(r"port milestone +0xe8 +reads 0 +writes 2\n", tane.error_text())


@anykvm
def test_trace():
    tane = monitor("inb 123", "outw 124 abcd", "rdl d0000000", "outsb 402 abc",
                   options=("--trace",))
    lines = [line for line in tane.error_text().splitlines() if line.startswith("trace:")]
    assert "trace: vcpu 0: in 0x123 size 1 count 1 value 0xff (unclaimed)" in lines
    assert "trace: vcpu 0: out 0x124 size 2 count 1 value 0xabcd (unclaimed)" in lines
    assert ("trace: vcpu 0: mmio read 0xd0000000 size 4 count 1 value 0xffffffff "
            "(unclaimed)") in lines
    assert any(re.fullmatch(r"trace: vcpu 0: out 0x402 size 1 count \d value 0x61 "
                            r"\(bios-debug\)", line) for line in lines)
    assert lines[-1].startswith("trace: vcpu 0: out 0x604 ")  # power off
    assert tane.status == 0
