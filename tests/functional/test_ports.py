# SPDX-License-Identifier: BSD-2-Clause
"""The ports of the PC, from the guest's side: guest/monitor.c reads and writes them."""
import os
import re
import select
import time

import pytest

from tane import Tane, guest, monitor

pytestmark = pytest.mark.anykvm


def check(tane):
    assert (tane.status, tane.error_text()) == (0, "")


def ask(*commands, options=()):
    """The values that these commands read."""
    tane = monitor(*commands, options=options)
    check(tane)
    return tane.values


def test_unclaimed_ports_read_all_ones():
    assert ask("inb 123", "inw 123", "inl 123", "inb ffff", "inw ffff",
               "inl 5000") == [0xff, 0xffff, 0xffffffff, 0xff, 0xffff, 0xffffffff]


def test_unclaimed_writes_change_nothing():
    assert ask("outb 123 0", "outw 123 0", "outl 123 0", "inl 123") == [0xffffffff]


def test_string_input_reads_one_port():
    """The RTC's seconds and the absent port behind it are not mixed up."""
    tane = monitor("insb 123 8", "outb 70 d", "insb 71 4")
    check(tane)
    first, second = re.findall(r"insb =(.*)", tane.text())
    assert first.split() == ["ff"] * 8
    assert second.split() == ["80"] * 4  # register D: the time is valid


def test_string_output_moves_the_data():
    text = "".join(chr(33 + i % 90) for i in range(200))
    tane = monitor(f"outsb e9 {text}")
    check(tane)
    assert tane.text() == text


def test_debug_consoles():
    tane = monitor("inb 402", "inb e9", "outsb 402 one", "outsb e9 two")
    check(tane)
    assert tane.values == [0xe9, 0xe9]
    assert tane.text().endswith("onetwo")


def test_debug_console_takes_only_its_own_port():
    tane = monitor("outw e9 4241", "outb ea 43", "say .")
    check(tane)
    assert tane.text() == "A.\n"


def test_post_and_delay_ports():
    assert ask("outb 80 5a", "inb 80", "outb ed 1") == [0x5a]


def test_system_control_port():
    """Bits 0 and 1 can be set and cleared again; bit 4 is not stuck."""
    values = ask("outb 61 3", "inb 61", "outb 61 0", "inb 61", "outb 61 1", "inb 61",
                 "outb 61 2", "inb 61")
    assert [value & 3 for value in values] == [3, 0, 1, 2]


def test_timer_2_shows_in_bit_5():
    """What Linux calibrates the TSC with: mode 0, the output rises at the end."""
    once = ("outb 43 b0", "outb 42 ff", "outb 42 ff", "inb 61", "until 61 20 20", "inb 61")
    tane = monitor("outb 61 1", *once, *once)
    check(tane)
    assert tane.text().count("until = yes") == 2
    assert [value & 0x20 for value in tane.values] == [0, 0x20, 0, 0x20]


def test_rtc_time():
    """The time that the guest reads is ours, in UTC."""
    registers = (9, 8, 7, 4, 2, 0)  # year, month, day, hour, minute, second
    commands = [part for index in registers for part in (f"outb 70 {index:x}", "inb 71")]
    for _ in range(3):  # until it is not read across the turn of a second
        before = time.time()
        tane = monitor("outb 70 b", "inb 71", *commands, "outb 70 0", "inb 71")
        after = time.time()
        mode, *fields, again = tane.values
        if fields[-1] == again:
            break
    assert mode & 0x06 == 0x02  # BCD, 24 hours
    year, month, day, hour, minute, second = (int(f"{field:x}") for field in fields)
    shown = time.strptime(f"20{year:02} {month} {day} {hour} {minute} {second}",
                          "%Y %m %d %H %M %S")
    seconds = time.mktime(shown) - time.timezone
    assert before - 2 <= seconds <= after + 2


def test_rtc_memory_keeps_what_is_written():
    assert ask("outb 70 60", "outb 71 a5", "outb 70 61", "outb 71 5a", "outb 70 60",
               "inb 71", "outb 70 61", "inb 71") == [0xa5, 0x5a]


def test_rtc_index_and_data_by_one_word():
    assert ask("outw 70 c360", "outb 70 60", "inb 71") == [0xc3]


def test_rtc_tells_the_memory_size():
    """Bytes 34/35: 64 KiB units above 16 MiB, as QEMU has them."""
    low, high = ask("outb 70 34", "inb 71", "outb 70 35", "inb 71",
                    options=("-m", "256M"))
    assert low | high << 8 == (256 - 16) * 16


