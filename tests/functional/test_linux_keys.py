# SPDX-License-Identifier: BSD-2-Clause
"""Linux's drivers at the keyboard controller, and keys from a script that arrive there."""
import linux
from tane import DEADLINE, PROGRAM, Tane

# For `a`, the cursor key and Caps Lock, down and up, it gets three events each.
SCRIPT = r"""
dmesg | grep i8042:
event=$(grep -A 5 'AT Translated Set 2' /proc/bus/input/devices |
	sed -n 's/^H: .*\(event[0-9]*\).*/\1/p')
led=$(echo /sys/class/leds/input*::capslock)
echo "caps lock is $(cat $led/brightness)"
exec 3</dev/input/$event
echo ready
dd bs=24 count=18 <&3 2>/dev/null | od -An -v -tu2 -w24 |
	awk '$9 == 1 { print "key", $10, $11 }'
until [ "$(cat $led/brightness)" = 1 ]; do :; done
echo "caps lock is 1"
grep ' 1:' /proc/interrupts
"""


def test_keys_and_leds():
    """Firmware's tables tell of keyboard and mouse; keys come, and a LED goes on."""
    added, words = linux.additions("generic", "evdev", ())
    keys = [f"key {code} {value}" for code in (30, 103, 58) for value in (1, 0)]
    expected = [r"i8042: PNP: PS/2 Controller \[PNP0303:KBD,PNP0f13:MOU\] at 0x60,0x64 irq 1,12",
                "^caps lock is 0", "^ready", *(f"^{key}$" for key in keys), "^caps lock is 1",
                "IO-APIC +1-edge +i8042"]
    judge = Tane(command=[
        PROGRAM, "test", "--bios", "-k", linux.kernel("generic"), "-i", linux.initramfs(),
        *added, "-p", linux.parameters(SCRIPT, words), "--timeout", str(DEADLINE),
        *(word for line in expected[:3] for word in ("--expect", "@serial " + line)),
        "--send", "@keys a<up><caps>",
        *(word for line in expected[3:] for word in ("--expect", "@serial " + line)),
        "--expect-end", "poweroff"])
    assert judge.wait(2 * DEADLINE) == 0


def test_direct_boots_do_not_probe():
    """No table tells of the controller, so the kernel does not touch it."""
    machine = linux.run('echo "ports: $(ls /sys/bus/serio/devices | wc -l)"', "--stats",
                        kind="generic")
    assert machine.status == 0
    assert "ports: 0\n" in machine.text()
    assert "mc146818" in machine.error_text() and "i8042" not in machine.error_text()
