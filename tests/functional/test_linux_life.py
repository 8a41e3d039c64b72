# SPDX-License-Identifier: BSD-2-Clause
"""How Linux ends a machine, and what it does at the console."""
import hashlib
import re
import signal

import linux
from tane import Tane


def shell(*options, stdin="pty", params="quiet", **more):
    """A shell at the console, with the prompt "READY> "."""
    tane = Tane("-k", linux.kernel("cloud"), "-i", linux.initramfs(), "-p", params, *options,
                stdin=stdin, **more)
    tane.expect("tane: init up")
    tane.expect(r"# ")
    tane.send("PS1='READY''> '\n")
    tane.expect("READY> ")
    return tane


def test_reboot_is_real():
    """The machine begins anew: another boot ID, and RAM holds nothing of the old one."""
    tane = shell("-c", "2")
    tane.send("cat /proc/sys/kernel/random/boot_id; nproc; touch /run/old\n")
    first = tane.expect(r"\n([0-9a-f-]{36})\r*\n2\r*\n")[1]
    tane.expect("READY> ")
    tane.send("reboot -f\n")
    tane.expect("tane: init up")
    tane.expect("# ")
    tane.send("cat /proc/sys/kernel/random/boot_id; nproc; ls /run/old; uptime\n")
    second = tane.expect(r"\n([0-9a-f-]{36})\r*\n2\r*\n")[1]
    assert first != second
    tane.expect("No such file")
    tane.send("poweroff -f\n")
    assert tane.wait() == 0


def test_no_reboot():
    assert linux.run("reboot -f", "--no-reboot").status == 0


def test_sysrq_b_reboots_at_once():
    tane = linux.run("echo 1 >/proc/sys/kernel/sysrq; echo b >/proc/sysrq-trigger; sleep 60",
                     "--no-reboot")
    assert tane.status == 0


def test_panic_ends_a_machine_that_may_not_reboot():
    tane = linux.run("echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60",
                     "--no-reboot")
    assert tane.status == 0
    assert "Kernel panic - not syncing: sysrq triggered crash" in tane.text()


def test_power_button_reaches_linux():
    """SIGTERM is the power button; a guest that acts on it ends with 0."""
    script = """
        insmod /button.ko
        before=$(grep acpi$ /proc/interrupts | tr -s ' ' | cut -d' ' -f3)
        echo waiting
        while :; do
            now=$(grep acpi$ /proc/interrupts | tr -s ' ' | cut -d' ' -f3)
            [ "$now" = "$before" ] || break
            usleep 20000
        done
        echo pressed
    """
    tane = linux.start(script, "-i", linux.modules("cloud", "button"))
    tane.expect("waiting")
    tane.signal(signal.SIGTERM)
    tane.expect("pressed")
    assert tane.wait() == 0


def test_typing_and_keys():
    tane = shell()
    tane.send("echo $((6 * 7))\n")
    tane.expect(r"\n42\r*\n")
    # Ctrl-C reaches the guest's foreground job, not us.
    tane.send("sleep 1000; echo status $?\n")
    tane.expect("echo status")
    tane.send("\x03")
    tane.expect("READY> ")
    # Ctrl-a twice is one Ctrl-a; od shows it.
    # (Long lines are broken by the shell's line editor, hence the variable.)
    tane.send("S='stty -icanon -echo'\n")
    tane.expect("READY> ")
    tane.send("$S; echo G''O; head -c 3 | od -An -tx1\n")
    tane.expect(r"GO\r*\n")
    tane.send("a\x01\x01b")
    tane.expect("61 01 62")
    tane.send("\x01h")
    tane.expect_error("Ctrl-a x")
    tane.send("\x01x")
    assert tane.wait() == 0
    assert tane.settings_after == tane.settings


def test_10_kb_pasted_at_once():
    data = bytes(32 + i * 7 % 90 for i in range(10000))
    tane = shell()
    tane.send("stty raw -echo; echo G''O; head -c 10000 >/tmp/x\n")
    tane.expect(r"GO\r*\n")
    tane.send(data)
    tane.expect("READY> ")
    tane.send("stty sane; md5sum /tmp/x\n")
    tane.expect(hashlib.md5(data).hexdigest())
    tane.send("poweroff -f\n")
    assert tane.wait() == 0


def test_end_of_input_is_not_the_end():
    """A guest goes on without input, and nothing spins."""
    tane = linux.start("echo one; sleep 3; echo two", stdin="pipe")
    tane.expect("one")
    tane.process.stdin.close()
    before = tane.cpu_seconds()
    tane.expect("two")
    assert tane.cpu_seconds() - before < 2.5
    assert tane.wait() == 0


def test_a_script_by_pipe():
    """No terminal anywhere: commands go in, answers come out."""
    tane = Tane("-k", linux.kernel("cloud"), "-i", linux.initramfs(), "-p", "quiet",
                stdin="pipe")
    tane.expect("# ")
    tane.send("expr 20 + 22; exit\n")
    assert tane.wait() == 0
    assert re.search(r"^42$", tane.text(), re.M)


def test_two_machines_side_by_side():
    first, second = linux.start("echo first; read x; echo got $x", stdin="pipe"), \
        linux.start("echo second; read x; echo got $x", stdin="pipe")
    first.expect("first\r?\n")
    second.expect("second\r?\n")
    second.send("two\n")
    first.send("one\n")
    first.expect("got one")
    second.expect("got two")
    assert (first.wait(), second.wait()) == (0, 0)


def test_com2_in_linux(tmp_path):
    log = tmp_path / "com2"
    text = "all the way to a file"
    tane = linux.run(f"echo {text} >/dev/ttyS1; stty -F /dev/ttyS1 speed >/dev/null; "
                     "grep -c 16550A /proc/tty/driver/serial", "--serial", f"2={log}")
    assert tane.status == 0
    assert log.read_bytes().strip() == text.encode()
    assert re.search(r"^2$", tane.text(), re.M)


def test_without_a_console():
    tane = linux.run("cat /proc/tty/driver/serial >/dev/null", "--console", "none")
    assert tane.status == 0
    assert tane.out == b""


def test_crash_of_the_guest_is_told():
    """A triple fault: status 125 and the registers."""
    tane = linux.run("echo 1 >/proc/sys/kernel/sysrq; echo b >/proc/sysrq-trigger; sleep 60",
                     params="reboot=t")
    assert tane.status == 125
    assert "triple fault" in tane.error_text()
    assert re.search(r"rip [0-9a-f]{16}", tane.error_text())
