# SPDX-License-Identifier: BSD-2-Clause
"""Folders of the host in Debian's generic kernel, by its own driver of 9P: what one side
writes the other reads, what the host does not allow stays as it was, and the guest gets to
nothing else."""
import errno
import fcntl
import hashlib
import os
import re
import resource
import shutil
import stat
import struct
import subprocess

import pytest

import linux
import tane

MIB = 1 << 20
TRANSPORTS = ["pci", "mmio", "pci,ring=packed"]
LOAD = "virtio_pci virtio_mmio 9p 9pnet_virtio"
OPTIONS = "trans=virtio,version=9p2000.L,msize=512000"

# In all scripts: what has to work, and what must not.
FUNCTIONS = f"""
share()
{{
	mkdir -p "$2"
	mount -t 9p -o "{OPTIONS},$3" "$1" "$2" || echo "FAIL mount $1"
}}
must() {{ "$@" || echo "FAIL must $*"; }}
mustnt() {{ "$@" 2>/run/why && echo "FAIL mustnt $*"; cat /run/why; }}
wait_for() {{ until [ -e "$1" ]; do sleep 0.1; done; }}
"""


def options_of(*shares, transport="pci", memory="256M"):
    words = ["-m", memory, "--virtio", transport]
    for share in shares:
        words += ["-s", share]
    return words


def start(script, *options, **more):
    return linux.start(FUNCTIONS + script, *options, kind="generic", load=LOAD, **more)


def run(script, *options, seconds=tane.DEADLINE, **more):
    machine = start(script, *options, **more)
    machine.status = machine.wait(seconds)
    return machine


def assert_good(machine, errors=""):
    assert re.findall(r"^.*FAIL.*$", machine.text(), re.M) == []
    assert "done well" in machine.text()
    assert (machine.wait(), machine.error_text()) == (0, errors)


