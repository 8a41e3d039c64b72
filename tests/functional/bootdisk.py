# SPDX-License-Identifier: BSD-2-Clause
"""Disks that a PC boots from, made as a user and without mounting anything.

grub_disk()      an MBR, and an ext3 partition at sector 63 with /boot/grub and the files
grub_iso()       a CD-ROM with El Torito, by grub-mkrescue
grub_floppy()    GRUB with the files in its memory disk, in the first tracks
syslinux_disk()  an MBR and a FAT16 partition with SYSLINUX and the files

Files are {path on the disk: path here}. GRUB, SYSLINUX and mtools are Debian's.
"""
import os
import shutil
import struct
import subprocess

GRUB = "/usr/lib/grub/i386-pc"
MBR = "/usr/lib/syslinux/mbr/mbr.bin"
SECTOR = 512
START = 63  # of the partition, where DOS put it and VMkit's README has it
FLOPPY_SIZE = 1440 << 10
PARTITIONS = 0x1be  # of the MBR

# On the serial port alone, at once, and without the colours of a menu.
GRUB_HEAD = """serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=0
set pager=0
"""


def call(*command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                          errors="replace", check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}"


def fill(folder, files):
    """A folder with these files."""
    for path, source in files.items():
        to = os.path.join(folder, path.lstrip("/"))
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copyfile(source, to)
    return folder


def write_at(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def partition(kind, start, sectors):
    """An entry of the partition table: active, and only LBA counts."""
    return struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start, sectors)


def grub_core(path, *options):
    call("grub-mkimage", "-O", "i386-pc", "-o", path, *options)
    with open(path, "rb") as file:
        return file.read()


def grub_boot_sector():
    """boot.img loads the core from sector 1, as it stands."""
    with open(f"{GRUB}/boot.img", "rb") as file:
        return file.read()


def grub_disk(tmp_path, files, config, mib=64):
    tree = fill(tmp_path / "tree", files)
    modules = tree / "boot/grub/i386-pc"
    shutil.copytree(GRUB, modules)
    (tree / "boot/grub/grub.cfg").write_text(GRUB_HEAD + config)
    core = grub_core(tmp_path / "core", "-p", "(hd0,msdos1)/boot/grub", "biosdisk",
                     "part_msdos", "ext2")
    assert len(core) <= (START - 1) * SECTOR, "the core does not fit before the partition"
    disk = tmp_path / "disk"
    sectors = (mib << 20) // SECTOR - START
    disk.write_bytes(b"")
    os.truncate(disk, mib << 20)
    call("mke2fs", "-q", "-t", "ext3", "-d", tree, "-E", f"offset={START * SECTOR}", disk,
         f"{sectors // 2}k")
    write_at(disk, 0, grub_boot_sector()[:PARTITIONS])
    write_at(disk, PARTITIONS, partition(0x83, START, sectors) + bytes(48) + b"\x55\xaa")
    write_at(disk, SECTOR, core)
    return disk


def grub_iso(tmp_path, files, config):
    tree = fill(tmp_path / "tree", files)
    (tree / "boot/grub").mkdir(parents=True, exist_ok=True)
    (tree / "boot/grub/grub.cfg").write_text(GRUB_HEAD + config)
    iso = tmp_path / "iso"
    call("grub-mkrescue", "-d", GRUB, "-o", iso, tree)
    return iso


def grub_floppy(tmp_path, files, config):
    tree = fill(tmp_path / "tree", files)
    (tree / "boot/grub").mkdir(parents=True, exist_ok=True)
    (tree / "boot/grub/grub.cfg").write_text(GRUB_HEAD + config)
    call("tar", "-cf", tmp_path / "tar", "-C", tree, ".")
    core = grub_core(tmp_path / "core", "-p", "(memdisk)/boot/grub", "-m", tmp_path / "tar",
                     "memdisk", "tar", "biosdisk", "normal", "configfile", "serial",
                     "terminal", "multiboot", "boot", "echo")
    floppy = tmp_path / "floppy"
    # The end of a boot sector of a floppy is GRUB's own code to look for the drive.
    floppy.write_bytes((grub_boot_sector() + core).ljust(FLOPPY_SIZE, b"\0"))
    assert os.stat(floppy).st_size == FLOPPY_SIZE
    return floppy


def syslinux_disk(tmp_path, files, config, mib=64):
    disk = tmp_path / "disk"
    sectors = (mib << 20) // SECTOR - START
    disk.write_bytes(b"")
    os.truncate(disk, mib << 20)
    call("mkfs.vfat", "-F", "16", "--offset", START, "-h", START, disk, sectors // 2)
    (tmp_path / "syslinux.cfg").write_text("SERIAL 0 115200\n" + config)
    drive = f"{disk}@@{START * SECTOR}"
    for path, source in {"syslinux.cfg": tmp_path / "syslinux.cfg", **files}.items():
        call("mcopy", "-i", drive, source, f"::{path.lstrip('/')}")
    call("syslinux", "--install", "--offset", START * SECTOR, disk)
    with open(MBR, "rb") as file:
        write_at(disk, 0, file.read())
    write_at(disk, PARTITIONS, partition(0x06, START, sectors) + bytes(48) + b"\x55\xaa")
    return disk
