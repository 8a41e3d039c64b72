# SPDX-License-Identifier: BSD-2-Clause
"""IDE with Linux's own drivers, ata_piix, sd and sr: what was written by DMA or by PIO is
on the host, discs read as they are, and what goes wrong stays an I/O error."""
import contextlib
import hashlib
import os
import re

import pytest

import linux
from test_linux_disk import MIB, host, mounted, pattern, sparse, tree

GIB = 1 << 30
LOAD = "ata_piix sd_mod sr_mod"
# What the kernel says when a drive does not behave.
COMPLAINTS = re.compile(r"ata\d+(?:\.\d\d)?: (?:.*(?:failed|timeout|error|exception|frozen|lost|"
                        r"revalidation|limiting|slow).*)|I/O error|EXT4-fs error", re.I)


def complaints(text):
    return [line for line in text.splitlines() if COMPLAINTS.search(line)]


def text_of(machine):
    return machine.out.decode(errors="replace").replace("\r", "")


def make_iso(folder, path):
    host("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "TANE", "-o", path, folder)
    return path


FILES_SCRIPT = """
mkdir /m; mount -t ext4 /dev/sda /m || echo FAIL mount
cd /m
md5sum -c -s host.md5 || echo FAIL host files
mkdir -p guest/deep
dd if=/dev/urandom of=guest/deep/random bs=4k count=BLOCKS 2>/dev/null
seq 2000 > guest/numbers
cp -r host guest/copy
rm -r host/0
sync
echo 3 > /proc/sys/vm/drop_caches
find . -type f -exec md5sum {} + | sed "s/^/MD5 /"
cd /; umount /m || echo FAIL umount
mount -t iso9660 /dev/sr0 /m || echo FAIL mount disc
(cd /m && find . -type f -exec md5sum {} + | sed "s/^/DISC /")
umount /m
echo "raw $(dd if=/dev/sr0 bs=64k 2>/dev/null | md5sum)"
echo "modes" $(cat /sys/class/ata_device/dev[12].0/xfer_mode)
dmesg
"""


# KVM makes an exit of each word of a "rep outs", so little is written by PIO.
@pytest.mark.parametrize("params, says, blocks", [
    ("", "XFER_MW_DMA_2", 400),
    ("libata.dma=0", "XFER_PIO_4", 8),
], ids=["dma", "pio"])
def test_files(params, says, blocks, tmp_path):
    disk, iso = sparse(tmp_path / "disk", 96 * MIB), tmp_path / "disc.iso"
    host("mkfs.ext4", "-q", disk)
    with mounted(disk, "ext4", tmp_path / "m") as folder:
        os.mkdir(folder / "host")
        for i in range(4):
            (folder / "host" / str(i)).write_bytes(pattern(i * blocks * 125 + 100, i))
        sums = "".join(f"{digest}  {path}\n" for path, digest in tree(folder).items())
        (folder / "host.md5").write_text(sums)
        content = tree(folder / "host")
        make_iso(folder / "host", iso)

    machine = linux.run(FILES_SCRIPT.replace("BLOCKS", str(blocks)),
                        "-d", f"{disk},if=ide", "--cdrom", iso,
                        load=f"{LOAD} ext4 isofs", params=params, seconds=800)
    out = text_of(machine)
    assert machine.status == 0
    assert "FAIL" not in out, out
    assert complaints(out) == []
    assert f"modes {says} {says}\n" in out, out
    host("e2fsck", "-fn", disk)
    seen = {path: digest for digest, path in re.findall(r"^MD5 ([0-9a-f]+)  \./(.*)$", out, re.M)}
    with mounted(disk, "ext4", tmp_path / "m", "loop,ro") as folder:
        assert tree(folder) == seen
        assert "guest/deep/random" in seen and "host/0" not in seen
    disc = {path: digest for digest, path in
            re.findall(r"^DISC ([0-9a-f]+)  \./(.*)$", out, re.M)}
    assert disc == content
    assert f"raw {hashlib.md5(iso.read_bytes()).hexdigest()}" in out
    assert b'disk "' not in machine.err, machine.err.decode()


# Linux names disks in any order: this finds one by its sectors.
FIND = """
disk()
{
	for name in sda sdb sdc; do
		[ "$(cat /sys/block/$name/size)" = "$1" ] && echo /dev/$name
	done
}
"""

DRIVES_SCRIPT = FIND + """
large=$(disk 419430400)
for d in sda sdb sdc; do
	echo "$d $(cat /sys/block/$d/size) $(cat /sys/block/$d/queue/physical_block_size)" \
		"$(cat /sys/block/$d/device/model)"
done
hdparm -I $large || echo FAIL
hdparm -C $large
hdparm -W0 $large
hdparm -W $large
hdparm -y $large
hdparm -C $large
echo "at 140 GB" | dd of=$large bs=1M seek=140000 conv=notrunc,fsync 2>/dev/null || echo FAIL
echo 3 > /proc/sys/vm/drop_caches
dd if=$large bs=1M skip=140000 count=1 2>/dev/null | head -n 1
last=$((419430400 / 8 - 1))
echo "at the end" | dd of=$large bs=4k seek=$last conv=notrunc,sync,fsync 2>/dev/null || echo FAIL
dmesg | tail -n 40
"""


def test_drives(tmp_path):
    """Four drives, one of them beyond what 28 bits can address, and what they say."""
    large = sparse(tmp_path / "large", 200 * GIB)
    names = [sparse(tmp_path / name, 3 * MIB) for name in "bc"]
    iso = tmp_path / "disc.iso"
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a").write_text("a\n")
    make_iso(tmp_path / "files", iso)
    machine = linux.run(DRIVES_SCRIPT, "-d", f"{large},if=ide,id=NUMBER1",
                        "-d", f"{names[0]},if=ide", "-d", f"{names[1]},if=ide", "--cdrom", iso,
                        load=LOAD, programs=["hdparm"], seconds=800)
    out = text_of(machine)
    assert machine.status == 0
    assert "FAIL" not in out, out
    assert complaints(out) == []
    sizes = sorted(int(size) for size in re.findall(r"^sd[abc] (\d+) 4096 tane disk", out, re.M))
    assert sizes == [3 * MIB // 512, 3 * MIB // 512, 200 * GIB // 512]
    for line in (r"Model Number:\s+tane disk", r"Serial Number:\s+NUMBER1",
                 r"LBA48\s+user addressable sectors:\s+419430400", r"\*\s+48-bit Address",
                 r"\*\s+Mandatory FLUSH_CACHE", r"Checksum: correct"):
        assert re.search(line, out), (line, out)
    assert re.search(r"drive state is:\s+active/idle", out)
    assert re.search(r"write-caching =\s+0 \(off\)", out)
    assert re.search(r"drive state is:\s+standby", out)
    with open(large, "rb") as file:
        file.seek(140000 * MIB)
        assert file.read(10) == b"at 140 GB\n"
        file.seek(200 * GIB - 4096)
        assert file.read(11) == b"at the end\n"


ERRORS_SCRIPT = FIND + """
full=$(disk 65536); kept=$(disk 2048); cut=$(disk 8192)
dd if=/dev/zero of=$full bs=512k count=9 conv=fsync 2>/dev/null && echo FAIL no error
dd if=/dev/zero of=$kept bs=4k count=1 conv=fsync 2>/dev/null && echo FAIL written
dd if=$kept bs=4k count=1 2>/dev/null | head -c 7
echo; echo READY
read line
dd if=$cut bs=4k skip=600 count=1 2>/dev/null >/dev/null && echo FAIL read
dd if=$cut bs=4k count=1 2>/dev/null | head -c 6
echo; dmesg | grep -E "I/O error|UNC|ABRT"
"""


def test_errors(tmp_path):
    """The host has no room, lets nobody write, or has lost the end of the image."""
    small = tmp_path / "small"
    small.mkdir()
    with contextlib.ExitStack() as stack:
        host("mount", "-t", "tmpfs", "-o", "size=4M", "tmpfs", small)
        stack.callback(host, "umount", small)
        full = sparse(small / "full", 32 * MIB)
        kept, cut = tmp_path / "kept", tmp_path / "cut"
        kept.write_bytes(b"as ever".ljust(MIB, b"\0"))
        cut.write_bytes(b"begins".ljust(4 * MIB, b"\0"))
        machine = linux.start(ERRORS_SCRIPT, "-d", f"{full},if=ide", "-d", f"{kept},if=ide,ro",
                              "-d", f"{cut},if=ide", load=LOAD, stdin="pty")
        machine.expect("READY", 800)
        os.truncate(cut, MIB)
        machine.send("\n")
        machine.status = machine.wait(800)
    out = text_of(machine)
    assert machine.status == 0
    assert "FAIL" not in out, out
    assert "as ever" in out and "begins" in out
    failed = re.findall(r"I/O error, dev (sd[abc]), sector \d+ op 0x[01]:\((WRITE|READ)\)", out)
    assert len({name for name, op in failed if op == "WRITE"}) == 2, out
    assert len({name for name, op in failed if op == "READ"}) == 1, out
    assert kept.read_bytes().startswith(b"as ever")
    errors = machine.err.decode()
    assert f'disk "{full}": write of' in errors and "No space left on device" in errors
    assert f'disk "{cut}": read of' in errors
