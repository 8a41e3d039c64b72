# SPDX-License-Identifier: BSD-2-Clause
"""How Linux ends a machine, begins it again, and hears its power button."""
import os
import signal
import subprocess
import time

import pytest

import linux
from tane import Tane


def test_reboot_is_real():
    """The machine begins anew: another boot ID, and RAM holds nothing of the old one."""
    ask = "cat /proc/sys/kernel/random/boot_id; nproc; ls /run/old; touch /run/old"
    tane = linux.shell("-c", "2", "-m", "256M", stdin="pipe")
    boots = []
    for _ in range(3):
        tane.send(f"{ask}; reboot -f\n")
        boots.append(tane.expect(r"\n([0-9a-f-]{36})\r*\n2\r*\nls: /run/old: No such file")[1])
        tane.expect("tane: init up")
        tane.expect(linux.PROMPT)
    tane.send("poweroff -f\n")
    assert tane.wait() == 0
    assert len(set(boots)) == 3


@pytest.mark.parametrize("how", ["acpi", "kbd", "pci"])
def test_no_reboot(how):
    """By ACPI's reset register, by the keyboard controller, by port 0xcf9."""
    tane = linux.run("reboot -f", "--no-reboot", params=f"reboot={how}")
    assert (tane.status, tane.error_text()) == (0, "")


def test_reboot_by_triple_fault_is_a_crash():
    """It cannot be told from one: status 125 and the registers."""
    tane = linux.run("reboot -f", params="reboot=triple")
    assert tane.status == 125
    assert tane.error_text().startswith("tane: registers of vcpu 0:\n")
    assert tane.error_text().endswith("tane: the guest died: vcpu 0: triple fault\n")


def test_sysrq_b_reboots_at_once():
    tane = linux.run("echo 1 >/proc/sys/kernel/sysrq; echo b >/proc/sysrq-trigger; sleep 60",
                     "--no-reboot")
    assert tane.status == 0


def test_panic_ends_a_machine_that_may_not_reboot():
    """--no-reboot adds panic=-1, so that it does not wait for nobody."""
    tane = linux.run("echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60",
                     "--no-reboot", "-c", "2")
    assert tane.status == 0
    assert "Kernel panic - not syncing: sysrq triggered crash" in tane.text()


def test_panic_with_a_time_to_wait_reboots():
    script = """
        read word
        echo "word=$word"
        [ "$word" = panic ] || poweroff -f
        echo 1 >/proc/sys/kernel/sysrq
        echo c >/proc/sysrq-trigger
        sleep 60
    """
    tane = linux.start(script, params="panic=1", stdin="pipe")
    tane.expect("tane: init up")
    tane.send("panic\n")
    tane.expect("sysrq triggered crash")
    tane.expect("tane: init up")
    tane.send("end\n")
    tane.expect("word=end")
    assert tane.wait() == 0


POWER_BUTTON = r"""
acpi()
{
	sed -n 's/^ *9: *\([0-9]*\).*acpi$/acpi \1/p' /proc/interrupts
}
acpi
kill "$(cat /run/power-button)" # init's own listener
exec 3</dev/input/event0
echo waiting
head -c 24 <&3 >/run/event
acpi
echo pressed
"""


def test_power_button():
    """SIGTERM presses it. The guest hears it as an input event and powers off."""
    tane = linux.start(POWER_BUTTON, load="button evdev")
    before = int(tane.expect(r"acpi (\d+)")[1])
    tane.expect("waiting")
    tane.signal(signal.SIGTERM)
    after = int(tane.expect(r"acpi (\d+)")[1])
    tane.expect("pressed")
    assert after == before + 1
    assert tane.wait() == 0
    assert tane.error_text().startswith("tane: SIGTERM: power button pressed; ")


def test_init_hears_the_power_button(tmp_path):
    """What tools/initramfs makes for a kernel powers off by itself."""
    initrd = tmp_path / "initrd"
    subprocess.run([linux.TOOL, "--kernel", os.path.dirname(linux.kernel("cloud")), initrd],
                   check=True)
    tane = linux.start("until ls -l /proc/[0-9]*/fd 2>&1 | grep -q event0; do usleep 50000; done;"
                       "echo listening; sleep 1000", initrd=initrd)
    tane.expect("listening")
    tane.signal(signal.SIGTERM)
    tane.expect("tane: power button pressed")
    assert tane.wait() == 0
    assert "did not power off" not in tane.error_text()


def test_deaf_kernel_ends_at_the_deadline():
    """Without the button's driver nobody hears it."""
    tane = linux.start("echo up; sleep 1000", "-c", "2")
    tane.expect("up")
    before = time.monotonic()
    tane.signal(signal.SIGINT)
    assert tane.wait(60) == 128 + signal.SIGINT
    assert time.monotonic() - before > 9
    assert "did not power off within 10 seconds" in tane.error_text()


def test_two_machines_side_by_side():
    first, second = (linux.start(f"echo {name}; read x; echo got $x", stdin="pipe")
                     for name in ("first", "second"))
    first.expect("first\r*\n")
    second.expect("second\r*\n")
    second.send("two\n")
    first.send("one\n")
    first.expect("got one")
    second.expect("got two")
    assert (first.wait(), second.wait()) == (0, 0)


def test_idle_guest_costs_little():
    tane = linux.start("echo up; sleep 1000", "-c", "2")
    tane.expect("up")
    time.sleep(1)
    before = tane.cpu_seconds()
    time.sleep(3)
    assert tane.cpu_seconds() - before < 1


def test_stop_and_continue():
    """A stopped machine goes on where it was, all CPUs of it."""
    tane = linux.shell("-c", "2", stdin="pipe")
    tane.signal(signal.SIGSTOP)
    time.sleep(2)
    tane.signal(signal.SIGCONT)
    tane.send("taskset 1 echo on 0; taskset 2 echo on 1; poweroff -f\n")
    tane.expect("\non 0\r*\non 1\r*\n")
    assert tane.wait() == 0


def test_killed_guest_leaves_nothing_behind():
    tane = linux.start("echo up; sleep 1000")
    tane.expect("up")
    tane.signal(signal.SIGKILL)
    assert tane.wait() == -signal.SIGKILL


def test_crash_with_all_cpus_busy():
    """A triple fault on one CPU while the other never rests."""
    tane = linux.run("taskset 2 sh -c 'while :; do :; done' & reboot -f", "-c", "2",
                     params="reboot=triple")
    assert tane.status == 125
    assert "triple fault" in tane.error_text()


def test_input_before_linux_listens():
    """What is piped in at the start waits until Linux opens its terminal."""
    tane = Tane("-k", linux.kernel("cloud"), "-i", linux.initramfs(), "-p", "quiet",
                stdin="pipe")
    tane.send("echo $((6*7))\nexit\n")
    tane.process.stdin.close()
    tane.expect(r"^42\r*$")
    assert tane.wait() == 0
    assert "not found" not in tane.text()