def pattern(size, seed):
    """Bytes that repeat nowhere near a page."""
    blocks = (hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def tree(folder):
    """All that is below a folder: {path: what it is}."""
    found = {}
    for where, folders, names in os.walk(folder):
        for name in folders + names:
            path = os.path.join(where, name)
            info = os.lstat(path)
            what = (stat.filemode(info.st_mode), info.st_uid, info.st_gid)
            if stat.S_ISREG(info.st_mode):
                what += (info.st_nlink, info.st_size, hashlib.md5(read(path)).hexdigest())
            elif stat.S_ISLNK(info.st_mode):
                what += (os.readlink(path),)
            found[os.path.relpath(path, folder)] = what
    return found


def times(folder):
    """In seconds, as Linux's 9P sets them; but for links, of which busybox sets none."""
    return {name: os.lstat(os.path.join(folder, name)).st_mtime_ns // 10**9
            for name, what in tree(folder).items() if what[0][0] != "l"}


@pytest.fixture
def folders(tmp_path):
    """Two that a guest gets: files to read, and an empty one to write to."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    sizes = [0, 1, 4095, 4096, 4097, 65536, 3 * MIB + 17]
    for i in range(40):
        write(source / f"deep/{'x' * (i % 7)}y/er/file {i}",
              pattern(sizes[i % 7], i) if i < 14 else b"%d" % i)
    write(source / ("n" * 255), b"long")
    write(source / "Ünïcode\n*", b"odd")
    os.symlink("deep/y", source / "link")
    os.symlink("nowhere", source / "dangling")
    os.link(source / ("n" * 255), source / "hard")
    os.chmod(source / "hard", 0o4751)
    os.chown(source / "hard", 12, 34)
    os.utime(source / "hard", ns=(10**18 + 1, 10**18 + 123456789))
    return source, target


COPY = """
share share0 /in rw
share target /out
cp -a /in/. /out/
cmp "/in/deep/y/er/file 0" "/out/deep/y/er/file 0" || echo FAIL cmp
cd /in && echo "all $(find . -type f -print0 | sort -z | xargs -0 cat | md5sum)"
cd /; sync; umount /out /in && echo done well
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_copied_is_the_same(transport, folders):
    """Names, contents, links, owners, modes and times; two shares at once."""
    source, target = folders
    before = tree(source)
    machine = run(COPY, *options_of(source, f"{target},rw,tag=target", transport=transport),
                  seconds=240)
    assert_good(machine)
    names = sorted(b"./" + os.fsencode(name) for name, what in before.items() if len(what) == 6)
    whole = b"".join(read(os.fsencode(source) + name[1:]) for name in names)
    assert f"all {hashlib.md5(whole).hexdigest()}" in machine.text()
    assert tree(target) == before == tree(source)
    assert times(target) == times(source)


READ_ONLY = """
share ro /in rw,cache=none
share rw /out rw,cache=none
for at in /in /out; do
	try=must; [ $at = /in ] && try=mustnt
	$try sh -c "echo new >$at/new"
	$try sh -c "echo more >>$at/file"
	$try truncate -s 1 $at/file
	$try mkdir $at/folder
	$try ln $at/file $at/hard
	$try ln -s file $at/soft
	$try mknod $at/node c 1 3
	$try mkfifo $at/fifo
	$try chmod 600 $at/file
	$try chown 5:6 $at/file
	$try touch -d @1000 $at/file
	$try mv $at/file $at/moved
	$try rm $at/other
	$try rmdir $at/empty
	must cat $at/last
done
echo done well
"""


def test_read_only_is_up_to_the_host(tmp_path):
    """The guest mounts it for writing, and gets EROFS; what is writable has the same done."""
    for folder in "in", "out":
        for name in "file", "other", "last":
            write(tmp_path / folder / name, name.encode())
        os.mkdir(tmp_path / folder / "empty")
    before, dates = tree(tmp_path / "in"), times(tmp_path / "in")
    machine = run(READ_ONLY, *options_of(f"{tmp_path}/in,tag=ro", f"{tmp_path}/out,tag=rw,rw"))
    assert_good(machine)
    assert machine.text().count("Read-only file system") >= 14
    assert (tree(tmp_path / "in"), times(tmp_path / "in")) == (before, dates)
    after = tree(tmp_path / "out")
    assert {"new", "folder", "soft", "moved", "last"} < set(after)
    assert not {"file", "other", "empty"} & set(after)
    assert after["moved"][:3] == ("-rw-------", 5, 6)
    assert int(os.stat(tmp_path / "out/moved").st_mtime) == 1000


TOGETHER = """
share share0 /m rw,cache=none
exec 3>/m/gone 4</m/gone
rm /m/gone
echo still here >&3
must cat <&4
echo guest >/m/from-guest
echo ready
wait_for /m/from-host
must cat /m/from-host
must grep -q longer /m/grows
echo "blocks $(stat -f -c %b /m)"
: >/m/lock
: >/m/host-lock
flock /m/lock sh -c 'echo locked; until [ -e /m/unlock ]; do sleep 0.1; done' &
wait_for /m/unlock
wait
mustnt flock -n /m/host-lock true
echo refused
wait_for /m/free
must flock -n /m/host-lock true
mkdir /m/a /m/b
mv /m/a /m/b/c
mv /m/from-host /m/b/c/moved
must test -d /m/b/c
must cat /m/b/c/moved
echo done well
"""


def lock(path):
    """A descriptor that locks the file, or None: somebody else does."""
    fd = os.open(path, os.O_RDWR)
    try:
        # struct flock of 64 bits, F_OFD_SETLK: for the whole file, as the guest's.
        fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    except OSError as error:
        assert error.errno in (errno.EAGAIN, errno.EACCES)
        os.close(fd)
        return None
    return fd


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_host_and_guest_at_once(transport, tmp_path):
    """Each sees what the other writes, and its locks; files unlinked while open work."""
    write(tmp_path / "grows", b"short")
    machine = start(TOGETHER, *options_of(f"{tmp_path},rw", transport=transport),
                    programs=["flock"])
    machine.expect("^ready$")
    assert read(tmp_path / "from-guest") == b"guest\n"
    write(tmp_path / "grows", b"much longer")
    write(tmp_path / "from-host.new", b"hello of the host\n")
    os.rename(tmp_path / "from-host.new", tmp_path / "from-host")
    machine.expect("^locked$")
    assert lock(tmp_path / "lock") is None
    held = lock(tmp_path / "host-lock")
    assert held is not None
    write(tmp_path / "unlock", b"")
    machine.expect("^refused$")
    os.close(held)
    write(tmp_path / "free", b"")
    machine.wait()
    assert_good(machine)
    text = machine.text()
    assert "still here\n" in text
    assert text.count("hello of the host\n") == 2
    assert f"blocks {os.statvfs(tmp_path).f_blocks}\n" in text
    assert os.path.exists(tmp_path / "b/c/moved") and not os.path.exists(tmp_path / "gone")


BIG = """
share share0 /m rw,cache=$CACHE
md5sum </m/big
head -c ${MIB}M /dev/urandom >/run/new; md5sum </run/new
cat /run/new >/m/new; cat /m/new | md5sum
dd if=/run/new of=/m/direct bs=1M oflag=direct 2>/dev/null
sync; echo done well
"""


@pytest.mark.parametrize("cache, mib", [("none", 8), ("mmap", 64), ("loose", 8)])
def test_big_files(cache, mib, tmp_path):
    data = pattern(mib * MIB, 1)
    write(tmp_path / "big", data)
    machine = run(f"CACHE={cache} MIB={mib}\n{BIG}", *options_of(f"{tmp_path},rw", memory="512M"),
                  seconds=300)
    assert_good(machine)
    sums = re.findall(r"^([0-9a-f]{32})  -$", machine.text(), re.M)
    assert sums[0] == hashlib.md5(data).hexdigest()
    for name in "new", "direct":
        assert hashlib.md5(read(tmp_path / name)).hexdigest() == sums[1] == sums[2]


def few_descriptors(limit):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


MANY = """
share share0 /m cache=loose
find /m -size +0 | wc -l
find /m -size +0 | wc -l
must test "$(cat /m/17/117/1)" = 17
umount /m && echo done well
"""


def test_more_names_than_descriptors(tmp_path):
    """Linux keeps a fid for each name that it has seen. tane has few descriptors, and keeps to
    that."""
    count = 4000
    for i in range(count):
        write(tmp_path / f"{i % 20}/{100 + i % 100}/{i // 100}", b"%d" % (i % 20))
    machine = start(MANY, *options_of(tmp_path, memory="512M"),
                    preexec_fn=few_descriptors(120))
    machine.expect(r"^\d+$", 300)
    assert len(os.listdir(f"/proc/{machine.pid}/fd")) < 120
    machine.wait(300)
    assert_good(machine)
    folders = 1 + 20 + 100
    assert re.findall(r"^\d+$", machine.text(), re.M) == [str(count + folders)] * 2


ESCAPE = """
echo secret of the guest >/secret
share share0 /m rw,cache=none
ln -s /secret /m/absolute
ln -s ../secret /m/upwards
ln -s $OUTSIDE /m/outside
ln -s /proc/1/root$OUTSIDE /m/magic
ln -s inner /m/folder/in-folder
echo "absolute: $(cat /m/absolute)"
echo "upwards: $(cat /m/upwards)"
mustnt cat /m/outside
mustnt cat /m/magic
must cat /m/folder/in-folder
must cat /m/folder/../../secret
mustnt cat /m/../../../../../$OUTSIDE
must readlink /m/of-host
must ls /m/host-fifo
mustnt cat /m/of-host
mustnt cat /m/dots
mkfifo /m/fifo
(echo through the fifo >/m/fifo) & must cat /m/fifo; wait
mknod /m/null c 1 3
must sh -c 'echo lost >/m/null'
must chmod 640 /m/folder/inner
mustnt chmod 777 /m/of-host
mustnt mv /m/folder /m/folder/inside
must mv /m/folder /m/moved
must cat /m/moved/inner
echo done well
"""


def test_the_guest_stays_inside(tmp_path):
    """Links are resolved in the guest, whoever made them; FIFOs and devices are the guest's
    own, and nothing waits for them on the host."""
    share, outside = tmp_path / "share", tmp_path / "outside"
    write(outside, b"secret of the host\n")
    write(share / "folder/inner", b"the inner file\n")
    os.symlink(outside, share / "of-host")
    os.symlink("../outside", share / "dots")
    os.mkfifo(share / "host-fifo")
    machine = run(f"OUTSIDE={outside}\n{ESCAPE}", *options_of(f"{share},rw"))
    assert_good(machine)
    text = machine.text()
    assert "absolute: secret of the guest\nupwards: secret of the guest\n" in text
    assert text.count("the inner file\n") == 2
    assert "through the fifo\n" in text
    assert "secret of the host" not in text
    assert stat.S_IMODE(os.stat(outside).st_mode) == 0o644 & ~current_umask()
    assert read(outside) == b"secret of the host\n"
    assert os.readlink(share / "upwards") == "../secret"
    assert stat.S_ISFIFO(os.lstat(share / "fifo").st_mode)


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


REBIND = r"""
share share0 /m rw,cache=none
device=$(basename /sys/bus/virtio/drivers/9pnet_virtio/virtio*)
for i in 1 2 3; do
	dd if=/dev/zero of=/m/victim bs=64k 2>/dev/null &
	writer=$!
	until [ -s /m/victim ]; do :; done
	(echo "$device" >/sys/bus/virtio/drivers/9pnet_virtio/unbind) &
	umount -l /m
	kill $writer
	wait
	must sh -c "echo $device >/sys/bus/virtio/drivers/9pnet_virtio/bind"
	share share0 /m rw,cache=none
	must sh -c "echo $i >/m/round"
	must grep -q $i /m/round
	rm /m/victim
done
echo done well
"""


@pytest.mark.parametrize("transport", ["pci", "mmio"])
def test_the_driver_goes_and_comes(transport, tmp_path):
    machine = run(REBIND, *options_of(f"{tmp_path},rw", transport=transport), seconds=240)
    machine.out = re.sub(rb"\n\[[^\n]*", b"", machine.out)
    assert_good(machine)
    assert read(tmp_path / "round") == b"3\n"


RESET = """
share share0 /m rw,cache=none
if [ -e /m/again ]; then
	must test -s /m/victim
	echo done well
	poweroff -f
fi
: >/m/again
for i in 1 2 3 4; do (while :; do dd if=/dev/zero of=/m/victim$i bs=256k count=20; done) & done
dd if=/dev/zero of=/m/victim bs=64k count=10 2>/dev/null
reboot -f
"""


def test_reset_in_the_middle(tmp_path):
    """The machine begins anew, and nobody writes any more for the one that is gone."""
    assert_good(run(RESET, *options_of(f"{tmp_path},rw")))


NOT_ROOT = """
share share0 /m rw,cache=none
stat -c 'owners %n %u:%g' /m/mine /m/of-root
must sh -c 'echo by root >/m/new'
chown 0:0 /m/new || echo FAIL chown
stat -c 'owners %n %u:%g' /m/new
must chmod 600 /m/mine
mustnt sh -c 'echo no >/m/of-root'
must cat /m/of-root
echo done well
"""
NOBODY = 65534
SOMEBODY = 12345


@pytest.fixture
def world(tmp_path_factory):
    """A folder that anybody gets to."""
    folder = tmp_path_factory.mktemp("world")
    while os.path.relpath(folder, "/tmp") != ".":
        os.chmod(folder, 0o755)
        folder = folder.parent
    return tmp_path_factory.mktemp("world")


def test_user_and_root_change_places(world):
    """uid=map: our user, who is not root, is root in the guest; our root is nobody there."""
    os.chmod(world, 0o755)
    share = world / "share"
    for name in "mine", "of-root":
        write(share / name, b"%s\n" % name.encode())
    os.chown(share / "mine", SOMEBODY, SOMEBODY)
    os.chown(share, SOMEBODY, SOMEBODY)
    program = shutil.copy(tane.PROGRAM, world / "tane")
    files = [shutil.copy(path, world) for path in
             (linux.kernel("generic"), linux.initramfs(), linux.modules("generic"))]
    script = linux.archive("script-not-root.cpio", {"script": (FUNCTIONS + NOT_ROOT).encode()})
    files.append(shutil.copy(script, world))
    for path in files:
        os.chmod(path, 0o644)
    words = f"{linux.QUIET} tane.modules={LOAD.replace(' ', ',')} tane.script=/script"
    before = stat.S_IMODE(os.stat("/dev/kvm").st_mode)
    os.chmod("/dev/kvm", 0o666)
    machine = tane.Tane(command=[
        program, "run", "-k", files[0], "-i", files[1], "-i", files[2], "-i", files[3],
        "-p", words, "-s", f"{share},rw,uid=map"],
        user=SOMEBODY, group=SOMEBODY, extra_groups=[])
    machine.expect("tane: init up")
    os.chmod("/dev/kvm", before)
    machine.wait()
    assert_good(machine)
    text = machine.text()
    assert "owners /m/mine 0:0\n" in text
    assert f"owners /m/of-root {NOBODY}:{NOBODY}\n" in text
    assert "owners /m/new 0:0\n" in text
    assert os.stat(share / "new").st_uid == SOMEBODY
    assert stat.S_IMODE(os.stat(share / "mine").st_mode) == 0o600
    assert read(share / "of-root") == b"of-root\n"


ROOT_INIT = """#!/bin/busybox sh
export PATH=/sbin:/bin
mount -t proc proc /proc
for module in virtio_pci 9pnet_virtio 9p; do modprobe $module; done
for word in $(cat /proc/cmdline); do
	case $word in
	root=*) root=${word#*=} ;;
	rootfstype=*) type=${word#*=} ;;
	rootflags=*) flags=${word#*=} ;;
	init=*) init=${word#*=} ;;
	rw | ro) mode=$word ;;
	esac
done
mkdir /root-of-host
mount -t "$type" -o "$mode,$flags" "$root" /root-of-host
exec switch_root /root-of-host "$init"
"""
HOST_INIT = """#!/bin/sh
mount -t proc proc /proc
grep " / " /proc/mounts
echo "process $$ on $(cat /etc/motto)"
echo written >/etc/by-guest
sync
poweroff -f
"""


def test_root_on_a_share(tmp_path):
    """As kvmtool's users say it. Debian's kernel has no 9P built in, so an initrd mounts."""
    for folder in "bin", "sbin", "etc", "proc", "dev":
        os.mkdir(tmp_path / folder)
    shutil.copy(shutil.which("busybox"), tmp_path / "bin/busybox")
    for name in "sh", "mount", "grep", "cat", "sync", "poweroff":
        os.symlink("busybox", tmp_path / "bin" / name)
    write(tmp_path / "etc/motto", b"a folder of the host\n")
    write(tmp_path / "sbin/init", HOST_INIT.encode())
    os.chmod(tmp_path / "sbin/init", 0o755)
    initrd = linux.archive("root-on-share.cpio", {"script": ROOT_INIT.encode()})
    machine = tane.Tane(
        "-k", linux.kernel("generic"), "-i", linux.initramfs(),
        "-i", linux.modules("generic"), "-i", initrd, "-s", f"{tmp_path},rw,tag=/dev/root",
        "-p", f"{linux.QUIET} rdinit=/script root=/dev/root rootfstype=9p "
        f"rootflags={OPTIONS} rw init=/sbin/init")
    assert machine.wait() == 0
    assert "/dev/root / 9p rw," in machine.text()
    assert "process 1 on a folder of the host\n" in machine.text()
    assert read(tmp_path / "etc/by-guest") == b"written\n"


FSX = """
share share0 /m rw,cache=$CACHE
for seed in $SEEDS; do
	mkdir /m/$seed
	must /fsx /m/$seed /m/log-$seed $seed $COUNT $MORE
done
sync; umount /m && echo done well
"""


@pytest.mark.parametrize("cache", ["none", "mmap", "loose"])
def test_random_operations(cache, tmp_path):
    """Whatever a program does with files comes to the same on a share as on the host. The
    log of a run tells what was done."""
    seeds, count = (1, 2), 1500
    more = ["mmap"] if cache != "none" else []  # which has no shared mappings
    program = tmp_path / "fsx"
    subprocess.run(["gcc", "-static", "-O1", "-o", program,
                    os.path.join(tane.ROOT, "guest/fsx.c")], check=True)
    initrd = linux.archive(f"fsx-{cache}.cpio", {"fsx": read(program)})
    host, share = tmp_path / "host", tmp_path / "share"
    for seed in seeds:
        os.makedirs(host / str(seed))
        subprocess.run([program, host / str(seed), host / f"log-{seed}", str(seed),
                        str(count), *more], check=True)
    os.mkdir(share)
    script = f"CACHE={cache} SEEDS='{' '.join(map(str, seeds))}' COUNT={count} "
    script += f"MORE={' '.join(more)}\n{FSX}"
    machine = run(script, "-i", initrd, *options_of(f"{share},rw"), seconds=300)
    assert_good(machine)
    for seed in seeds:
        expected, found = (read(where / f"log-{seed}").decode().splitlines()
                           for where in (host, share))
        first = next((pair for pair in zip(expected, found) if pair[0] != pair[1]), None)
        assert first is None
        assert len(found) == count
    assert tree(share) == tree(host)
