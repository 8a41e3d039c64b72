# SPDX-License-Identifier: BSD-2-Clause
"""Run a command on a machine that has real KVM, on one that has none.

QEMU emulates a CPU with virtualization extensions; Debian's stock kernel runs
on it ("L1") and the command runs there as root, at its own path, with its own
arguments; its output and exit status come out here. L1's root is the host's,
or, for another architecture, a tree of Debian's packages (tools/root) in which
the host's folders are at their own paths: read-only, with a RAM overlay that
takes all writes. Each architecture is a subclass of Architecture, in a program
of its own beside this file: x86_64, riscv64, arm64.

How: the kernel is entered with an initramfs made in memory for each run:
busybox, the modules of virtio, 9p, overlay and KVM, the script `init`, and the
job. The command's input, output and errors each pass a
virtio serial port that is a socket on our side; one loop moves the bytes both
ways with at most one chunk in hand, so a slow reader slows the command. The
control port says "up" and "status N". Each output ends with a token made for
this run, which tells that nothing is missing. A status counts only with all
of these; everything else is exit status 125 and the end of L1's console.

QEMU's emulation of SVM now and then loses an interrupt: helper_vmexit() clears a
bit of cpu->interrupt_request while the main thread, which runs the timers, may
set another. If it was the timer's, an idle L1 sleeps for ever. Any other
interrupt brings it back, so a heartbeat comes by a port of its own.
"""
import argparse
import fcntl
import os
import re
import secrets
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import tty

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.realpath(HERE + "/../..")
TOOLS = TREE + "/tools"
# In the tree, or installed in one folder, where `init` is lab-init.
HELPERS = [HERE, TOOLS] if os.path.isdir(TOOLS) else [HERE]
KEEP = """PATH HOME TERM LANG LC_ALL LC_CTYPE TZ USER LOGNAME SHELL
    XDG_CACHE_HOME COLORTERM""".split()
# Top folders that belong to a system and not to its users.
SYSTEM = """bin boot dev etc lib lib32 lib64 libx32 lost+found media mnt proc run sbin
    sys usr var""".split()
BOOT_SECONDS = 180
FAILED = 125
CHUNK = 65536
HEARTBEAT_SECONDS = 0.2
ESCAPE = b"\x1d"  # Ctrl-]


class Failure(Exception):
    """The lab itself failed."""


class OutputLost(Exception):
    """Our output cannot be written; the lab is not to blame."""


class Stopped(BaseException):
    """A signal asks us to end."""


class Architecture:
    """What the labs differ in."""

    name = None  # as tools/kernel and tools/root call it
    role = None  # of tools/setup
    image = "vmlinuz"  # of tools/kernel's files, what QEMU enters
    console = "ttyS0"
    modules = ""  # those that L1 needs before it has its root
    memory = 4096  # MiB, if the host has them
    irqchips = ()  # choices for --irqchip, the default first
    own_root = False  # whether L1's root is the host's

    def machine(self, args):
        """QEMU, its machine and CPU."""
        raise NotImplementedError

    def root(self):
        """The host's folder that becomes L1's root."""
        return "/" if self.own_root else run_helper("root", self.name)


def helper(*names):
    for folder in HELPERS:
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                return path
    raise Failure(f"cannot find its helper {names[0]}")


def run_helper(name, *args):
    """What the helper prints; its messages go to stderr."""
    done = subprocess.run([helper(name), *args], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, check=False)
    if done.returncode:
        raise Failure(f"{name} {' '.join(args)} failed")
    return done.stdout.strip()


