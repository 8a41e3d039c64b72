# SPDX-License-Identifier: BSD-2-Clause
"""Disks with Debian's drivers and file systems: what the guest wrote is on the host,
what the host wrote is in the guest, and what goes wrong stays an I/O error."""
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess

import pytest

import linux
import tane
from marks import every_arch, x86_only

MIB = 1 << 20
TRANSPORTS = ["pci", "mmio", pytest.param("pci,ring=packed", marks=x86_only)]
LOAD = "virtio_pci virtio_mmio virtio_blk"
FILE_SYSTEMS = {
    "ext4": (["mkfs.ext4", "-q"], ["e2fsck", "-fn"]),
    "ext3": (["mkfs.ext3", "-q"], ["e2fsck", "-fn"]),
    "xfs": (["mkfs.xfs", "-q"], ["xfs_repair", "-n"]),
}
NAMES = "abcdefghijkl"


def host(*command):
    """Run a command of the host; its output."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, env={**os.environ, "PATH": os.environ["PATH"] +
                                            ":/usr/sbin:/sbin"})
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}"
    return done.stdout


def sparse(path, size):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def pattern(size, seed):
    """Bytes that repeat nowhere near a block."""
    blocks = (hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(size // 32 + 1))
    return b"".join(blocks)[:size]


@contextlib.contextmanager
def mounted(image, kind, folder, options="loop"):
    os.makedirs(folder, exist_ok=True)
    host("mount", "-t", kind, "-o", options, image, folder)
    try:
        yield folder
    finally:
        host("umount", folder)


def tree(folder):
    """{path: MD5} of all files below a folder."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, "rb") as file:
                digest = hashlib.md5(file.read()).hexdigest()
            found[os.path.relpath(path, folder)] = digest
    return found


def taken(path):
    return os.stat(path).st_blocks * 512


FILES_SCRIPT = """
cd /; mkdir m
for pair in vda:ext4 vdb:ext3 vdc:xfs; do
	dev=${pair%:*}; kind=${pair#*:}
	mount -t $kind /dev/$dev /m || echo "FAIL mount $kind"
	cd /m
	md5sum -c -s host.md5 || echo "FAIL $kind: files of the host"
	mkdir -p guest/deep/er
	seq 50000 > guest/numbers
	dd if=/dev/urandom of=guest/deep/er/random bs=64k count=12 2>/dev/null
	dd if=/dev/urandom of=guest/sparse bs=4k seek=5000 count=3 2>/dev/null
	cp -r host guest/copy
	dd if=/dev/zero of=gone bs=1M count=6 2>/dev/null
	sync
	rm -r gone host/0
	mv host/1 guest/moved
	echo "more" >> guest/moved
	sync
	fstrim /m || echo "FAIL $kind: fstrim"
	echo 3 > /proc/sys/vm/drop_caches
	find . -type f -exec md5sum {} + | sed "s/^/MD5 $kind /"
	cd /
	umount /m || echo "FAIL $kind: umount"
done
dmesg | grep -E "I/O error|EXT4-fs error|XFS.*(corrupt|error)" | sed "s/^/FAIL /"
"""


@every_arch
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_file_systems(transport, tmp_path):
    """ext4, ext3 and xfs, made here, used there, checked here."""
    options = []
    for kind, (mkfs, _) in FILE_SYSTEMS.items():
        image = sparse(tmp_path / kind, 320 * MIB)
        host(*mkfs, image)
        with mounted(image, kind, tmp_path / "m") as folder:
            os.mkdir(folder / "host")
            for i in range(6):
                (folder / "host" / str(i)).write_bytes(pattern(i * 70001, i))
            sums = "".join(f"{digest}  {path}\n" for path, digest in tree(folder).items())
            (folder / "host.md5").write_text(sums)
        options += ["-d", image]

    machine = linux.run(FILES_SCRIPT, *options, "-c", "2", "--virtio", transport,
                        load=f"{LOAD} ext4 xfs", seconds=400)
    out = machine.out.decode().replace("\r", "")
    assert machine.status == 0
    assert "FAIL" not in out, out
    for kind, (_, fsck) in FILE_SYSTEMS.items():
        image = tmp_path / kind
        host(*fsck, image)
        seen = {path: digest for digest, path in
                re.findall(rf"^MD5 {kind} ([0-9a-f]+)  \./(.*)$", out, re.M)}
        with mounted(image, kind, tmp_path / "m", "loop,ro") as folder:
            assert tree(folder) == seen
            assert len(seen) > 12
            assert not (folder / "host/0").exists()
    assert b'disk "' not in machine.err, machine.err.decode()


