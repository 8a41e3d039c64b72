# SPDX-License-Identifier: BSD-2-Clause
"""The machine of --rom: RAM, an output port, and HLT that ends it."""
import os

import pytest

from tane import PROGRAM, Tane, guest, run

pytestmark = pytest.mark.anykvm


def check_hello(tane):
    assert bytes(tane.out) == b"Hello KVM!"
    assert bytes(tane.err) == b""
    assert tane.status == 0


def test_hello_is_the_tutorials():
    assert os.path.getsize(guest("hello.rom")) == 41
    with open(guest("hello.rom"), "rb") as file:
        assert file.read()[-1] == 0xf4  # HLT


@pytest.mark.parametrize("stdin", [None, "pipe", "file", "closed"])
def test_hello(stdin, tmp_path):
    options = {"stdin": stdin}
    if stdin == "file":
        (tmp_path / "input").write_text("nobody reads this\n")
        options = {"stdin": os.open(tmp_path / "input", os.O_RDONLY)}
    elif stdin == "closed":
        options = {"preexec_fn": lambda: os.close(0)}
    check_hello(run("--rom", guest("hello.rom"), **options))


def test_hello_into_a_file(tmp_path):
    with open(tmp_path / "output", "wb") as file:
        tane = run("--rom", guest("hello.rom"), stdout=file)
    assert (tmp_path / "output").read_bytes() == b"Hello KVM!"
    assert (tane.status, bytes(tane.err)) == (0, b"")


def test_hello_with_stderr_closed():
    tane = run("--rom", guest("hello.rom"), preexec_fn=lambda: os.close(2))
    assert (bytes(tane.out), tane.status) == (b"Hello KVM!", 0)


def test_hello_on_a_terminal():
    tane = run("--rom", guest("hello.rom"), stdin="pty")
    check_hello(tane)
    assert tane.settings_after == tane.settings


@pytest.mark.parametrize("address, printed", [
    ("", "0000:0000"),
    ("@0", "0000:0000"),
    ("@0x7c00", "0000:7c00"),
    ("@31744", "0000:7c00"),
    ("@0x10000", "1000:0000"),
    ("@0x12345", "1234:0005"),
    ("@0xf0000", "f000:0000"),
])
def test_address(address, printed):
    tane = run("--rom", guest("where.rom") + address)
    assert (tane.text(), tane.error_text(), tane.status) == (printed + "\n", "", 0)


def test_a_name_with_at_sign(tmp_path):
    folder = tmp_path / "user@host"
    folder.mkdir()
    os.symlink(guest("hello.rom"), folder / "hello")
    check_hello(run("--rom", folder / "hello"))


def test_nothing_else_is_there():
    tane = run("--rom", guest("rom_io.rom"), "-m", "512K")
    assert tane.text().splitlines() == [
        "000000ff", "0000ffff", "ffffffff", "ffffffff",
        "rep outsb moves through the text", "ffffffff"]
    assert (tane.error_text(), tane.status) == ("", 0)


def test_one_page_of_memory(tmp_path):
    """The tutorial's machine has 4 KiB."""
    check_hello(run("--rom", guest("hello.rom"), "-m", "4K"))


def test_stats_and_trace():
    tane = run("--rom", guest("hello.rom"), "--stats", "--trace")
    assert (bytes(tane.out), tane.status) == (b"Hello KVM!", 0)
    errors = tane.error_text()
    traced = [line for line in errors.splitlines() if line.startswith("trace:")]
    assert [int(line.partition("value ")[2].split()[0], 16) for line in traced[:10]] == \
        list(b"Hello KVM!")
    assert traced[0] == ("trace: vcpu 0: out 0x1 size 1 count 1 value 0x48 (rom-output)")
    assert "exit io                 10\n" in errors
    assert "exit hlt                1\n" in errors
    assert "writes 10\n" in errors


def test_stats_begin_on_a_line_of_their_own():
    tane = run(command=["sh", "-c", 'exec "$@" 2>&1', "sh", PROGRAM, "run", "--rom",
                        guest("hello.rom"), "--stats"])
    assert tane.text().startswith("Hello KVM!\ntane: statistics\n")


def test_endless_loop_ends_by_a_signal(tmp_path):
    """No power button, no chips: the signal ends it at once."""
    (tmp_path / "loop").write_bytes(b"\xb0!\xe6\x01\xeb\xfe")
    tane = Tane("--rom", tmp_path / "loop")
    tane.expect("!")
    tane.process.terminate()
    assert tane.wait(10) == 128 + 15


def test_endless_output_ends_by_a_signal(tmp_path):
    (tmp_path / "loop").write_bytes(b"\xb0!\xe6\x01\xeb\xfc")
    tane = Tane("--rom", tmp_path / "loop")
    tane.expect("!!!!")
    tane.process.terminate()
    assert tane.wait(10) == 128 + 15
    assert set(tane.out) == set(b"!")


def test_same_result_each_time():
    for _ in range(20):
        check_hello(run("--rom", guest("hello.rom")))