def test_mmio_hole_reads_all_ones():
    assert ask("rdb c0000000", "rdw d0000002", "rdl d0000004", "wrl d0000004 1234",
               "rdl d0000004", "rdb fffb0000") == [
        0xff, 0xffff, 0xffffffff, 0xffffffff, 0xff]


def test_pci_configuration():
    """The host bridge by ports and by ECAM; nobody else; and 0xcf9 in between is the reset
    register for a byte, though it is a part of PCI's for 32 bits."""
    bridge = 0x00081b36
    assert ask("outl cf8 80000000", "inl cf8", "inl cfc", "inw cfe", "inb cfd",
               "outl cf8 0", "inl cfc", "outl cf8 80000600", "inl cf8", "inl cfc",
               "inb cf8", "inb cf9", "outb cf9 2", "inb cf9", "inl cf8",
               "rdl e0000000", "rdw e0000002", "rdl e0008000", "rdl e0000100") == [
        0x80000000, bridge, 0x0008, 0x1b, 0xffffffff, 0x80000600, 0xffffffff,
        0xff, 0, 2, 0x80000600, bridge, 0x0008, 0xffffffff, 0xffffffff]


def test_pci_bars():
    """A virtio function, where we put it: sized, switched off, moved, beside the windows."""
    bar4 = "outl cf8 80000820"
    tane = monitor("outl cf8 80000800", "inl cfc", "outl cf8 80000804", "inw cfc",
                   bar4, "inl cfc", "rdl c0004014", "outl cfc ffffffff", "inl cfc",
                   "outl cfc c8000000", "inl cfc", "rdl c0004000", "rdb c8000014",
                   "outl cf8 80000804", "outw cfc 0", "rdb c8000014",
                   "outw cfc 2", "rdb c8000014", bar4, "outl cfc 0", "rdb c8000014",
                   "outl cfc 30000000", "rdb 30000014", options=("--rng",))
    values = tane.values
    assert tane.status == 0
    # Byte 0x14 is device_status: 0, a device that waits for its driver.
    assert values[0] == 0x10441af4 and values[1] == 3
    assert values[2] == 0xc0004004 and values[3] & 0xff == 0
    assert values[4:] == [0xffffc004, 0xc8000004, 0xffffffff, 0, 0xff, 0, 0xff, 0]


def test_beyond_ram_is_nothing():
    inside, outside = ask("wrl 7fffffc 12345678", "rdl 7fffffc", "rdl 8000000",
                          options=("-m", "128M"))
    assert (inside, outside) == (0x12345678, 0xffffffff)


def test_com1_loopback():
    lsr, data, empty, msr = ask(
        "outb 3fb 3", "outb 3fc 1e",  # 8 bits; loop, DTR off, RTS, OUT1, OUT2 on
        "outb 3f8 41", "inb 3fd", "inb 3f8", "inb 3fd", "inb 3fe", "outb 3fc 3")
    assert lsr & 0x61 == 0x61  # there is data, and room
    assert data == 0x41
    assert empty & 0x61 == 0x60
    assert msr & 0xf0 == 0xd0  # CTS, RI, DCD; no DSR


def test_loopback_prints_nothing():
    tane = monitor("outb 3fc 10", "outb 3f8 58", "outb 3fc 0", "com1 .")
    check(tane)
    assert bytes(tane.out) == b".\n"


def test_com1_divisor_and_scratch():
    assert ask("outb 3fb 83", "outb 3f8 1", "outb 3f9 0", "inb 3f8", "inb 3f9",
               "outb 3fb 3", "outb 3ff a5", "inb 3ff", "inb 3fb",
               "outb 3f9 0", "inb 3f9") == [1, 0, 0xa5, 3, 0]


def test_com1_is_a_16550a():
    """Bits 6 and 7 of IIR tell that FIFOs are there and work."""
    with_fifo, without = ask("outb 3fa 7", "inb 3fa", "outb 3fa 0", "inb 3fa")
    assert with_fifo & 0xc0 == 0xc0
    assert without & 0xc0 == 0


def test_com1_fifo_and_overrun():
    """In loopback 16 bytes fit; the 17th is lost and says so."""
    writes = [f"outb 3f8 {0x41 + i:x}" for i in range(17)]
    tane = monitor("outb 3fc 10", "outb 3fa 7", *writes, "inb 3fd", "inb 3fd",
                   "insb 3f8 10", "inb 3fd", "outb 3fc 0")
    check(tane)
    overrun, again, empty = tane.values
    assert overrun & 0x03 == 0x03
    assert again & 0x03 == 0x01  # reading LSR clears it
    assert empty & 0x01 == 0
    assert bytes.fromhex(re.search("insb =(.*)", tane.text())[1]) == b"ABCDEFGHIJKLMNOP"