def parse_args(arch):
    parser = argparse.ArgumentParser(
        prog=os.path.basename(sys.argv[0]),
        usage="%(prog)s [options] [--] command [argument...]",
        description="Run a command with real KVM on a machine that has none.",
        allow_abbrev=False,
        epilog="The exit status is the command's, or 125 if the lab failed. "
        "Without a command: a shell. On a terminal, Ctrl-] three times in a row "
        "ends the lab. The command sees the host's files as they are"
        f"{'' if arch.own_root else f' (but for /usr, /etc and the like, which are of {arch.name})'}; "
        "what it writes is gone at the end, except below --rw folders.")
    parser.add_argument("--cpus", type=int, default=1, metavar="N",
                        help="CPUs of the machine (1)")
    parser.add_argument("--mem", metavar="SIZE",
                        help=f"its memory, 2048M or 4G ({arch.memory // 1024}G, "
                             "or 3/4 of what the host has free)")
    parser.add_argument("--timeout", type=float, default=1800, metavar="SECONDS",
                        help="end it after this time (1800)")
    parser.add_argument("--icount", action="store_true",
                        help="its clock counts instructions, a ns for each: what is timed "
                             "inside hardly depends on how busy the host is")
    parser.add_argument("--rw", action="append", default=[], metavar="DIR",
                        help="let the command write to this folder (repeatable)")
    parser.add_argument("--env", action="append", default=[], metavar="NAME[=VALUE]",
                        help="pass this variable on (repeatable)")
    parser.set_defaults(irqchip=None)
    if arch.irqchips:
        parser.add_argument("--irqchip", choices=arch.irqchips, default=arch.irqchips[0],
                            help="its interrupt controller (%(default)s)")
    parser.add_argument("--verbose", action="store_true",
                        help="show the machine's console on stderr")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.command[:1] == ["--"]:
        del args.command[0]
    if not args.command:
        args.command = ["/bin/bash"] if os.path.exists("/bin/bash") else ["/bin/sh"]
    if args.cpus < 1 or args.timeout <= 0:
        parser.error("--cpus and --timeout must be above 0")
    match = re.fullmatch(r"(\d+)([MG]?)", args.mem or "0")
    if not match:
        parser.error(f'--mem "{args.mem}": not a size such as 2048M or 4G')
    args.mem = int(match[1]) * (1024 if match[2] == "G" else 1)
    return args


