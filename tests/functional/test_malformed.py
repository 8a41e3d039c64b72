# SPDX-License-Identifier: BSD-2-Clause
"""Kernels that are cut, patched or simply something else: refused with precise words.

They are made from Debian's own kernel, so that everything but the one wrong
thing is right.
"""
import functools
import os
import struct

import pytest

import linux
from tane import guest, run

pytestmark = pytest.mark.anykvm

# Offsets in a bzImage, Linux's x86/boot.rst.
SETUP_SECTS = 0x1f1
SYSSIZE = 0x1f4
BOOT_FLAG = 0x1fe
HEADER = 0x202
VERSION = 0x206
LOADFLAGS = 0x211
INITRD_ADDR_MAX = 0x22c
CMDLINE_SIZE = 0x238
PAYLOAD_OFFSET = 0x248
PAYLOAD_LENGTH = 0x24c


@functools.lru_cache(None)
def original(name):
    with open(linux.kernel("cloud", name), "rb") as file:
        return file.read()


@functools.lru_cache(None)
def payload_at():
    image = original("vmlinuz")
    sects = image[SETUP_SECTS]
    return (sects + 1) * 512 + struct.unpack_from("<I", image, PAYLOAD_OFFSET)[0]


def patched(name, *patches):
    """A copy of the file with (offset, bytes) put into it."""
    image = bytearray(original(name))
    for offset, data in patches:
        image[offset:offset + len(data)] = data
    return bytes(image)


def refused(tmp_path, image, *options):
    """What is said about this file as a kernel."""
    path = tmp_path / "kernel"
    path.write_bytes(image)
    tane = run("-k", path, *options)
    path.unlink()
    assert tane.status == 1
    assert bytes(tane.out) == b""
    text = tane.error_text()
    assert text.startswith(f'tane: kernel "{path}": ') and text.endswith("\n")
    assert text.count("\n") == 1
    return text.partition('": ')[2].rstrip("\n")


BZIMAGES = {
    "empty": (lambda: b"", "the file is empty"),
    "one byte": (lambda: b"M", "not a bzImage, ELF or multiboot file (--rom loads flat code)"),
    "text": (lambda: b"#!/bin/sh\n" * 1000,
             "not a bzImage, ELF or multiboot file (--rom loads flat code)"),
    "zeros": (lambda: bytes(100000),
              "not a bzImage, ELF or multiboot file (--rom loads flat code)"),
    "boot sector": (lambda: patched("vmlinuz", (HEADER, b"SrdH")),
                    'a boot sector without "HdrS" at 0x202: no Linux bzImage, or one older '
                    "than boot protocol 2.00"),
    "boot_flag": (lambda: patched("vmlinuz", (BOOT_FLAG, b"\0\0")),
                  "bzImage: boot_flag is 0x0000, not 0xaa55"),
    "old protocol": (lambda: patched("vmlinuz", (VERSION, b"\x05\x02")),
                     "bzImage: boot protocol 2.05 is too old, 2.06 (Linux 2.6.22) or newer "
                     "is needed"),
    "zImage": (lambda: patched("vmlinuz", (LOADFLAGS, b"\0")),
               "bzImage: it is a zImage (loaded low), not a bzImage"),
    "header only": (lambda: original("vmlinuz")[:0x260],
                    "bzImage: truncated: 608 bytes do not hold the setup header"),
    "half": (lambda: original("vmlinuz")[:5000000],
             "bzImage: truncated: its kernel takes "),
    "last byte missing": (lambda: original("vmlinuz")[:-100000],
                          "bzImage: truncated: its kernel takes "),
    "setup_sects 255": (lambda: patched("vmlinuz", (SETUP_SECTS, b"\xff")),
                        "bzImage: truncated: its kernel takes "),
    "syssize 0": (lambda: patched("vmlinuz", (SYSSIZE, bytes(4))),
                  "bzImage: truncated: its kernel takes 0 bytes"),
    "syssize wild": (lambda: patched("vmlinuz", (SYSSIZE, b"\xff" * 4)),
                     "bzImage: truncated: its kernel takes 68719476720 bytes"),
    "payload outside": (lambda: patched("vmlinuz", (PAYLOAD_OFFSET, b"\xff\xff\xff\x7f")),
                        "bzImage: its payload ("),
    "payload too long": (lambda: patched("vmlinuz", (PAYLOAD_LENGTH, b"\xff" * 4)),
                         "bzImage: its payload (4294967295 bytes at"),
    "payload damaged": (lambda: patched("vmlinuz", (payload_at() + 100000, bytes(5000))),
                        "bzImage: damaged: its payload unpacks to "),
    "payload cut": (lambda: patched("vmlinuz", (PAYLOAD_LENGTH, struct.pack("<I", 4000000))),
                    "bzImage: the lz4 payload is truncated"),
    "payload is gzip of nothing": (
        lambda: patched("vmlinuz", (payload_at(), b"\x1f\x8b\x08" + bytes(100))),
        "bzImage: the gzip payload is damaged"),
}