def test_other_serial_ports_are_absent():
    assert ask(*(f"inb {base + offset:x}" for base in (0x2f8, 0x3e8, 0x2e8)
                 for offset in (0, 2, 5, 7))) == [0xff] * 12


def test_com2_into_a_file(tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    tane = monitor("inb 2fd", "outsb 2f8 to-the-file", "com1 to-the-terminal",
                   options=("--serial", f"2={log}"))
    check(tane)
    assert tane.values[0] & 0x60 == 0x60
    assert log.read_text() == "before\nto-the-file"  # appended
    assert "to-the-terminal" in tane.text() and "file" not in tane.text()


def test_com2_to_nowhere():
    tane = monitor("inb 2fd", "outsb 2f8 vanishes", "inb 2fd", options=("--serial", "2=null"))
    check(tane)
    assert [value & 0x60 for value in tane.values] == [0x60, 0x60]
    assert "vanishes" not in tane.text()


def test_all_four_ports(tmp_path):
    options = [part for n in (2, 3, 4) for part in ("--serial", f"{n}={tmp_path}/{n}")]
    tane = monitor("outsb 2f8 two", "outsb 3e8 three", "outsb 2e8 four", "com1 one",
                   options=options)
    check(tane)
    assert tane.text() == "one\n"
    assert [(tmp_path / name).read_text() for name in "234"] == ["two", "three", "four"]


def test_com2_on_a_pseudo_terminal():
    tane = Tane("-k", guest("monitor"), "--serial", "2=pty", "-p",
                "outsb 2f8 hello until 2fd 1 1 inb 2f8 say bye halt")
    tane.expect_error("tane: serial port 2 is /dev/")
    name = re.search(r"serial port 2 is (\S+)", tane.error_text())[1]
    fd = os.open(name, os.O_RDWR | os.O_NOCTTY)
    output = b""
    while len(output) < 5:
        assert select.select([fd], [], [], 30)[0]
        output += os.read(fd, 100)
    assert output == b"hello"
    os.write(fd, b"Z")
    tane.expect("inb 000002f8 = 5a")
    os.close(fd)
    tane.expect("bye")
    assert tane.cpu_seconds() < 20


def test_com2_as_console_with_com1_absent():
    tane = monitor("inb 3fd", "outsb 2f8 second", options=("--console", "none", "--serial",
                                                          "2=console"))
    check(tane)
    assert tane.values == [0xff]
    assert "second" in tane.text()


def test_no_console():
    """COM1 is absent; the debug console prints all the same."""
    tane = monitor("inb 3fd", "say words", options=("--console", "none"))
    check(tane)
    assert tane.values == [0xff]
    assert tane.text() == "inb 000003fd = ff\nwords\n"


def test_i8042():
    """It answers the self test and the test of the interface, as a PC's does."""
    tane = monitor("inb 64", "outb 64 aa", "until 64 1 1", "inb 60", "outb 64 ab",
                   "until 64 1 1", "inb 60")
    check(tane)
    status, self_test, interface = tane.values
    assert status != 0xff and status & 0x03 == 0
    assert (self_test, interface) == (0x55, 0)


def test_pm_timer_runs():
    first, second = ask("inl 608", "inl 608")
    assert 0 < (second - first) % 2**32 < 3579545 * 10


def test_tables_are_where_a_pc_has_them():
    """The EBDA's segment in the BIOS data area, "_MP_" at its beginning, "RSD "."""
    segment, mp, rsdp = ask("rdw 40e", "rdl 9fc00", "rdl e0000")
    assert segment == 0x9fc0
    assert mp.to_bytes(4, "little") == b"_MP_"
    assert rsdp.to_bytes(4, "little") == b"RSD "


def test_cpuid():
    tane = monitor("cpuid 1 0", "cpuid 40000000 0", "cpuid b 1", options=("-c", "4"))
    assert tane.status == 0  # stderr may warn that these are many CPUs for this host
    leaves = [[int(pair[i:i + 8], 16) for pair in line.split() for i in (0, 8)]
              for line in re.findall(r"cpuid =(.*)", tane.text())]
    one, hypervisor, topology = leaves
    assert one[2] >> 31 == 1  # a hypervisor is present
    assert one[1] >> 24 == 0  # the boot CPU's APIC ID
    assert one[1] >> 16 & 0xff == 4
    assert b"".join(hypervisor[i].to_bytes(4, "little") for i in (1, 2, 3)) == \
        b"KVMKVMKVM\0\0\0"
    assert topology[1] & 0xffff == 4
