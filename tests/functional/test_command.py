# SPDX-License-Identifier: BSD-2-Clause
"""tane run -- command: a command in a guest is to its caller what it is without one.

In the lab each boot takes 15 seconds and more: each test asks of its guest as much as goes
together. In the lab / is the machine's own root, and we are root.

TANE_PIPE_MIB is how much goes through test_pipes, 16 if not given; 1024 is a good number.
"""
import fcntl
import hashlib
import http.server
import os
import re
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

import linux
import tane

PIPE_MIB = int(os.environ.get("TANE_PIPE_MIB", "16"))
SECONDS = 300


def kernel():
    """Debian's generic kernel, with nothing to unpack; its modules lie beside it."""
    return linux.kernel("generic", "vmlinux")


def start(*words, options=(), **more):
    return tane.Tane("-k", kernel(), *options, "--", *words, **more)


def command(*words, **more):
    """Run it to its end; .status, .out and .err tell."""
    machine = start(*words, **more)
    machine.status = machine.wait(SECONDS)
    return machine


def shell(script, **more):
    return command("sh", "-c", script, **more)


def on_terminal(*words, options=(), **more):
    """All three descriptors are one terminal, as a shell's command has them."""
    return tane.Tane(command=["sh", "-c", 'exec "$0" "$@" 2>&1', tane.PROGRAM, "run", "-k",
                              kernel(), *options, "--", *words],
                     stdin="pty", **more)


def wait_until(ready, what):
    deadline = time.monotonic() + SECONDS
    while not ready():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def blocks(pid, number):
    """Has the process blocked this signal, to read it from a descriptor?"""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        mask = int(re.search(r"^SigBlk:\s*(\w+)", file.read(), re.M)[1], 16)
    return mask & 1 << number - 1


def test_true_says_nothing():
    """By the kernel as Debian ships it."""
    machine = tane.run("-k", linux.kernel("generic"), "--", "true", seconds=SECONDS)
    assert (machine.status, machine.out, machine.err) == (0, b"", b"")


def test_default_kernel(tmp_path):
    """With no -k it is the one in /boot of this name, or the newest there; our lab's root
    is its own. A folder of its own for the modules, as --modules names it."""
    names = [f"/boot/vmlinuz-{os.uname().release}", "/boot/vmlinuz-99.0"]
    tree = os.path.join(os.path.dirname(kernel()), "root/lib/modules")
    os.makedirs("/boot", exist_ok=True)
    try:
        with open(names[1], "w", encoding="ascii") as file:
            file.write("no kernel")
        shutil.copy(kernel(), names[0])
        (tmp_path / "m").mkdir()
        (release,) = os.listdir(tree)
        os.symlink(os.path.join(tree, release), tmp_path / "m" / release)
        machine = tane.run("--modules", tmp_path / "m", "--", "uname", "-r", seconds=SECONDS)
        assert machine.status == 0
        assert machine.text().strip() == release
        os.unlink(names[0])
        machine = tane.run("--", "true")
        assert machine.status == 125
        assert "/boot/vmlinuz-99.0" in machine.error_text()
    finally:
        for name in names:
            if os.path.exists(name):
                os.unlink(name)


def test_the_caller_goes_with_it(tmp_path):
    """Words, folder, user, groups and environment; and what it writes is gone."""
    scratch = f"/etc/tane-test-{os.getpid()}"
    groups = [0, 4, 27]
    machine = shell('printf "%s|" "$0" "$@"; echo; pwd; id -u; id -g; id -G; echo "$HOME $A.$B";'
                    f'env | grep SECRET; hostname; echo gone >{scratch} && cat {scratch}; exit 42'
                    .replace('"$0" "$@"', '"a b" "" "\'c"'),
                    cwd=tmp_path, options=["--env", "A", "--env", "B=2"],
                    env={**os.environ, "A": "1 1", "SECRET": "x", "HOME": "/home/of mine"},
                    extra_groups=groups)
    lines = machine.text().splitlines()
    assert machine.status == 42
    assert lines[0] == "a b||'c|"
    assert lines[1] == str(tmp_path)
    assert lines[2:4] == [str(os.getuid()), str(os.getgid())]
    assert sorted(map(int, lines[4].split())) == sorted({os.getgid(), *groups})
    assert lines[5:] == ["/home/of mine 1 1.2", "tane", "gone"]
    assert machine.err == b""
    assert not os.path.exists(scratch)


def test_killed():
    machine = shell("kill -9 $$")
    assert machine.status == 128 + signal.SIGKILL
    assert machine.err == b""


def test_not_found():
    machine = command("no-such-command", "x")
    assert machine.status == 127
    assert machine.error_text() == 'tane: command "no-such-command": not found\n'
    assert machine.out == b""