def free_memory():
    """MiB that this process may take: the host's, or its control group's."""
    with open("/proc/meminfo", encoding="ascii") as file:
        free = int(re.search(r"MemAvailable: *(\d+)", file.read())[1]) // 1024
    for path in ("/sys/fs/cgroup/memory.max",
                 "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as file:
                free = min(free, int(file.read()) // 2**20)
        except (OSError, ValueError):
            pass
    return free


def environment(arch, args):
    env = {name: os.environ[name] for name in KEEP if name in os.environ}
    if not arch.own_root:
        env.pop("PATH", None)  # where programs of the host's architecture are
    env.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    path = env["PATH"].split(":")
    path += [d for d in ("/usr/local/sbin", "/usr/sbin", "/sbin") if d not in path]
    env["PATH"] = ":".join(path)
    env.setdefault("HOME", "/root")
    env["TANE_LAB"] = "1"
    if args.irqchip:
        env["TANE_LAB_IRQCHIP"] = args.irqchip
    for item in args.env:
        name, equals, value = item.partition("=")
        if equals:
            env[name] = value
        elif name in os.environ:
            env[name] = os.environ[name]
    return env


def window_size():
    return struct.unpack("HHHH", fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8))[:2]


def host_folders(args, root):
    """What L1 shows of the host if its root is not the host's: the folders that
    are no part of a system, and those below these in which somebody has business
    now, unless L1's root has its own."""
    folders = [entry.path for entry in os.scandir("/")
               if entry.is_dir(follow_symlinks=False) and entry.name not in SYSTEM]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    tree = [TREE] if os.path.isdir(TOOLS) else []
    for path in map(os.path.realpath, (*tree, cache + "/tane", os.getcwd(), *args.rw)):
        if path.split("/")[1] in SYSTEM and os.path.isdir(path) and \
                not os.path.exists(root + path):
            folders.append(path)
    return folders


def job(args, arch, root, version, modules, token, terminal, has_input):
    """The two shell scripts that tell `init` what to do."""
    size = ""
    if terminal:
        rows, columns = window_size()
        size = f"rows {rows or 24} cols {columns or 80}"
    lines = [f"version={shlex.quote(version)}", f"modules={shlex.quote(modules)}",
             f"token={token}", f"tty={shlex.quote(size)}",
             f"input={'yes' if has_input else ''}",
             f"own_root={'yes' if arch.own_root else ''}", "mount_host()", "{", "\t:"]
    for path in [] if arch.own_root else host_folders(args, root):
        lines.append(f"\tshow {shlex.quote(path)}")
    lines += ["}", "mount_rw()", "{", "\t:"]
    for number, path in enumerate(args.rw):
        lines.append(f'\tmount -t 9p -o "$1" rw{number} {shlex.quote("/new" + path)}'
                     f' || fail "cannot mount --rw {number}"')
    lines.append("}")
    env = [f"{name}={value}" for name, value in environment(arch, args).items()]
    command = ["exec", "/usr/bin/env", "-i", *env, *args.command]
    script = [f"cd {shlex.quote(os.getcwd())} || exit {FAILED}",
              " ".join(map(shlex.quote, command))]
    return "\n".join(lines) + "\n", "\n".join(script) + "\n"


def find_busybox(root):
    for path in ("bin/busybox", "usr/bin/busybox"):
        if os.path.exists(os.path.join(root, path)):
            return os.path.join(root, path)
    raise Failure(f"no busybox in {root} (Debian: busybox-static)")


def initramfs(arch, root, kernel, version, lines, script):
    """A descriptor of a file in memory that holds the initramfs."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.dirname(helper("newc.py")))
    import newc

    archive = newc.Archive()
    archive.char("dev/console", 5, 1)
    busybox, ours = find_busybox(root), find_busybox("/")
    archive.host(os.path.realpath(busybox), "bin/busybox")
    archive.host(os.path.realpath(busybox), "lab/bin/busybox")
    # That of another architecture cannot be asked; it has the same.
    applets = subprocess.run([ours, "--list"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.split()
    for applet in applets:
        archive.link("lab/bin/" + applet, "busybox")
    for number, path in enumerate(newc.modules(kernel + "/root", version,
                                               arch.modules.split())):
        name = os.path.basename(path).split(".ko")[0]
        archive.file(f"lab/modules/{number:02}-{name}", newc.module_data(path))
    with open(helper("lab-init", "init"), "rb") as file:
        init = file.read()
    archive.file("init", init, 0o755)
    archive.file("lab/init", init, 0o755)
    archive.file("lab/job", os.fsencode(lines))
    archive.file("lab/command", os.fsencode(script))
    fd = os.memfd_create("initramfs")
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(archive.data())
    return fd


def shared(path, tag, **options):
    """QEMU's option for a shared folder; a comma in a path is written twice."""
    fields = [f"path={path.replace(',', ',,')}", f"mount_tag={tag}",
              "security_model=none", "multidevs=remap"]
    fields += [f"{name}={value}" for name, value in options.items()]
    return ["-virtfs", "local," + ",".join(fields)]


TCG = "-accel", "tcg,thread=multi"
ICOUNT = "-accel", "tcg", "-icount", "shift=0,sleep=off"


class Machine:
    """The QEMU process and our ends of its channels."""

    def __init__(self, args, arch, root, kernel, initrd, terminal):
        self.channels = {}
        self.passed = [initrd]
        command = [
            "setpriv", "--pdeathsig", "KILL", *arch.machine(args), "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot",
            *(ICOUNT if args.icount else TCG), "-smp", str(args.cpus), "-m", str(args.mem),
            "-kernel", f"{kernel}/{arch.image}", "-initrd", f"/dev/fd/{initrd}",
            "-append", f"console={arch.console} quiet cryptomgr.notests panic=-1 "
            "mitigations=off",
            *self.channel("console"), "-serial", "chardev:console",
            "-device", "virtio-serial-pci,max_ports=8",
            *shared(root, "root", readonly="on")]
        if not arch.own_root:
            command += shared("/", "host", readonly="on")
        for number, path in enumerate(args.rw):
            command += shared(path, f"rw{number}")
        if terminal:
            command += [*self.channel("tty"), "-device", "virtconsole,nr=0,chardev=tty"]
        for number, name in enumerate(("in", "out", "err", "control", "heartbeat"), 1):
            command += [*self.channel(name), "-device",
                        f"virtserialport,nr={number},chardev={name}"]
        self.channels["qemu"], theirs = os.pipe()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=theirs, stderr=theirs,
                                        pass_fds=self.passed, start_new_session=True)
        for fd in (*self.passed, theirs):
            os.close(fd)

    def channel(self, name):
        ours, theirs = socket.socketpair()
        self.channels[name] = ours.detach()
        self.passed.append(theirs.detach())
        return ["-chardev", f"socket,id={name},fd={self.passed[-1]}"]

    def end(self):
        self.process.kill()
        self.process.wait()


