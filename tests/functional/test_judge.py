# SPDX-License-Identifier: BSD-2-Clause
"""tane test: verdicts, what is told about them, and many tests at once."""
import os
import re
import signal
import time
import xml.etree.ElementTree

import pytest

from tane import DEADLINE, PROGRAM, Tane, guest, run

pytestmark = pytest.mark.anykvm

PASSED = re.compile(r"tane: passed in \d+\.\d{3} s\n")


def judge(*args, seconds=60, **options):
    """The Tane after `tane test`."""
    return run(command=[PROGRAM, "test", *map(str, args)], seconds=seconds, **options)


def judge_monitor(commands, *args, **options):
    return judge("-k", guest("monitor"), "-m", "16M", "-p", commands, *args, **options)


def check_passed(tane):
    assert (tane.status, tane.text()) == (0, "")
    assert PASSED.fullmatch(tane.error_text())


def check_failed(tane, why, status=1):
    """The first line of stderr; the rest."""
    first, _, rest = tane.error_text().partition("\n")
    assert re.fullmatch(r"tane: failed after \d+\.\d{3} s: " + re.escape(why), first)
    assert (tane.status, tane.text()) == (status, "")
    return rest


# -- verdicts --

def test_pass():
    check_passed(judge("--rom", guest("hello.rom"), "--expect", "^Hello KVM!$"))


def test_pass_ends_at_once():
    """The guest would run for ever."""
    begin = time.monotonic()
    check_passed(judge_monitor("say ready spin", "--expect", "ready"))
    assert time.monotonic() - begin < 10


def test_reject():
    rest = check_failed(judge_monitor("say one say oops say two", "--expect", "two",
                                      "--reject", "o{2}ps"),
                        '"o{2}ps" appeared on the debug console: oops')
    assert '  missing             "two"\n--- the debug console\none\noops\n' in rest


def test_end_without_verdict():
    rest = check_failed(judge_monitor("com1 hello", "--expect", "hello", "--expect",
                                      "world"),
                        'the guest powered off before "world" appeared')
    assert re.search(r'^  seen +\d\.\d{3} s  "hello" on serial port 1$', rest, re.M)


def test_time_out():
    check_failed(judge_monitor("say a spin", "--expect", "b", "--timeout", "300ms"),
                 'no "b" within 300ms', status=124)
    check_failed(judge_monitor("say a spin", "--expect", "b", "--timeout", "1"),
                 'no "b" within 1s', status=124)


def test_time_out_of_a_costly_pattern(tmp_path):
    """What it may take long to look through does not keep the loop from its timers. A ROM
    prints a and b at random: LFSR; and $1, %al; add $'a', %al; out."""
    (tmp_path / "rom").write_bytes(bytes.fromhex(
        "b8e1ac d1e8 7303 3500b4 50 2401 0461 e601 58 ebef"))
    tane = judge("--rom", tmp_path / "rom", "--expect", "(a|b)*b(a|b){20}c", "--timeout",
                 "1s")
    assert (tane.status, tane.text()) == (124, "")


def test_crash():
    """With the registers, and how to see it again."""
    rest = check_failed(judge_monitor("say 'it fault", "--expect", "never"),
                        'the guest crashed (vcpu 0: triple fault) before "never" appeared')
    assert "\n--- registers\ntane: registers of vcpu 0:\n" in rest
    assert rest.endswith(f"\nto repeat: tane test -k {guest('monitor')} -m 16M "
                         "-p 'say '\\''it fault' --expect never\n")


def test_order():
    check_failed(judge_monitor("say one say two", "--expect", "two", "--expect", "one"),
                 'the guest powered off before "one" appeared')
    check_passed(judge_monitor("say one say two", "--expect", "one", "--expect", "two"))


@pytest.mark.parametrize("commands, end", [
    ("say x", "poweroff"), ("outb 64 fe", "reset"), ("fault", "crash"),
    ("outb f4 7", "exit=7"), ("outl f4 12345678", "exit=0x12345678")])
def test_expected_end(commands, end):
    check_passed(judge_monitor(commands, "--expect-end", end))


