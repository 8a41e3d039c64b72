# SPDX-License-Identifier: BSD-2-Clause
"""Write initramfs archives: cpio, "newc" format, no root needed.

An Archive collects entries in memory; data() closes it. Numbers are those a
kernel wants: owner 0, time 0, devices with their major and minor number, so
the same input gives the same bytes. Parent folders are added as needed.
Format: Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
"""
import lzma
import os
import stat


class Archive:
    def __init__(self):
        self.parts = []
        self.names = set()

    def _entry(self, name, mode, data=b"", dev=(0, 0)):
        raw = os.fsencode(name) + b"\0"
        ino = len(self.parts) + 1
        nlink = 2 if stat.S_ISDIR(mode) else 1
        fields = (ino, mode, 0, 0, nlink, 0, len(data), 0, 0, *dev, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + raw
        pad = b"\0" * (-len(head) % 4)
        self.parts.append(head + pad + data + b"\0" * (-len(data) % 4))

    def _claim(self, name):
        """Return the name without its leading "/", its parents made, or None
        if the archive has it already."""
        name = os.path.normpath("/" + name).lstrip("/")
        if not name or name in self.names:
            return None
        parent = os.path.dirname(name)
        if parent:
            self.dir(parent)
        self.names.add(name)
        return name

    def dir(self, name, mode=0o755):
        name = self._claim(name)
        if name:
            self._entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        name = self._claim(name)
        if name:
            self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        name = self._claim(name)
        if name:
            self._entry(name, stat.S_IFLNK | 0o777, os.fsencode(target))

    def char(self, name, major, minor, mode=0o600):
        name = self._claim(name)
        if name:
            self._entry(name, stat.S_IFCHR | mode, dev=(major, minor))

    def host(self, source, name):
        """Copy a file, symbolic link or folder (with all it holds)."""
        info = os.lstat(source)
        if stat.S_ISDIR(info.st_mode):
            self.dir(name, stat.S_IMODE(info.st_mode))
            for child in sorted(os.listdir(source)):
                self.host(os.path.join(source, child), os.path.join(name, child))
        elif stat.S_ISLNK(info.st_mode):
            self.link(name, os.readlink(source))
        elif stat.S_ISREG(info.st_mode):
            with open(source, "rb") as file:
                self.file(name, file.read(), stat.S_IMODE(info.st_mode))
        else:
            raise ValueError(f"{source}: neither a file, a link nor a folder")

    def data(self):
        self._entry("TRAILER!!!", 0)
        return b"".join(self.parts)


def modules(tree, version, names):
    """The files of kernel modules and of all they depend on, each after those
    it needs, by the modules.dep that depmod made in tree."""
    base = os.path.join(tree, "lib/modules", version)
    needs = {}
    path_of = {}
    with open(os.path.join(base, "modules.dep"), encoding="ascii") as file:
        for line in file:
            path, _, rest = line.partition(":")
            needs[path] = rest.split()
            path_of[os.path.basename(path).split(".ko")[0].replace("-", "_")] = path
    order = []
    for name in names:
        # modules.dep lists what is needed last first
        for path in [*reversed(needs[path_of[name]]), path_of[name]]:
            if path not in order:
                order.append(path)
    return [os.path.join(base, path) for path in order]


def module_data(path):
    """A module's bytes, unpacked: a small insmod knows no compression."""
    if path.endswith(".xz"):
        with lzma.open(path) as file:
            return file.read()
    with open(path, "rb") as file:
        return file.read()