class Stream:
    """Bytes on their way from one descriptor to another, a chunk at a time."""

    def __init__(self, source, sink, token=b""):
        self.source = source
        self.sink = sink
        self.token = token
        self.tail = b""  # may be the beginning of the token
        self.pending = b""  # to be written
        self.open = True

    def done(self):
        return not self.open and not self.pending

    def wish(self):
        """What to poll for: (descriptor, events), or None."""
        if self.pending:
            return self.sink, select.POLLOUT
        return (self.source, select.POLLIN) if self.open else None

    def move(self):
        """Read or write once, as wish() said."""
        if self.pending:
            # A pipe that polls as writable takes this much; more might block.
            try:
                count = os.write(self.sink, self.pending[:select.PIPE_BUF])
            except ConnectionError:  # a broken pipe too
                raise
            except OSError as error:
                raise OutputLost(error.strerror) from None
            self.pending = self.pending[count:]
            return
        try:
            data = os.read(self.source, CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            self.open = False
            self.pending, self.tail = self.tail, b""
        elif self.token:
            self.search(self.tail + data)
        else:
            self.pending = data

    def search(self, data):
        end = data.find(self.token)
        if end >= 0:
            self.open = False
            self.token = self.tail = b""
        else:
            end = len(data)
            for start in range(max(0, end - len(self.token) + 1), len(data)):
                if self.token.startswith(data[start:]):
                    end = start
                    break
            self.tail = data[end:]
        self.pending = data[:end]


class Log:
    """The last lines of a channel that nobody reads unless something fails."""

    def __init__(self, source, show):
        self.source = source
        self.show = show
        self.text = b""
        self.open = True

    def wish(self):
        return (self.source, select.POLLIN) if self.open else None

    def move(self):
        try:
            data = os.read(self.source, CHUNK)
        except ConnectionError:
            data = b""
        self.open = bool(data)
        self.text = (self.text + data)[-8192:]
        if self.show:
            os.write(2, data)


class Control(Log):
    """The port that tells of the start and the end."""

    def is_up(self):
        return self.text.startswith(b"up\n")

    def status(self):
        match = re.search(rb"\nstatus (\d+)\n", self.text)
        return int(match[1]) if match else None


class Keyboard(Stream):
    """The terminal's input; counts the escape key."""

    count = 0

    def move(self):
        reading = not self.pending
        super().move()
        if reading:
            for key in (self.pending[i:i + 1] for i in range(len(self.pending))):
                self.count = self.count + 1 if key == ESCAPE else 0
                if self.count == 3:
                    raise Stopped(signal.SIGTERM)


class Session:
    """Moves bytes until the command has ended."""

    def __init__(self, args, machine, token, terminal, has_input):
        fds = machine.channels
        self.terminal = terminal
        self.settings = None  # the terminal's, when it is raw
        self.args = args
        self.control = Control(fds["control"], False)
        self.heartbeat = fds["heartbeat"]
        os.set_blocking(self.heartbeat, False)
        self.qemu = Log(fds["qemu"], args.verbose)
        self.console = Log(fds["console"], args.verbose)
        self.input = None
        if terminal:
            self.input = Keyboard(0, fds["tty"])
            self.outputs = [Stream(fds["tty"], 1, token)]
        else:
            self.outputs = [Stream(fds["out"], 1, token), Stream(fds["err"], 2, token)]
            if has_input:
                self.input = Stream(0, fds["in"])

    def run(self):
        """Return the command's exit status."""
        start = time.monotonic()
        while not self.complete():
            passed = time.monotonic() - start
            limit = self.args.timeout
            if not self.control.is_up():
                limit = min(limit, BOOT_SECONDS)
            if passed >= limit:
                raise Failure(f"no end after {limit:g} seconds")
            self.step(min(limit - passed, HEARTBEAT_SECONDS))
            self.beat()
            if self.terminal and not self.settings and self.control.is_up():
                self.take_terminal()
        status = self.control.status()
        if status is None:
            raise Failure("the machine stopped before the command ended")
        return status

    def take_terminal(self):
        """Not before the command can have the keys: until then Ctrl-C is for us."""
        self.settings = termios.tcgetattr(0)
        tty.setraw(0, termios.TCSADRAIN)

    def restore_terminal(self):
        if self.settings:
            termios.tcsetattr(0, termios.TCSADRAIN, self.settings)

    def beat(self):
        """Wake L1, see above. Too often does no harm; if the port is full, it is awake."""
        if self.control.is_up():
            try:
                os.write(self.heartbeat, b"\n")
            except (BlockingIOError, ConnectionError):
                pass

    def complete(self):
        """Either all is here, or QEMU is gone and so is all it had sent."""
        if self.control.status() is not None or not self.control.open:
            return all(stream.done() for stream in self.outputs)
        return False

    def step(self, seconds):
        parts = [self.control, self.qemu, self.console, *self.outputs]
        if self.input and self.control.is_up():
            parts.append(self.input)
        wishes = [(wish, part) for part in parts if (wish := part.wish())]
        wanted = {}
        for (fd, events), _ in wishes:  # two parts may share the terminal's socket
            wanted[fd] = wanted.get(fd, 0) | events
        poll = select.poll()
        for fd, events in wanted.items():
            poll.register(fd, events)
        ready = dict(poll.poll(seconds * 1000))
        for (fd, events), part in wishes:
            if not ready.get(fd, 0) & (events | select.POLLHUP | select.POLLERR):
                continue
            if part is self.input:
                self.move_input()
            else:
                part.move()

    def move_input(self):
        """Neither our input's end nor a command that reads none ends more."""
        try:
            self.input.move()
        except ConnectionError:
            self.input = None
            return
        if self.input.done():
            if not isinstance(self.input, Keyboard):
                with socket.socket(fileno=os.dup(self.input.sink)) as sock:
                    sock.shutdown(socket.SHUT_WR)
            self.input = None

    def report(self, message):
        text = self.qemu.text + self.console.text
        lines = text.decode(errors="replace").replace("\r", "").splitlines()
        lines = [line for line in lines if "TCG doesn't support" not in line]
        for line in last_words(lines) if not self.args.verbose else []:
            print("  | " + line, file=sys.stderr)
        print(f"lab: {message}", file=sys.stderr)


def last_words(lines):
    """The end of a log: all of the last complaint of the kernel, at least 25 lines."""
    begins = [number for number, line in enumerate(lines) if "Kernel panic" in line
              or re.search(r"\bBUG: |Oops: |: Unable to handle", line)]
    return lines[max(-100, min([-25] + [at - len(lines) for at in begins[:1]])):]


def stop(number, _frame):
    raise Stopped(number)


def run(arch, args):
    if args.rw:
        args.rw = [os.path.realpath(path) for path in args.rw]
        for path in args.rw:
            if not os.path.isdir(path):
                raise Failure(f'--rw "{path}": not a folder')
    free = free_memory() * 3 // 4
    args.mem = args.mem or min(arch.memory, free)
    if args.mem < 768:
        raise Failure(f"needs 768M of memory; {args.mem}M is to be had")

    run_helper("setup", arch.role)
    root = arch.root()
    kernel = os.path.realpath(run_helper("kernel", "--arch", arch.name, "generic"))
    with open(kernel + "/version", encoding="ascii") as file:
        version = file.read().strip()

    terminal = os.isatty(0) and os.isatty(1)
    has_input = not os.isatty(0)
    token = secrets.token_hex(16)
    modules = f"{kernel}/root/lib/modules/{version}"
    scripts = job(args, arch, root, version, modules, token, terminal, has_input)
    initrd = initramfs(arch, root, kernel, version, *scripts)
    machine = Machine(args, arch, root, kernel, initrd, terminal)
    session = Session(args, machine, b"\1" + token.encode(), terminal, has_input)
    try:
        if terminal:
            signal.signal(signal.SIGWINCH, lambda *_: os.write(
                machine.channels["control"], b"%d %d\n" % window_size()))
        return session.run()
    except Failure as failure:
        session.restore_terminal()
        session.report(failure)
        return FAILED
    finally:
        machine.end()
        session.restore_terminal()


def main(arch):
    """What the program of each architecture does; its exit status."""
    while os.open("/dev/null", os.O_RDWR) <= 2:
        pass  # whoever started us without 0, 1 and 2 gets them
    args = parse_args(arch)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, stop)
    try:
        return run(arch, args)
    except Failure as failure:
        print(f"lab: {failure}", file=sys.stderr)
        return FAILED
    except OutputLost as error:
        print(f"lab: cannot write the command's output: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        number = signal.SIGPIPE
    except Stopped as stopped:
        number = stopped.args[0]
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number