def test_crash_with_firmware(tmp_path):
    """Where a triple fault is a reset otherwise. What mbr.S does in the end is at 0x1b0."""
    with open(guest("mbr.bin"), "rb") as file:
        disk = bytearray(file.read()).ljust(1 << 20, b"\0")
    disk[0x1b0] = ord("t")
    (tmp_path / "disk").write_bytes(disk)
    check_passed(judge("-d", tmp_path / "disk", "--expect", "mbr drive=80",
                       "--expect-end", "crash"))


def test_other_end():
    check_failed(judge_monitor("fault", "--expect-end", "poweroff"),
                 "the guest was to power off, but it crashed (vcpu 0: triple fault)")
    check_failed(judge_monitor("outb f4 3", "--expect-end", "exit=4"),
                 "the guest was to exit with 4, but it exited with 3")


def test_boot_again():
    """A reset is not the end, unless it is expected."""
    check_passed(judge_monitor("boots onboot 1 outb 64 fe onboot 2 say second",
                               "--expect", "^boot 01$", "--expect", "second"))


# -- places --

def test_places_are_told_apart():
    check_passed(judge_monitor("com1 here say there", "--expect", "@serial here",
                               "--expect", "@debug there"))
    check_failed(judge_monitor("com1 here say there", "--expect", "@debug ^here"),
                 'the guest powered off before "^here" appeared')


def test_screen():
    check_passed(judge_monitor("wrl b8000 074b074f spin", "--expect", "@screen ^OK"))
    rest = check_failed(judge_monitor("wrl b8000 074b074f spin", "--expect", "KO",
                                      "--timeout", "3s"),
                        'no "KO" within 3s', status=124)
    assert "--- the screen\nOK\n" in rest


def test_second_port():
    """Each serial port is listened to by itself."""
    check_passed(judge_monitor("outb 2f8 41 outb 2f8 a com1 B", "--serial", "2=console",
                               "--expect", "@serial1 B", "--expect", "@serial2 ^A$"))


# -- answers --

def test_send_after_a_prompt():
    """A sum over what has arrived tells that it was that."""
    check_passed(judge_monitor("com1 name? receive 3 say thanks", "--expect", "name[?]",
                               "--send", "Joe", "--expect", "receive .* = 0221011e",
                               "--expect", "thanks"))


def test_send_when_it_appears():
    check_passed(judge_monitor("com1 login: receive 3 com1 Password: receive 5",
                               "--send", "after Password:: abc<enter>\\n",
                               "--send", 'after "login:": ab\\x0a',
                               "--expect", "receive 00000003", "--expect",
                               "receive 00000005"))


def test_what_was_not_sent():
    rest = check_failed(judge_monitor("com1 a spin", "--expect", "a", "--send", "x",
                                      "--expect", "b", "--send", "y<f1>\\n",
                                      "--timeout", "3s"),
                        'no "b" within 3s', status=124)
    assert re.search(r'^  sent +\d\.\d{3} s  x\n  missing +"b"\n  unsent +y<f1>\\n$', rest,
                     re.M)


def test_nowhere_to_send():
    check_failed(judge("--rom", guest("hello.rom"), "--expect", "Hello", "--send", "x",
                       "--expect", "y"),
                 'cannot send "x": there is no serial port to send to')


# -- what is printed --

def test_verbose():
    tane = judge_monitor("com1 hello say world", "--expect-end", "poweroff", "-v")
    assert tane.status == 0
    assert sorted(tane.text().split()) == ["hello", "world"]


def test_control_characters_stay_here(tmp_path):
    """What a guest prints must not reach the terminal as it is."""
    (tmp_path / "rom").write_bytes(b"".join(
        b"\xb0" + bytes([byte]) + b"\xe6\x01"
        for byte in b"\x1b[2J\x1b]0;title\x07a\x07\xc2\x9b1mb\x9bc\xc3\xa4") + b"\xf4")
    tane = judge("--rom", tmp_path / "rom", "--expect", "never")
    assert "\na1mbc\xe4\n" in tane.error_text()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", tane.error_text())
    # Nor by a way round: among many, and all that it prints.
    write(tmp_path, "c1.test", "run: --rom rom\nexpect: \x1bnever\n")
    tane = judge(tmp_path, "-v")
    assert "FAIL" in tane.text() and "\\xc2\\x9b1mb\\x9bc\xe4" in tane.text()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", tane.text())