@pytest.mark.parametrize("name", BZIMAGES)
def test_bzimage(name, tmp_path):
    image, message = BZIMAGES[name]
    assert refused(tmp_path, image()).startswith(message)


def test_setup_sects_0_means_4(tmp_path):
    """Debian's kernel has more, so what runs or is refused then is not its code."""
    (tmp_path / "kernel").write_bytes(patched("vmlinuz", (SETUP_SECTS, b"\0")))
    tane = run("-k", tmp_path / "kernel")
    assert tane.status in (1, 125)
    assert tane.error_text().startswith("tane: ")


def test_command_line_too_long(tmp_path):
    said = refused(tmp_path, patched("vmlinuz", (CMDLINE_SIZE, struct.pack("<I", 100))),
                   "-p", "x" * 100)
    assert said == ("the command line has 114 bytes, this kernel takes at most 100")


def test_command_line_too_long_for_debians(tmp_path):
    said = refused(tmp_path, original("vmlinuz"), "-p", "x" * 3000)
    assert said == "the command line has 3014 bytes, this kernel takes at most 2047"


def test_kernel_beyond_ram(tmp_path):
    said = refused(tmp_path, original("vmlinuz"), "-m", "32M")
    assert said == ("bzImage: the lz4 payload unpacks to more than 32768 KiB: give the guest "
                    "more memory (--mem), unless it is no kernel")


def test_initrd_beyond_what_the_kernel_takes(tmp_path):
    """More memory would not help."""
    (tmp_path / "initrd").write_bytes(bytes(3 << 20))
    image = patched("vmlinuz", (INITRD_ADDR_MAX, struct.pack("<I", 0x1fffff)))
    (tmp_path / "kernel").write_bytes(image)
    tane = run("-k", tmp_path / "kernel", "-i", tmp_path / "initrd")
    assert tane.status == 1
    assert tane.error_text().endswith("below 0x1fffff, and it takes them nowhere else\n")


def test_vmlinux_beyond_ram(tmp_path):
    said = refused(tmp_path, original("vmlinux"), "-m", "32M")
    assert said.startswith("ELF program header 0: it needs memory up to 0x")
    assert said.endswith("the guest has 32 MiB: give it more memory (--mem)")


@pytest.mark.parametrize("size, memory", [(200 << 20, "192M"), (1 << 40, "1G")])
def test_initrd_beyond_ram(size, memory, tmp_path):
    with open(tmp_path / "initrd", "wb") as file:
        try:
            file.truncate(size)  # a sparse file
        except OSError:
            pytest.skip("no sparse files of this size here")
    tane = run("-k", linux.kernel("cloud"), "-i", tmp_path / "initrd", "-m", memory)
    assert tane.status == 1
    assert (f"initrd: {size} bytes do not fit beside the kernel in the guest's {memory}: "
            in tane.error_text())
    assert tane.error_text().endswith("give the guest more memory (--mem)\n")