DISKS_SCRIPT = """
for d in a b c d e f g h; do
	q=/sys/block/vd$d
	echo "vd$d size=$(cat $q/size) ro=$(cat $q/ro) serial=$(cat $q/serial)" \
		"lbs=$(cat $q/queue/logical_block_size) pbs=$(cat $q/queue/physical_block_size)" \
		"queues=$(ls $q/mq | wc -l) cache=$(cat $q/cache_type)" \
		"discard=$(cat $q/queue/discard_max_bytes) zero=$(cat $q/queue/write_zeroes_max_bytes)" \
		"segs=$(cat $q/queue/max_segments)."
done
put() { printf "%-511s\\n" "$3" | dd of=/dev/$1 bs=4096 seek=$2 conv=notrunc,fsync 2>/dev/null; }
get() { dd if=/dev/$1 bs=4096 skip=$2 count=1 2>/dev/null | head -n 1 | tr -d ' '; }

for cpu in 0 1 2 3; do
	taskset $((1 << cpu)) dd if=/dev/vda of=/dev/null bs=64k skip=$((cpu * 64)) count=64 2>/dev/null
done
grep -E "virtio0" /proc/interrupts | sed 's/^/IRQ /'

put vda 5 first
put vda 4095 last
put vda 4096 behind; echo "behind the end: $?"
cmp /dev/vdb /dev/vda -n 4096 >/dev/null; echo "ro differs: $?"
put vdb 0 never; echo "ro write: $?"
put vdc 805306367 far
echo "far: $(get vdc 805306367) near: $(get vdc 268435455)."
put vdd 7 blocks
dmesg -n 1
dd if=/dev/zero of=/dev/vde bs=64k count=256 conv=fsync 2>/dev/null; echo "full: $?"
put vde 8000 new; echo "full, elsewhere: $?"
put vde 100 old; echo "full, where there is room: $?"
put vdf 9 device
put vdg 11 direct
dd if=/dev/zero of=/dev/vdg bs=1M seek=1 count=8 conv=fsync 2>/dev/null; echo "direct: $?"
blkdiscard -o 4096 -l $((12 << 20)) /dev/vdh; echo "discard: $?"
put vdh 13 threads
echo "write through" > /sys/block/vda/cache_type; cat /sys/block/vda/cache_type
put vda 6 through
echo "write back" > /sys/block/vda/cache_type; cat /sys/block/vda/cache_type
put vda 7 back
echo "and now: $(get vda 5) $(get vda 6) $(get vdd 7) $(get vdf 9) $(get vdg 11) $(get vdh 13)."
dmesg | grep "I/O error" | grep -v vde | sed "s/^/FAIL /"
echo "done"
"""


def record(path, number, size=4096):
    with open(path, "rb") as file:
        file.seek(number * size)
        return file.read(512).strip().decode()


@contextlib.contextmanager
def loop_device(image):
    device = host("losetup", "-f", "--show", image).strip()
    try:
        yield device
    finally:
        host("losetup", "-d", device)