@pytest.mark.nokvm
@pytest.mark.parametrize("args, message", [
    (["-k", "x"], "nothing is expected: --expect or --expect-end says what"),
    (["-k", "x", "--reject", "y"],
     "nothing is expected: --expect or --expect-end says what"),
    (["--expect", "x"], "nothing to boot: "),
    (["-k", "x", "--expect", "["], '--expect: "[" is no extended regular expression: '),
    (["-k", "x", "--reject", ""], '--reject: "": it is empty'),
    (["-k", "x", "--send", "after y"], '--send: "after y" is not: after PATTERN: TEXT'),
    (["-k", "x", "--send", "<"], '--send: "<": a key is <name>, and the character < is <lt>'),
    (["-k", "x", "--expect", "y", "--send", "<nokey>"],
     '--send: keys: "<nokey>" names no key; the character < itself is <lt>'),
    (["-k", "x", "--expect-end", "well"],
     '--expect-end: "well" is none of poweroff, reset, crash, exit=N'),
    (["-k", "x", "--timeout", "0"], '--timeout: "0" is not a time'),
    (["-k", "x", "--timeout", "5x"], '--timeout: "5x" is not a time'),
    (["-k", "x", "--expect", "y", "-j", "0"], '--jobs: "0" is not a number from 1 to 1024'),
    (["-k", "x", "--expect", "y", "--junit", "z"], "--junit is for tests in files"),
    (["--expect", "y", "x.test"], "options of a test belong into its file"),
    (["x.test", "-m", "1M"], "options of a test belong into its file"),
    (["-k", "x", "--expect", "y", "--nosuch"], 'unknown option "--nosuch"'),
    (["-k", "x", "--expect"], 'option "--expect" needs a value'),
    (["-k", "x", "--expect", "y", "--dump-dtb", "z"], "--dump-dtb belongs to tane run"),
    (["-k", "x", "--expect", "y", "--display", "text"], "--display text belongs to tane run"),
    (["-k", "x", "--expect", "y", "--stats"], "--stats belongs to tane run"),
    (["-k", "x", "--expect", "y", "--die-with-parent"],
     "--die-with-parent belongs to tane run"),
    (["-k", "x", "--expect", "y", "-j", "2"], "--jobs is for tests in files"),
])
def test_wrong_command_line(args, message):
    tane = judge(*args)
    assert (tane.status, tane.text()) == (2, "")
    assert tane.error_text().startswith("tane: " + message)
    assert tane.error_text().endswith('tane: "tane test --help" lists the options\n')


def test_cannot_be_run():
    tane = judge("-k", "/nosuch", "--expect", "x")
    assert (tane.status, tane.text()) == (125, "")
    assert tane.error_text().startswith('tane: kernel "/nosuch": cannot open it')


@pytest.mark.nokvm
def test_help():
    tane = judge("--help")
    assert (tane.status, tane.error_text()) == (0, "")
    for option in ("--expect", "--reject", "--send", "--expect-end", "--timeout", "--jobs",
                   "--junit", "--verbose"):
        assert option in tane.text()
    assert all(len(line) <= 90 for line in tane.text().splitlines())


# -- tests in files --

def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(name="folder")
def _folder(tmp_path, monkeypatch):
    """Tests of all sorts, of guests beside them."""
    monkeypatch.setenv("MONITOR", guest("monitor"))
    os.symlink(guest("hello.rom"), tmp_path / "hello.rom")
    write(tmp_path, "a_passes.test",
          "# a comment\n\nrun: --rom hello.rom\r\nexpect: \"^Hello KVM!$\"\n")
    write(tmp_path, "b_fails.test", "run: --rom hello.rom\nexpect: <good> & \"bye\"\n")
    write(tmp_path, "deep/c_hangs.test",
          "run: -k ${MONITOR} -p 'com1 hello spin'\nexpect: never\ntimeout: 400ms\n")
    write(tmp_path, "deep/d_wrong.test", "run: --rom hello.rom\nexpct: x\n")
    write(tmp_path, "e_absent.test", "run: --rom absent.rom\nexpect: x\n")
    write(tmp_path, "f_elsewhere.test", "arch: riscv64 arm64\nrun: -k x\nexpect: x\n")
    write(tmp_path, "g_is_no_test.txt", "nothing\n")
    write(tmp_path, ".hidden/h.test", "nothing\n")
    return tmp_path