# Offsets in an ELF64 header and its program headers.
E_TYPE, E_MACHINE, E_ENTRY, E_PHOFF, E_PHENTSIZE, E_PHNUM = 16, 18, 24, 32, 54, 56
P_OFFSET, P_PADDR, P_FILESZ, P_MEMSZ = 8, 24, 32, 40


def first_load():
    """The file offset of the first PT_LOAD's program header."""
    image = original("vmlinux")
    at, = struct.unpack_from("<Q", image, E_PHOFF)
    while struct.unpack_from("<I", image, at)[0] != 1:
        at += 56
    return at


def quad(value):
    return struct.pack("<Q", value)


ELFS = {
    "header cut": (lambda: original("vmlinux")[:10],
                   "truncated: an ELF file of 10 bytes"),
    "header cut later": (lambda: original("vmlinux")[:60],
                         "truncated: the ELF header takes 64 bytes, the file has 60"),
    "program headers cut": (lambda: original("vmlinux")[:80],
                            "ELF program headers at 0x40 ("),
    "segment cut": (lambda: original("vmlinux")[:10000000],
                    "ELF program header 0: 0x", "(truncated?)"),
    "relocatable": (lambda: patched("vmlinux", (E_TYPE, b"\1\0")),
                    "ELF type 1 is no executable (a relocatable object, a module or a core "
                    "dump does not boot)"),
    "arm64": (lambda: patched("vmlinux", (E_MACHINE, struct.pack("<H", 183))),
              "an arm64 kernel; this tane runs x86-64 guests"),
    "other CPU": (lambda: patched("vmlinux", (E_MACHINE, struct.pack("<H", 43))),
                  "ELF file is for machine 43, not for x86 (3 or 62)"),
    "big-endian": (lambda: patched("vmlinux", (5, b"\2")),
                   "ELF file is not little-endian: not for x86"),
    "class": (lambda: patched("vmlinux", (4, b"\3")), "ELF class 3 is neither 32 nor 64 bits"),
    "no program headers": (lambda: patched("vmlinux", (E_PHNUM, b"\0\0")),
                           "ELF file without program headers: not an executable"),
    "program header size": (lambda: patched("vmlinux", (E_PHENTSIZE, b"\1\0")),
                            "ELF program headers of 1 bytes (e_phentsize), not 56"),
    "program headers outside": (lambda: patched("vmlinux", (E_PHOFF, quad(2**63))),
                                "ELF program headers at 0x8000000000000000 ("),
    "wild address": (lambda: patched("vmlinux", (first_load() + P_PADDR, quad(2**64 - 4096))),
                     "ELF program header 0: segment at 0xfffffffffffff000 of 0x",
                     "wraps around the address space"),
    "wild size": (lambda: patched("vmlinux", (first_load() + P_MEMSZ, quad(2**62))),
                  "ELF program header 0: it needs memory up to 0x4000000001000000 (",
                  "give it more memory (--mem)"),
    "more in the file than in memory": (
        lambda: patched("vmlinux", (first_load() + P_MEMSZ, quad(1))),
        "ELF program header 0: segment at 0x1000000 has 0x", "but only 0x1 in memory"),
    "wild offset": (lambda: patched("vmlinux", (first_load() + P_OFFSET, quad(2**64 - 1))),
                    "ELF program header 0: 0x", "(truncated?)"),
    "overlap": (lambda: patched("vmlinux", (first_load() + 56 + P_PADDR, quad(0x1000000))),
                "ELF program header 1: segments overlap: 0x1000000 to 0x"),
    "in the firmware tables": (
        lambda: patched("vmlinux", (first_load() + P_PADDR, quad(0xe0000))),
        "a segment at 0xe0000 to 0x", "or link the kernel at 1 MiB or above"),
    "in the boot data": (
        lambda: patched("vmlinux", (first_load() + P_PADDR, quad(0x1000)),
                        (first_load() + P_FILESZ, quad(4096)),
                        (first_load() + P_MEMSZ, quad(4096)), (E_ENTRY, quad(0x1000))),
        "a segment at 0x1000 to 0x2000 lies where boot data is (below 0x30000)"),
    "entry nowhere": (lambda: patched("vmlinux", (E_ENTRY, quad(0x7000000000))),
                      "the entry 0x7000000000 lies in no loaded segment"),
}


