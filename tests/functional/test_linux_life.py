# SPDX-License-Identifier: BSD-2-Clause
"""How Linux ends a machine, begins it again, and hears its power button."""
import os
import re
import signal
import subprocess
import time

import pytest

import linux
from marks import device_tree, every_arch
from tane import ARCH, Tane

button_arches = pytest.mark.arch("x86_64", "arm64")


@every_arch
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


def huge_pages(name):
    """A number of /proc/meminfo: HugePages_Total, _Free, _Rsvd."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(rf"HugePages_{name}: +(\d+)", file.read())[1])


@pytest.fixture
def pool():
    """A pool of 66 huge pages of 2 MiB. A host that is up for long has to tidy up first."""
    path = "/proc/sys/vm/nr_hugepages"
    with open(path, encoding="ascii") as file:
        before = file.read()
    try:
        for name, value in (("drop_caches", "3"), ("compact_memory", "1"),
                            ("nr_hugepages", "66")):
            with open(f"/proc/sys/vm/{name}", "w", encoding="ascii") as file:
                file.write(value)
    except OSError as error:
        pytest.skip(f"{path}: {error.strerror}")
    assert huge_pages("Free") == 66
    yield
    with open(path, "w", encoding="ascii") as file:
        file.write(before)


@every_arch
@pytest.mark.usefixtures("pool")
def test_huge_pages():
    """RAM is in the pool, stays there over a reset, reads zero then, and is free again."""
    tane = linux.shell("-m", "128M", "--hugepages", "--stats", stdin="pipe")
    assert huge_pages("Free") - huge_pages("Rsvd") == 2
    assert huge_pages("Free") < 60
    other = Tane("-k", linux.kernel(), "-m", "128M", "--hugepages")
    assert other.wait() == 1
    assert "--hugepages: the host has not 64 free huge pages" in other.error_text()
    tane.send("touch /run/old; reboot -f\n")
    tane.expect("tane: init up")
    tane.expect(linux.PROMPT)
    tane.send("ls /run/old; poweroff -f\n")
    assert tane.wait() == 0
    assert "No such file" in tane.text()
    assert int(re.search(r"guest RAM in use +(\d+) KiB", tane.error_text())[1]) > 40000
    assert huge_pages("Free") == 66


@pytest.mark.parametrize("how", ["acpi", "kbd", "pci"])
def test_no_reboot(how):
    """By ACPI's reset register, by the keyboard controller, by port 0xcf9."""
    tane = linux.run("reboot -f", "--no-reboot", params=f"reboot={how}")
    assert (tane.status, tane.error_text()) == (0, "")


@device_tree
def test_no_reboot_by_firmware():
    """SBI's system reset, PSCI's SYSTEM_RESET."""
    tane = linux.run("reboot -f", "--no-reboot", "-c", "2")
    assert (tane.status, tane.text().count("tane: init up")) == (0, 1)


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


@every_arch
def test_panic_ends_a_machine_that_may_not_reboot():
    """--no-reboot adds panic=-1, so that it does not wait for nobody."""
    tane = linux.run("echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60",
                     "--no-reboot", "-c", "2")
    assert tane.status == 0
    assert "Kernel panic - not syncing: sysrq triggered crash" in tane.text()


@every_arch
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


@button_arches
def test_init_hears_the_power_button(tmp_path):
    """What tools/initramfs makes for a kernel powers off by itself."""
    initrd = tmp_path / "initrd"
    kind = "generic" if ARCH == "arm64" else linux.KIND  # the cloud's has no gpio_keys
    subprocess.run([*linux.TOOL, "--kernel", os.path.dirname(linux.kernel(kind)), initrd],
                   check=True)
    tane = linux.start("until ls -l /proc/[0-9]*/fd 2>&1 | grep -q event0; do usleep 50000; done;"
                       "echo listening; sleep 1000", initrd=initrd, kind=kind)
    tane.expect("listening")
    tane.signal(signal.SIGTERM)
    tane.expect("tane: power button pressed")
    assert tane.wait() == 0
    assert "did not power off" not in tane.error_text()


@button_arches
def test_deaf_kernel_ends_at_the_deadline():
    """Without the button's driver nobody hears it."""
    tane = linux.start("echo up; sleep 1000", "-c", "2")
    tane.expect("up")
    before = time.monotonic()
    tane.signal(signal.SIGINT)
    assert tane.wait(60) == 128 + signal.SIGINT
    assert time.monotonic() - before > 9
    assert "did not power off within 10 seconds" in tane.error_text()


@pytest.mark.arch("riscv64")
def test_no_power_button_means_now():
    """Debian's kernels have no driver for any that the machine could have."""
    tane = linux.start("echo up; sleep 1000")
    tane.expect("up")
    tane.signal(signal.SIGTERM)
    assert tane.wait(9) == 128 + signal.SIGTERM
    assert "power button" not in tane.error_text()


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
    tane = Tane("-k", linux.kernel(), "-i", linux.initramfs(), "-p", linux.QUIET,
                stdin="pipe")
    tane.send("echo $((6*7))\nexit\n")
    tane.process.stdin.close()
    tane.expect(r"^42\r*$")
    assert tane.wait() == 0
    assert "not found" not in tane.text()
