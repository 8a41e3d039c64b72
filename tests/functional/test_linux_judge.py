# SPDX-License-Identifier: BSD-2-Clause
"""A judge at the consoles of a Linux guest."""
import linux
from marks import every_arch
from tane import PROGRAM, Tane


def judge(*args, load=()):
    """`tane test` with a guest that offers a shell."""
    added, words = linux.additions(linux.KIND, load, ())
    tane = Tane(command=[PROGRAM, "test", "-k", linux.kernel(), "-i", linux.initramfs(),
                         *added, "-p", f"{linux.QUIET} {words}", *args, "--reject", "Oops|panic",
                         "--timeout", "4m"])
    return tane, tane.wait(300)


@every_arch
def test_log_in_and_power_off():
    """Prompts have no end of line, and a shell echoes what is typed."""
    tane, status = judge("--expect", "tane: init up", "--expect", f"@serial {linux.PROMPT}$",
                         "--send", "echo a$((6 * 7))b<enter>", "--expect", "^a42b$",
                         "--expect", "# $", "--send", "exit\\n", "--expect-end", "poweroff")
    assert (status, tane.text()) == (0, "")


@every_arch
def test_hvc0():
    tane, status = judge("--console", "virtio", "--expect", f"@hvc0 {linux.PROMPT}$",
                         "--send", "echo a$((6 * 7))b<enter>", "--expect", "^a42b$",
                         load=linux.VIRTIO)
    assert (status, tane.text()) == (0, "")