def test_one_file(folder):
    """As if its lines were options: from anywhere, with its own status."""
    tane = judge(folder / "a_passes.test")
    check_passed(tane)
    tane = judge(folder / "b_fails.test")
    rest = check_failed(tane, 'the guest powered off before "<good> & "bye"" appeared')
    assert rest.endswith(f"\nto repeat: tane test {folder}/b_fails.test\n")
    assert judge(folder / "deep/c_hangs.test").status == 124
    assert judge(folder / "e_absent.test").status == 125
    tane = judge(folder / "f_elsewhere.test")
    assert tane.status == 77
    assert tane.error_text() == \
        "tane: skipped: it is for riscv64 arm64, this tane runs x86_64\n"
    assert judge(folder / "nosuch.test").status == 2


@pytest.mark.parametrize("jobs", [1, 4])
def test_folder(folder, jobs):
    tane = judge(folder, "-j", jobs, "--junit", folder / "out.xml")
    assert (tane.status, tane.error_text()) == (1, "")
    lines = [re.sub(r" \d+\.\d{3} s ", " T ", re.sub(" +", " ", line))
             for line in tane.text().replace(f"{folder}/", "").splitlines()]
    heads = [line for line in lines if not line.startswith(" ")]
    assert sorted(heads[:-1]) == [
        "ERROR T deep/d_wrong.test:2: \"expct\" is none of run, expect, "
        "reject, send, expect-end, timeout, arch",
        'ERROR T e_absent.test: rom "absent.rom": cannot open it: No such file or directory',
        'FAIL T b_fails.test: the guest powered off before "<good> & "bye"" appeared',
        'TIME T deep/c_hangs.test: no "never" within 400ms',
        "ok T a_passes.test",
        "skip T f_elsewhere.test: it is for riscv64 arm64, this tane runs x86_64"]
    assert re.fullmatch(r"6 tests: 1 passed, 1 failed, 1 timed out, 2 could not be run, "
                        r"1 skipped in \d+\.\d{3} s", tane.text().splitlines()[-1])
    # What a failed one has printed comes behind its line, whole.
    at = lines.index(heads[[h[:4] for h in heads].index("FAIL")])
    assert lines[at + 2:at + 4] == [' missing "<good> & "bye""', " --- the debug console"]
    check_junit(folder)


def check_junit(folder):
    root = xml.etree.ElementTree.parse(folder / "out.xml").getroot()
    assert {name: root.attrib[name] for name in ("tests", "failures", "errors", "skipped")} \
        == {"tests": "6", "failures": "2", "errors": "2", "skipped": "1"}
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert sorted(cases) == ["a_passes.test", "b_fails.test", "c_hangs.test",
                             "d_wrong.test", "e_absent.test", "f_elsewhere.test"]
    assert cases["c_hangs.test"].attrib["classname"] == f"{folder}/deep"
    assert cases["a_passes.test"].find("failure") is None
    assert cases["b_fails.test"].find("failure").attrib["message"] == \
        'the guest powered off before "<good> & "bye"" appeared'
    assert "Hello KVM!" in cases["b_fails.test"].find("failure").text
    assert cases["c_hangs.test"].find("failure").attrib["type"] == "timeout"
    assert cases["e_absent.test"].find("error") is not None
    assert cases["f_elsewhere.test"].find("skipped") is not None
    assert float(cases["c_hangs.test"].attrib["time"]) >= 0.4


def test_all_pass(folder):
    tane = judge(folder / "a_passes.test", folder / "f_elsewhere.test")
    assert tane.status == 0
    assert "2 tests: 1 passed, 1 skipped in " in tane.text()


def test_junit_of_any_bytes(tmp_path):
    """Whatever a guest prints, the XML is well formed."""
    (tmp_path / "rom").write_bytes(b"".join(
        b"\xb0" + bytes([byte]) + b"\xe6\x01" for byte in range(256)) + b"\xf4")
    write(tmp_path, "bytes.test", "run: --rom rom\nexpect: never]]>\n")
    tane = judge("-v", tmp_path / "bytes.test", "--junit", tmp_path / "out.xml")
    assert tane.status == 1
    root = xml.etree.ElementTree.parse(tmp_path / "out.xml").getroot()
    text = root.find(".//failure").text
    assert "\\x00\\x01" in text and "\\xfe\\xff" in text and "]]>" in text


