# SPDX-License-Identifier: BSD-2-Clause
"""What a multiboot kernel finds at its entry."""
import re

import pytest

from tane import guest, monitor, run

pytestmark = pytest.mark.anykvm


def handed_over(*options):
    tane = monitor("info", options=options)
    assert (tane.status, tane.error_text()) == (0, "")
    return tane.text()


def memory_map(text):
    """Rows of (base, length, type)."""
    return [tuple(int(field, 16) for field in row) for row in
            re.findall(r"^map (\w{16}) (\w{16}) (\w)$", text, re.M)]


def test_magic_and_memory():
    text = handed_over("-m", "256M")
    assert "magic 00000000 = 2badb002" in text
    flags, lower, upper = (int(re.search(rf"^{name} 0+ = (\w+)$", text, re.M)[1], 16)
                           for name in ("flags", "mem_lower", "mem_upper"))
    assert flags & 0x45 == 0x45  # memory, command line, map
    assert lower == 639
    assert upper == (256 - 1) * 1024


@pytest.mark.parametrize("size, total", [
    ("128M", 128 << 20), ("512M", 512 << 20), ("5G", 5 << 30)])
def test_memory_map(size, total):
    rows = memory_map(handed_over("-m", size))
    assert rows == sorted(rows)
    for (base, length, _), (following, _, _) in zip(rows, rows[1:]):
        assert base + length <= following
    ram = sum(length for _, length, kind in rows if kind == 1)
    assert total - (512 << 10) < ram <= total
    assert not any(base < 2**32 and base + length > 0xc0000000 for base, length, kind in rows
                   if kind == 1)
    if total > 3 << 30:
        assert (1 << 32, total - (3 << 30), 1) in rows


def test_command_line_is_the_users_alone():
    tane = monitor("say  two   blanks ", "info")
    assert "cmdline = say  two   blanks  info\n" in tane.text()


def test_no_command_line():
    tane = run("-k", guest("monitor"))
    assert (tane.status, bytes(tane.out), bytes(tane.err)) == (0, b"", b"")


def test_modules(tmp_path):
    """Each has its own bytes, on a page, and its file's name."""
    contents = ["first module", "second, " * 1000, "third"]
    options = ["-m", "64M"]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_text(content)
        options += ["-i", str(tmp_path / str(number))]
    text = handed_over(*options)
    rows = re.findall(r"^module (\w{8}) (\w{8}) (\S+) = (.*)$", text, re.M)
    assert [row[3] for row in rows] == contents
    assert [row[2] for row in rows] == ["0", "1", "2"]
    spans = [(int(start, 16), int(end, 16)) for start, end, _, _ in rows]
    assert [end - start for start, end in spans] == [len(content) for content in contents]
    assert all(start % 4096 == 0 and start >= 0x110000 for start, _ in spans)
    assert all(a[1] <= b[0] for a, b in zip(sorted(spans), sorted(spans)[1:]))
    assert max(end for _, end in spans) <= 64 << 20


def test_sixteen_modules(tmp_path):
    (tmp_path / "m").write_text("module text")
    text = handed_over(*["-i", str(tmp_path / "m")] * 16)
    assert text.count("= module text\n") == 16


def test_an_empty_module(tmp_path):
    """A file of no bytes is a module of no bytes, not an error."""
    (tmp_path / "empty").write_text("")
    (tmp_path / "full").write_text("full")
    text = handed_over("-i", str(tmp_path / "empty"), "-i", str(tmp_path / "full"))
    rows = re.findall(r"^module (\w{8}) (\w{8}) \S+ = (.*)$", text, re.M)
    assert [row[2] for row in rows] == ["", "full"]
    assert rows[0][0] == rows[0][1]


def test_boot_choice():
    for how in ("auto", "multiboot"):
        tane = monitor("say here", options=("--boot", how))
        assert (tane.status, tane.text()) == (0, "here\n")


def test_many_cpus_do_not_disturb():
    """The others wait for a start-up signal that never comes."""
    tane = monitor("say alone", options=("-c", "8"))
    assert (tane.status, tane.text()) == (0, "alone\n")
