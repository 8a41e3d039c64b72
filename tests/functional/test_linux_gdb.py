# SPDX-License-Identifier: BSD-2-Clause
"""gdb and a Linux that runs: Debian's kernel has no symbols, /proc/kallsyms tells where
things are."""
import re

import linux
from test_gdb import debug


def test_stop_look_break_and_leave():
    tane = linux.shell("-c", "2", "-m", "256M", "--gdb", "0,nowait", stdin="pipe")
    names = ["linux_banner", "schedule_idle"]
    tane.send("grep -wE '" + "|".join(names) + "' /proc/kallsyms; uname -r\n")
    at = dict((name, address) for address, name in
              re.findall(r"^([0-9a-f]{16}) \w (\w+)$",
                         tane.expect(r"(?:^\w{16} \w \w+\s+)+^[\d.]+-\S+$")[0]
                         .decode().replace("\r", ""), re.M))
    tane.expect(linux.PROMPT)
    address = tane.expect_error_match(r"target remote (\S+)").group(1)
    # By steps it would take too long to get there.
    has_breakpoints = "no breakpoints" not in tane.error_text()

    # A CPU that is idle wakes for its timer, and for what it is waiting for.
    there = [f"break *0x{at['schedule_idle']}", "continue", "stepi", "delete"]
    text = debug(tane, "info threads", f"x/s 0x{at['linux_banner']}", "print $cr0",
                 "thread 2", f"x/i 0x{at['schedule_idle']}", "print $cr4",
                 *(there if has_breakpoints else []), "detach", address=address)
    assert len(re.findall(r"Thread \d \(CPU \d, long mode", text)) >= 2
    assert '"Linux version ' in text
    assert re.search(r"\[ PE MP ET NE WP AM PG \]", text)
    assert re.search(rf"0x{at['schedule_idle']}:\t\w+", text)
    assert re.search(r"\[ .*PAE .*OSFXSR .*\]", text)
    if has_breakpoints:
        assert re.search(rf"hit Breakpoint 1, 0x{at['schedule_idle']} in", text)
    assert "detached" in text
    tane.send("echo woken $((6 * 7))\n")
    tane.expect("woken 42")
    tane.send("poweroff -f\n")
    assert tane.wait() == 0