@pytest.mark.nokvm
@pytest.mark.parametrize("text, message", [
    ("", ":0: nothing is expected: --expect or --expect-end says what"),
    ("run: -k x\n", ":1: nothing is expected: --expect or --expect-end says what"),
    ("expect: x\nrun\n", ':2: "run" is no "KEY: VALUE"'),
    ("expect: x\n\nrun:\n", ':3: nothing stands after "run:"'),
    ("expect: x\nrun: -k 'x\n", ":2: a ' is not closed"),
    ("expect: x\nrun: -k ${NO_SUCH}\n", ":2: the environment variable NO_SUCH is not set"),
    ("expect: x\nrun: -k ${\n", ':2: "${" is no ${NAME}'),
    ("run: -k x\nexpect: (\n", ":2: --expect: "),
    ("run: --nosuch\nexpect: x\n", ':1: unknown option "--nosuch"'),
    ("run: a.elf\nexpect: x\n", ':1: "a.elf" is no option'),
    ("run: -k x -j 3\nexpect: x\n", ":1: -j, -v and --junit belong to the command line"),
    ("run: -k x --help\nexpect: x\n", ":1: --help is no option of a test"),
    ("run: -k x\nexpect: a\0b\n", ":2: a zero byte: this is no text"),
    ("run: -k x\nexpect: x\ntimeout: soon\n", ':3: --timeout: "soon" is not a time'),
])
def test_wrong_file(tmp_path, text, message):
    """The file and the line are named."""
    path = write(tmp_path, "x.test", text)
    tane = judge(path)
    assert (tane.status, tane.text()) == (2, "")
    assert tane.error_text().startswith(f"tane: {path}{message}")


@pytest.mark.nokvm
def test_no_tests(tmp_path):
    tane = judge(tmp_path)
    assert tane.status == 2
    assert tane.error_text() == f'tane: "{tmp_path}": no file in it ends in .test\n'


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def wait_for_children(tane, count):
    """Their numbers, once so many run."""
    deadline = time.monotonic() + 30
    while len(children(tane.pid)) < count:
        assert time.monotonic() < deadline, "the tests did not begin"
        time.sleep(0.01)
    return children(tane.pid)


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


@pytest.fixture(name="endless")
def _endless(tmp_path, monkeypatch):
    """A `tane test` of three endless tests, two at once."""
    monkeypatch.setenv("MONITOR", guest("monitor"))
    for name in "abc":
        write(tmp_path, f"{name}.test",
              "run: -k ${MONITOR} -p spin\nexpect: never\ntimeout: 10m\n")
    return Tane(command=[PROGRAM, "test", str(tmp_path), "-j", "2", "--junit",
                         str(tmp_path / "out.xml")])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all(endless, number, tmp_path):
    pids = wait_for_children(endless, 2)
    endless.signal(number)
    assert endless.wait(10) == 128 + number
    assert all(map(is_gone, pids))
    assert re.fullmatch(r"3 tests: 0 passed in \d+\.\d{3} s, interrupted\n", endless.text())
    root = xml.etree.ElementTree.parse(tmp_path / "out.xml").getroot()
    assert root.attrib["skipped"] == "3"


def test_death_of_the_parent_ends_all(endless):
    pids = wait_for_children(endless, 2)
    endless.signal(signal.SIGKILL)
    assert endless.wait(10) == -signal.SIGKILL
    deadline = time.monotonic() + DEADLINE
    while not all(map(is_gone, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(map(is_gone, pids))


def test_a_child_that_is_killed(endless):
    """One test that comes to grief is one error; the others go on."""
    pids = wait_for_children(endless, 2)
    os.kill(pids[0], signal.SIGKILL)
    endless.expect(r"^ERROR .*test: tane was killed: Killed$")
    assert len(wait_for_children(endless, 2)) == 2
    endless.signal(signal.SIGINT)
    assert endless.wait(10) == 130


def test_signal_ends_a_single_test():
    tane = Tane(command=[PROGRAM, "test", "-k", guest("monitor"), "-p", "say x spin",
                         "--expect", "never", "-v"])
    tane.expect("x")
    tane.signal(signal.SIGINT)
    assert tane.wait(10) == 130