def pattern(size, seed):
    block = b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(32768))
    return (block * (size // len(block) + 1))[:size]


def test_pipes(tmp_path):
    """A pipe into it, and two out of it, one slow: each byte once, in order, apart."""
    size, out_size = PIPE_MIB << 20, 1 << 20
    path, out_path = tmp_path / "in", tmp_path / "out"
    path.write_bytes(pattern(size, 1))
    out_path.write_bytes(pattern(out_size, 2))
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        started = time.monotonic()
        machine = shell(f"md5sum; cat {out_path} >&2; cat {out_path}; tail -c 100000 "
                        f"{out_path} >&2", stdin=cat.stdout, cwd=tmp_path)
        print(f"{PIPE_MIB} MiB in {time.monotonic() - started:.1f} s with the boot")
    out = out_path.read_bytes()
    assert machine.status == 0
    first, _, rest = bytes(machine.out).partition(b"\n")
    assert first.decode().split() == [digest, "-"]
    assert rest == out
    assert bytes(machine.err) == out + out[-100000:]


def test_files_and_one_order(tmp_path):
    """stdin is a file of which something is left, and 2>&1 keeps the order of lines."""
    path, log = tmp_path / "in", tmp_path / "log"
    path.write_bytes(pattern(300000, 3))
    script = "head -c 1000 | md5sum; for i in $(seq 200); do echo out $i; echo err $i >&2; done"
    with open(path, "rb") as stdin, open(log, "wb") as out:
        stdin.seek(100000)
        status = subprocess.run([tane.PROGRAM, "run", "-k", kernel(), "--", "sh", "-c", script],
                                stdin=stdin, stdout=out, stderr=subprocess.STDOUT,
                                timeout=SECONDS, check=False).returncode
    lines = log.read_text().splitlines()
    assert status == 0
    assert lines[0].split()[0] == hashlib.md5(pattern(300000, 3)[100000:101000]).hexdigest()
    assert lines[1:] == [f"{kind} {i}" for i in range(1, 201) for kind in ("out", "err")]


def test_closed_descriptors():
    """No stdin at all, and nobody who reads: as a pipe, SIGPIPE ends it."""
    reading, writing = os.pipe()
    machine = start("sh", "-c", "wc -c; yes", stdout=writing,
                    stdin=None, preexec_fn=lambda: os.close(0))
    os.close(writing)
    got = b""
    while got.count(b"\n") < 3:
        got += os.read(reading, 100)
    os.close(reading)
    assert got.startswith(b"0\ny\ny\n")
    assert machine.wait(SECONDS) == 128 + signal.SIGPIPE
    assert b"lost" not in machine.err


def test_signals():
    """SIGTERM and SIGUSR1 are the command's, before it runs SIGINT is ours."""
    early = start("true")
    wait_until(lambda: blocks(early.pid, signal.SIGINT), "it does not wait for signals")
    early.signal(signal.SIGINT)
    assert early.wait(SECONDS) == 128 + signal.SIGINT
    assert early.err == b""
    machine = start("sh", "-c", 'trap "echo usr1" USR1; trap "echo term; exit 7" TERM;'
                                'echo ready; while :; do sleep 1000 & wait $!; done')
    machine.expect("^ready$", SECONDS)
    machine.signal(signal.SIGUSR1)
    machine.expect("^usr1$", SECONDS)
    machine.signal(signal.SIGTERM)
    assert machine.wait(SECONDS) == 7
    assert machine.text() == "ready\nusr1\nterm\n"
    assert machine.err == b""


def test_impatience():
    """Who does not listen is ended by the third SIGINT in a row."""
    machine = start("sh", "-c", 'trap "" INT; echo ready; sleep 1000')
    machine.expect("^ready$", SECONDS)
    for _ in range(3):
        machine.signal(signal.SIGINT)
        time.sleep(0.4)  # the same one at once is a repetition, and no impatience
    assert machine.wait(SECONDS) == 128 + signal.SIGINT


def set_size(terminal, rows, cols):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def test_interactive_shell():
    """A terminal of the guest's that has the size of ours, and job control in it."""
    machine = on_terminal("bash", "--norc", "-i", env={**os.environ, "TERM": "dumb"})
    machine.expect("[$#] $", SECONDS)
    machine.send("PS1='gu''est> '\n")
    machine.expect("guest> $")

    def say(line, answer):
        machine.send(line + "\n")
        machine.expect(answer, SECONDS)
        machine.expect("guest> $", SECONDS)
    say("tty", "^/dev/pts/")
    for rows, cols in (33, 99), (44, 111):
        set_size(machine.slave, rows, cols)
        say(f'until [ "$(stty size)" = "{rows} {cols}" ]; do sleep 0.1; done; echo "si""zed"',
            "^sized\r")
    # Ctrl-C ends the job and not the shell; Ctrl-Z stops it.
    job = "sh -c 'echo be\"\"gin; exec sleep 1000'\n"
    machine.send(job)
    machine.expect("^begin\r")
    machine.send("\x03")
    machine.expect("guest> $")
    say("echo status $?", "^status 130\r")
    machine.send(job)
    machine.expect("^begin\r")
    machine.send("\x1a")
    say("", "Stopped")
    say("kill %1; echo k$?", "^k0\r")
    # Two Ctrl-] and a key are keys.
    machine.send("od -An -tx1 -N4\n")
    machine.send("\x1d\x1dx\n")
    machine.expect("1d 1d 78 0a")
    machine.send("exit 3\n")
    assert machine.wait(SECONDS) == 3
    assert machine.settings_after == machine.settings
    assert machine.err == b""


def test_the_way_out():
    """Ctrl-] thrice, whatever the guest does; and the terminal is as it was."""
    machine = on_terminal(options=["-m", "512M"], env={**os.environ, "SHELL": "/bin/sh"})
    machine.expect("[$#] $", SECONDS)  # no command is a shell
    machine.send("trap '' INT QUIT HUP TERM; stty raw; echo u''p; sleep 1000\n")
    machine.expect("^up", SECONDS)
    machine.send("\x1d\x1d\x1d")
    assert machine.wait(SECONDS) == 128 + signal.SIGKILL
    assert machine.settings_after == machine.settings


def test_job_of_a_shell():
    """Ctrl-Z stops it as a job of our own shell, and fg goes on."""
    machine = tane.Tane(command=["sh", "-c", "exec bash --norc -i 2>&1"], stdin="pty",
                        env={**os.environ, "TERM": "dumb"})
    machine.expect("[$#] $")
    machine.send("PS1='ho''st> '\n")
    machine.expect("host> $")
    machine.send(f"{tane.PROGRAM} run -k {kernel()} -- sh -c 'echo u""p; cat; echo e""nd'\n")
    machine.expect("^up\r", SECONDS)
    machine.send("one\n")
    machine.expect("^one\r\none\r")
    machine.send("\x1a")
    machine.expect("Stopped", SECONDS)
    machine.expect("host> $")
    machine.send("fg\n")
    machine.send("two\n")
    machine.expect("two\r\ntwo\r", SECONDS)  # the echo of Ctrl-Z may come only now
    machine.send("\x04")
    machine.expect("^end\r", SECONDS)
    machine.expect("host> $", SECONDS)
    machine.send("exit 0\n")
    assert machine.wait(SECONDS) == 0
    assert machine.settings_after == machine.settings


def tmux(socket, *words):
    return subprocess.run(["tmux", "-L", socket, *words], check=True, stdout=subprocess.PIPE,
                          text=True, timeout=60).stdout


def wait_for_screen(socket, text):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        screen = tmux(socket, "capture-pane", "-p")
        if text in screen:
            return screen
        time.sleep(0.2)
    raise AssertionError(f"{text!r} is not on the screen:\n{screen}")


def test_editor(tmp_path):
    """vi, on a terminal of tmux that becomes smaller; the file is in a writable share."""
    path = tmp_path / "text"
    path.write_text("".join(f"line {i}\n" for i in range(1, 101)))
    socket = f"tane-{os.getpid()}"
    run = (f"cd {tmp_path}; {tane.PROGRAM} run -k {kernel()} --share .,rw -- busybox vi text;"
           "echo status $?; sleep 1000")
    tmux(socket, "new-session", "-d", "-x", "80", "-y", "24", run)
    try:
        screen = wait_for_screen(socket, "line 23").splitlines()
        assert screen[:23] == [f"line {i}" for i in range(1, 24)]
        tmux(socket, "resize-window", "-x", "60", "-y", "12")
        tmux(socket, "send-keys", "G", "o", "the end")
        wait_for_screen(socket, "the end")
        # By itself, or it is the beginning of a key.
        tmux(socket, "send-keys", "Escape")
        wait_for_screen(socket, "- text")
        tmux(socket, "send-keys", "1", "G", "d", "d")
        wait_for_screen(socket, "line 12")
        tmux(socket, "send-keys", ":wq", "Enter")
        wait_for_screen(socket, "status 0")
    finally:
        tmux(socket, "kill-server")
    lines = path.read_text().splitlines()
    assert lines == [f"line {i}" for i in range(2, 101)] + ["the end"]


def test_work_in_a_share(tmp_path):
    """git, a compiler, and a tarball that is unpacked and built: what is made stays."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "hello.c").write_text('#include <stdio.h>\nint main(void)\n{\n\tputs("hello");\n'
                                  "\treturn 0;\n}\n")
    (work / "Makefile").write_text("hello: hello.c\n\tgcc -O1 -o $@ $<\n")
    git = ["git", "-C", work, "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    subprocess.run(["tar", "-C", tmp_path, "-czf", tmp_path / "work.tgz", "work"], check=True)
    machine = shell("set -e; cd work; echo '//' >>hello.c; git status --short; git diff --stat;"
                    "cd ..; mkdir new; cd new; tar xzf ../work.tgz; cd work; make -s; ./hello;"
                    f"git status --short; chmod 750 hello; ln -s hello link; touch {tmp_path}/x;"
                    f"stat -f -c %T . /; rm {tmp_path}/x",
                    cwd=tmp_path, options=["--share", f"{tmp_path},rw", "--user", "root"])
    assert machine.status == 0
    lines = machine.text().splitlines()
    assert lines[0].split() == ["M", "hello.c"]
    assert "1 insertion" in machine.text()
    assert "hello" in lines and "?? hello" in lines
    assert lines[-2:] == ["v9fs", "overlayfs"]
    built = tmp_path / "new/work/hello"
    assert subprocess.run([built], check=True, stdout=subprocess.PIPE).stdout == b"hello\n"
    assert oct(built.stat().st_mode & 0o777) == "0o750"
    assert os.readlink(tmp_path / "new/work/link") == "hello"
    assert (work / "hello.c").read_text().endswith("//\n")


def test_writes_of_rw(tmp_path):
    """--rw: no overlay, the root itself is written to."""
    machine = shell(f"echo stays >{tmp_path}/file; umask 077; mkdir {tmp_path}/folder",
                    options=["--rw"], cwd=tmp_path)
    assert machine.status == 0
    assert (tmp_path / "file").read_text() == "stays\n"
    assert oct((tmp_path / "folder").stat().st_mode & 0o777) == "0o700"


def test_another_root(tmp_path):
    """--root: another system, in which we are root, in its folder /."""
    tree = tmp_path / "tree"
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "run"):
        (tree / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), tree / "bin")
    for name in ("sh", "id", "ls", "env", "pwd", "cat"):
        os.symlink("busybox", tree / "bin" / name)
    (tree / "etc/motd").write_text("another\n")
    machine = shell("cat /etc/motd; id -u; pwd; echo $HOME; ls -d /usr; echo x >/etc/motd; exit 5",
                    options=["--root", tree], cwd="/usr")
    assert machine.status == 5
    assert machine.text() == "another\n0\n/\n/root\n"
    assert "/usr: No such file" in machine.error_text()
    assert (tree / "etc/motd").read_text() == "another\n"


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        body = b"page of the host\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def test_network_and_another_user():
    """-n user: an address by DHCP and a page of the host's; as a user by numbers."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        machine = shell(f"busybox wget -q -O - http://10.0.2.2:{server.server_port}/; id -u;"
                        "id -g; busybox ip -4 addr show eth0; cat /etc/resolv.conf",
                        options=["-n", "user,loopback=on", "--user", "1234:99"])
        server.shutdown()
    assert machine.status == 0
    assert machine.text().startswith("page of the host\n1234\n99\n")
    assert "inet 10.0.2.15/24" in machine.text()
    assert "nameserver 10.0.2.3" in machine.text()


def test_kernel_without_9p():
    machine = tane.run("-k", linux.kernel("cloud", "vmlinux"), "--", "true", seconds=SECONDS)
    assert machine.status == 125
    assert machine.out == b""
    assert re.search("^tane: .*9[pP]", machine.error_text(), re.M)


@pytest.mark.parametrize("key, says", [
    ("c", "reset itself"),
    ("o", "powered off and has not said how the command ended"),
])
def test_guest_that_dies(key, says):
    """No exit status of a command that has none: 125, and the kernel's last words."""
    machine = shell(f"echo begin; sleep 1; echo {key} >/proc/sysrq-trigger; sleep 1000",
                    options=["--user", "root"])
    assert machine.status == 125
    assert machine.text() == "begin\n"
    assert says in machine.error_text().splitlines()[-1]
    if key == "c":
        assert "the last that the guest's kernel has said" in machine.error_text()
        assert "Kernel panic - not syncing: sysrq triggered crash" in machine.error_text()


def test_refused(tmp_path):
    """What cannot be is said before anything boots."""
    for options, message in [
        (["-k", "/nonexistent"], '"/nonexistent": cannot open it: No such file'),
        (["-k", kernel(), "--modules", tmp_path], "there is no modules.dep of the kernel"),
        (["-k", kernel(), "--root", "/nonexistent"], "/nonexistent"),
        (["-k", kernel(), "--user", "1x"], 'user: "1x" is not NAME or UID[:GID]'),
    ]:
        machine = tane.run(*options, "--", "true")
        assert machine.status == 125
        assert message in machine.error_text()