@every_arch
@pytest.mark.parametrize("transport", TRANSPORTS[:2])
def test_disks(transport, tmp_path):
    """Eight of them, each another kind, with four CPUs."""
    paths = {name: tmp_path / name for name in NAMES}
    for name in "abdfh":
        sparse(paths[name], 16 * MIB)
    paths["b"].write_bytes(pattern(MIB, 1))
    paths["h"].write_bytes(os.urandom(16 * MIB))
    sparse(paths["c"], 3 << 40)
    # A file system of the host that is soon full, and one that knows O_DIRECT.
    small, disk, large = tmp_path / "small", tmp_path / "ext4", tmp_path / "large"
    small.mkdir()
    sparse(disk, 64 * MIB)
    host("mkfs.ext4", "-q", disk)
    with contextlib.ExitStack() as stack:
        host("mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", small)
        stack.callback(host, "umount", small)
        stack.enter_context(mounted(disk, "ext4", large))
        paths["e"] = sparse(small / "e", 48 * MIB)
        paths["g"] = sparse(large / "g", 16 * MIB)
        device = stack.enter_context(loop_device(paths["f"]))
        options = ["-d", f"{paths['a']},id=exactly-twenty-bytes", "-d", f"{paths['b']},ro",
                   "-d", paths["c"], "-d", f"{paths['d']},block-size=4096",
                   "-d", paths["e"], "-d", device, "-d", f"{paths['g']},direct",
                   "-d", f"{paths['h']},aio=threads,queues=1,id=h"]
        machine = linux.run(DISKS_SCRIPT, *options, "-c", "4", "--virtio", transport,
                            load=LOAD, seconds=400)
        out = machine.out.decode().replace("\r", "")
        assert machine.status == 0
        assert record(paths["g"], 11) == "direct"
        assert taken(paths["g"]) >= 8 * MIB

    assert "FAIL" not in out, out
    about = {line[:3]: line for line in out.splitlines() if re.match(r"vd[a-h] size=", line)}
    assert "size=32768 ro=0 serial=exactly-twenty-bytes lbs=512 pbs=4096 queues=4 " \
        "cache=write back" in about["vda"]
    assert "segs=254." in about["vda"]
    assert "size=2048 ro=1 serial= " in about["vdb"]
    assert f"size={(3 << 40) // 512} " in about["vdc"]
    assert "size=32768 ro=0 serial= lbs=4096 pbs=4096" in about["vdd"]
    assert "queues=1 " in about["vdh"]
    for name in "acdeh":
        assert "discard=0" not in about[f"vd{name}"]
        assert "zero=0" not in about[f"vd{name}"]
    for expected in ("behind the end: 1", "ro differs: 1", "ro write: 1", "far: far near: .",
                     "full: 1", "full, elsewhere: 1",
                     "full, where there is room: 0", "direct: 0", "discard: 0",
                     "write through\nwrite back",
                     "and now: first through blocks device direct threads.", "done"):
        assert expected in out, f"{expected}\n{out}"
    assert [record(paths["a"], i) for i in (5, 6, 7, 4095)] == \
        ["first", "through", "back", "last"]
    assert os.stat(paths["a"]).st_size == 16 * MIB
    assert paths["b"].read_bytes() == pattern(MIB, 1)
    assert record(paths["c"], 805306367) == "far"
    assert taken(paths["c"]) < MIB
    assert record(paths["d"], 7) == "blocks"
    assert record(paths["f"], 9) == "device"
    assert record(paths["h"], 13) == "threads"
    assert taken(paths["h"]) <= 5 * MIB
    # A queue for each CPU, and each was used.
    interrupts = [sum(map(int, re.findall(r"\s(\d+)(?=\s)", line.split(":", 1)[1])))
                  for line in out.splitlines() if re.match(r"IRQ .*req\.", line)]
    if transport == "pci":
        assert len(interrupts) == 4 and all(interrupts), out
    # The host is told why, but not without end.
    warnings = machine.err.decode().splitlines()
    assert any(f'disk "{paths["e"]}": write of' in line and "No space left on device" in line
               for line in warnings)
    assert len([line for line in warnings if "No space left" in line]) <= 9


FSYNC_SCRIPT = """
mount -t ext4 /dev/vda /mnt
i=0
while :; do
	i=$((i + 1))
	seq $i $((i + 2000)) | dd of=/mnt/$i bs=16k conv=fsync 2>/dev/null && echo "ACK $i"
done
"""
CHECK_SCRIPT = """
mount -t ext4 /dev/vda /mnt || echo FAIL
i=0
while [ $i -lt LAST ]; do
	i=$((i + 1))
	seq $i $((i + 2000)) | cmp - /mnt/$i || echo "FAIL $i"
done
umount /mnt
echo "checked $i"
"""