@pytest.mark.parametrize("name", ELFS)
def test_elf(name, tmp_path):
    image, message, *rest = ELFS[name]
    said = refused(tmp_path, image(), "--boot", "linux")
    assert said.startswith(message)
    assert said.endswith("".join(rest))


@pytest.mark.parametrize("options, message", [
    (["--boot", "multiboot"], "a Linux bzImage offers no multiboot"),
    (["--boot", "multiboot", "ELF"], "no multiboot header in its first 8 KiB"),
    (["--boot", "pvh", "MONITOR"], "it has no PVH entry (no ELF note "
                                   "XEN_ELFNOTE_PHYS32_ENTRY): was the kernel built with "
                                   "CONFIG_PVH?"),
])
def test_boot_choice_that_the_image_does_not_offer(options, message, tmp_path):
    image = original("vmlinuz")
    if options[-1] == "ELF":
        image = original("vmlinux")
    elif options[-1] == "MONITOR":
        with open(guest("monitor"), "rb") as file:
            image = file.read()
    assert refused(tmp_path, image, *options[:2]) == message


def multiboot(**changes):
    """The monitor with another multiboot header."""
    with open(guest("monitor"), "rb") as file:
        image = bytearray(file.read())
    at = image.index(struct.pack("<II", 0x1BADB002, 3))
    flags = changes.get("flags", 3)
    checksum = changes.get("checksum", -(0x1BADB002 + flags) & 0xffffffff)
    struct.pack_into("<III", image, at, 0x1BADB002, flags, checksum)
    return bytes(image)


@pytest.mark.parametrize("changes, message", [
    ({"checksum": 1}, "magic, flags and checksum do not add up to zero"),
    ({"flags": 0x8003}, "it requires features that tane does not have (flags 0x8000)"),
])
def test_multiboot_header(changes, message, tmp_path):
    said = refused(tmp_path, multiboot(**changes), "--boot", "multiboot")
    assert said.startswith("multiboot header")
    assert message in said


def test_32_bit_elf_that_offers_nothing(tmp_path):
    """Neither a header nor a note tells how it wants to be entered."""
    image = multiboot().replace(struct.pack("<I", 0x1BADB002), bytes(4))
    said = refused(tmp_path, image)
    assert said == ("a 32-bit ELF file without PVH entry or multiboot header (--boot linux "
                    "takes it for a 32-bit Linux)")


def test_multiboot_header_flat(tmp_path):
    """No ELF file and no addresses: nobody knows where it goes."""
    header = struct.pack("<III", 0x1BADB002, 0, -0x1BADB002 & 0xffffffff)
    said = refused(tmp_path, b"\0" * 16 + header + bytes(100))
    assert said == ("multiboot header: neither addresses (flag 16) nor an ELF file tell where "
                    "the kernel goes")


def test_rom_is_empty():
    tane = run("--rom", os.devnull)
    assert tane.status == 1
    assert tane.error_text() == 'tane: rom "/dev/null": not a regular file\n'


def test_rom_of_no_bytes(tmp_path):
    (tmp_path / "rom").write_bytes(b"")
    tane = run("--rom", tmp_path / "rom")
    assert (tane.status, tane.error_text()) == (
        1, f'tane: rom "{tmp_path}/rom": the file is empty\n')


def test_rom_larger_than_memory(tmp_path):
    (tmp_path / "rom").write_bytes(bytes(8192))
    tane = run("--rom", tmp_path / "rom", "-m", "4K")
    assert tane.status == 1
    assert "8192 bytes at 0x0 do not fit the guest's memory of 4096 bytes" in tane.error_text()