@pytest.mark.parametrize("engine", ["io_uring", "threads"])
def test_killed_in_the_middle(engine, tmp_path):
    """No write is lost that was acknowledged after fsync(); and who comes next gets in."""
    image = sparse(tmp_path / "disk", 64 * MIB)
    host("mkfs.ext4", "-q", image)
    disk = ["-d", f"{image},aio={engine}"]
    machine = linux.start(FSYNC_SCRIPT, *disk, load=f"{LOAD} ext4")
    machine.expect(r"^ACK 12\b", 180)

    # Meanwhile nobody else may touch it.
    done = subprocess.run([tane.PROGRAM, "run", "-k", linux.kernel(), "-d", image],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, timeout=60)
    assert done.returncode == 1
    assert f'disk "{image}"' in done.stderr and "another program" in done.stderr

    machine.expect(r"^ACK 20\b", 60)
    machine.signal(signal.SIGKILL)
    assert machine.wait() == -signal.SIGKILL
    last = max(map(int, re.findall(rb"^ACK (\d+)\r?$", machine.out, re.M)))
    assert last >= 20

    after = linux.run(CHECK_SCRIPT.replace("LAST", str(last)), *disk, load=f"{LOAD} ext4",
                      seconds=180)
    out = after.out.decode()
    assert after.status == 0
    assert "FAIL" not in out and f"checked {last}" in out, out
    host("e2fsck", "-fn", image)


@pytest.mark.parametrize("transport,engine,mib", [("pci", "io_uring", 128),
                                                  ("mmio", "io_uring", 48),
                                                  ("pci,ring=packed", "threads", 48)])
def test_much_data(transport, engine, mib, tmp_path):
    """Through the guest from one disk to another, and all of it arrives. TANE_DISK_MIB
    says how much."""
    source, target = tmp_path / "source", tmp_path / "target"
    mib = int(os.environ.get("TANE_DISK_MIB") or mib)
    with open(source, "wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    sparse(target, mib * MIB)
    machine = linux.run("dd if=/dev/vda of=/dev/vdb bs=1M conv=fsync && echo copied",
                        "-d", f"{source},ro,aio={engine}", "-d", f"{target},aio={engine}",
                        "-c", "2", "--virtio", transport, load=LOAD, seconds=400 + mib)
    assert machine.status == 0
    assert b"copied" in machine.out
    print(machine.text())  # with dd's figures, for pytest -rP
    host("cmp", source, target)
    print(host("md5sum", source, target))
    os.unlink(source)  # in a lab they are in memory
    os.unlink(target)


def test_host_block_device(tmp_path):
    """One that the host has mounted is refused; only to read it is allowed."""
    if not shutil.which("losetup"):
        pytest.skip("no losetup")
    image = sparse(tmp_path / "disk", 16 * MIB)
    host("mkfs.ext4", "-q", image)
    with loop_device(image) as device:
        with mounted(device, "ext4", tmp_path / "m", "ro"):
            done = subprocess.run([tane.PROGRAM, "run", "-k", linux.kernel(),
                                   "-d", device], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=60)
            assert done.returncode == 1
            assert f'disk "{device}": the host uses this device' in done.stderr


@pytest.mark.nokvm
@pytest.mark.parametrize("option", ["", ",ro", ",aio=threads"])
def test_image_of_another_format(option, tmp_path):
    """qcow2 is not opened as if it were raw: the guest would destroy it."""
    image = tmp_path / "disk.qcow2"
    image.write_bytes(b"QFI\xfb\0\0\0\3" + bytes(2 * MIB))
    before = image.read_bytes()
    done = subprocess.run([tane.PROGRAM, "run", "-k", "/dev/null", "-d", f"{image}{option}"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, timeout=60)
    assert done.returncode == 1
    assert "qemu-img convert -f qcow2 -O raw" in done.stderr, done.stderr
    assert image.read_bytes() == before
