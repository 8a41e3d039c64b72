# SPDX-License-Identifier: BSD-2-Clause
"""Networks with Debian's virtio_net: user, tap and vhost, over PCI and over MMIO.

The host's end are servers and clients of this process. They need addresses that are
neither loopback nor the guest's: OUTSIDE, put on the interface lo by host_addresses().
So the tests run as root in a network of their own, as the lab has it.
"""
import contextlib
import functools
import glob
import hashlib
import http.server
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.request

import pytest

import linux
import tane
from marks import every_arch, x86_only

MIB = 1 << 20
OUTSIDE, OUTSIDE6 = "192.0.2.1", "2001:db8::1"
TAP_HOST, TAP_GUEST = "192.168.77.1", "192.168.77.2"
MAC = "02:00:5e:10:20:30"
# The web server, SSH, a sink and a source of bytes in the guest.
HTTP, SSH, SINK, SOURCE = 80, 22, 9001, 9002
HOST_PORTS = {HTTP: 18080, SSH: 18022, SINK: 19001, SOURCE: 19002}
BOOTS = {
    "user-pci": ["user", "pci", 1],
    "user-mmio": ["user", "mmio,ring=packed", 2],
    "tap-pci": ["tap", "pci", 4],
    "tap-mmio": ["tap", "mmio,ring=packed", 1],
    "vhost-pci": ["vhost", "pci", 2],
    "vhost-mmio": ["vhost", "mmio", 1],
}
EVERYWHERE = ("user-pci", "user-mmio")  # of these, on all architectures

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or "TANE_LAB" not in os.environ,
    reason="changes addresses and name servers of this host: runs in the lab only")


def do(machine, command, seconds=tane.DEADLINE, fails=False):
    """Run a command in the waiting shell; what it printed."""
    separator = "\n" if command.endswith("\n") else "; "  # behind a here-document
    # The shell shows what was typed, broken into lines; so its quotes tell it apart.
    machine.send(f"echo BE''GIN; {command.rstrip()}{separator}echo EN''D-$?\n")
    machine.expect(r"^BEGIN\r*\n")
    begin = machine.seen
    match = machine.expect(r"^END-(\d+)\r*\n", seconds)
    text = machine.out[begin:match.start()].decode(errors="replace").replace("\r", "")
    assert (match[1] != b"0") == fails, f"{command}: {text}"
    return text


def wait_until(condition, what, seconds=tane.DEADLINE):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout


@functools.lru_cache(None)
def host_addresses():
    """Addresses for servers of this process, once."""
    ip("link", "set", "lo", "up")
    ip("address", "add", f"{OUTSIDE}/32", "dev", "lo", check=False)
    ip("-6", "address", "add", f"{OUTSIDE6}/128", "dev", "lo", "nodad", check=False)


@functools.lru_cache(None)
def ssh_key():
    """A key for dbclient, and an archive that lets it in."""
    path = os.path.join(tane.GUESTS, f"ssh-key-{os.getpid()}")
    os.makedirs(tane.GUESTS, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    out = subprocess.run(["dropbearkey", "-t", "ed25519", "-f", path], check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    public = re.search(rb"^ssh-ed25519 .*\n", out, re.M)[0]
    return path, linux.archive(f"authorized-{os.getpid()}.cpio",
                               {"root/.ssh/authorized_keys": public})


def cpu_seconds(machine):
    """CPU time of all threads of a tane but its vCPUs."""
    total = 0
    for folder in glob.glob(f"/proc/{machine.pid}/task/*"):
        with contextlib.suppress(OSError), open(f"{folder}/stat", encoding="ascii") as file:
            name, _, rest = file.read().rpartition(")")
            if "(vcpu" not in name:
                words = rest.split()
                total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


class Server(threading.Thread):
    """Accepts one connection after another and hands it to `serve`."""

    def __init__(self, address, serve):
        super().__init__(daemon=True)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.create_server((address, 0), family=family)
        self.port = self.socket.getsockname()[1]
        self.serve = serve
        self.results = []
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.socket.accept()[0]
                with connection:
                    self.results.append(self.serve(connection))

    def close(self):
        self.socket.close()


def digest_of(connection):
    """What comes until the end: size and MD5."""
    digest, size = hashlib.md5(), 0
    while data := connection.recv(1 << 18):
        digest.update(data)
        size += len(data)
    return size, digest.hexdigest()


class NameServer(threading.Thread):
    """A DNS server on 127.0.0.1: any name is 192.0.2.55, and it notes the questions."""

    def __init__(self):
        super().__init__(daemon=True)
        self.names = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.start()

    def run(self):
        while True:
            query, peer = self.socket.recvfrom(512)
            end = query.index(b"\0", 12)
            question = query[12:end + 5]
            self.names.append(query[13:end].replace(b"\x03", b".").decode(errors="replace"))
            is_a = question[-4:-2] == b"\0\x01"
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 55])
            header = query[:2] + struct.pack(">HHHHH", 0x8180, 1, is_a, 0, 0)
            self.socket.sendto(header + question + (answer if is_a else b""), peer)


@functools.lru_cache(None)
def name_server():
    with open("/etc/resolv.conf", "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.1\n")
    return NameServer()


def start_servers(machine):
    """In the guest: files, SSH, and bytes both ways."""
    do(machine, "mkdir -p /run/www && head -c 1000000 /dev/urandom >/run/www/file && "
                f"httpd -h /run/www -p {HTTP}")
    do(machine, f"mkdir -p /etc/dropbear; dropbear -R -E -B -p {SSH} 2>/run/dropbear.log")
    do(machine, f"socat TCP-LISTEN:{SINK},fork,reuseaddr SYSTEM:md5sum & "
                f"socat TCP-LISTEN:{SOURCE},fork,reuseaddr SYSTEM:'. /run/source' & true")
    ready = " && ".join(f"netstat -ltn | grep -q ':{port} '" for port in HOST_PORTS)
    do(machine, f"until {ready}; do usleep 100000; done")


def start_user(transport, cpus, *more):
    words = "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{guest}"
                    for guest, host in HOST_PORTS.items())
    machine = linux.shell(
        "-n", f"user,hostname=seedling,mac={MAC}{words}", "--virtio", transport, "-c", cpus,
        "-m", "512M", "-i", ssh_key()[1], *more, load=linux.VIRTIO, stdin="pipe",
        programs=["socat", "dropbear", "ethtool", "iperf3"])
    machine.peer = OUTSIDE
    machine.at = {guest: ("127.0.0.1", host) for guest, host in HOST_PORTS.items()}
    return machine


def start_tap(transport, cpus, vhost):
    name = "tane0"
    machine = linux.shell(
        "-n", f"tap,ifname={name},mac={MAC},mtu=1400" + (",vhost=on" if vhost else ""),
        "--virtio", transport, "-c", cpus, "-m", "512M", "-i", ssh_key()[1],
        load=linux.VIRTIO, stdin="pipe", programs=["socat", "dropbear", "ethtool", "iperf3"])
    ip("address", "add", f"{TAP_HOST}/24", "dev", name)
    machine.peer = TAP_HOST
    machine.at = {port: (TAP_GUEST, port) for port in HOST_PORTS}
    return machine


@pytest.fixture(name="boot", scope="module", params=[
    pytest.param(name, marks=[] if name in EVERYWHERE else [x86_only]) for name in BOOTS])
def networked(request):
    """A guest on a network, with servers."""
    kind, transport, cpus = BOOTS[request.param]
    host_addresses()
    if kind == "user":
        machine = start_user(transport, cpus)
        do(machine, "udhcpc -i eth0 -n -q -f")
    else:
        machine = start_tap(transport, cpus, kind == "vhost")
        do(machine, f"ip address add {TAP_GUEST}/24 dev eth0 && ip link set eth0 up")
    machine.kind, machine.cpus = kind, cpus
    start_servers(machine)
    yield machine
    machine.close()


def only(boot, *kinds):
    if boot.kind not in kinds:
        pytest.skip(f"of {' and '.join(kinds)}")


def connect(boot, port):
    return socket.create_connection(boot.at[port], timeout=tane.DEADLINE)


@every_arch
def test_address(boot):
    """The card has the MAC and MTU that the user gave, and a user network gives the rest."""
    text = do(boot, "ip address show eth0; ip route; cat /etc/resolv.conf; true")
    assert f"link/ether {MAC}" in text
    if boot.kind == "user":
        assert "mtu 1500" in text and "inet 10.0.2.15/24" in text
        assert "default via 10.0.2.2 dev eth0" in text
        assert "nameserver 10.0.2.3" in text
    else:
        assert "mtu 1400" in text
    assert "LOWER_UP" in text
    assert "complaint" not in do(boot, "dmesg | grep -iE 'virtio.*(fail|err|warn)' "
                                       "&& echo complaint; true")


@every_arch
def test_host_name(boot):
    only(boot, "user")
    do(boot, "printf '#!/bin/sh\\necho name=$hostname\\n' >/run/show; chmod +x /run/show")
    assert "name=seedling\n" in do(boot, "udhcpc -i eth0 -n -q -f -O hostname -s /run/show")


@every_arch
def test_names(boot):
    """The host's name server answers at 10.0.2.3."""
    only(boot, "user")
    server = name_server()
    assert "192.0.2.55" in do(boot, "nslookup seed.tane.example 10.0.2.3")
    assert any("seed" in name for name in server.names)


@every_arch
def test_ping(boot):
    if boot.kind == "user":
        do(boot, "ping -c 3 10.0.2.2")
        do(boot, "ping -c 1 -s 4000 10.0.2.2")  # in fragments
    else:
        done = subprocess.run(["ping", "-c", "5", "-i", "0.2", "-q", TAP_GUEST],
                              stdout=subprocess.PIPE, check=False, text=True)
        assert " 0% packet loss" in done.stdout
        do(boot, f"ping -c 3 -s 20000 {TAP_HOST}")


@every_arch
def test_ipv6(boot):
    """An address by router advertisement, and connections to the host's side."""
    only(boot, "user")
    wait_until(lambda: "fec0::" in do(boot, "ip -6 address show eth0 scope site"),
               "no address came")
    do(boot, "ping6 -c 2 fec0::2")
    server = Server(OUTSIDE6, digest_of)
    do(boot, f"echo over six | socat - 'TCP6:[{OUTSIDE6}]:{server.port}'")
    wait_until(lambda: server.results, "nothing arrived")
    assert server.results[0] == (9, hashlib.md5(b"over six\n").hexdigest())
    server.close()


@every_arch
def test_web_server(boot):
    address, port = boot.at[HTTP]
    want = do(boot, "md5sum /run/www/file").split()[0]
    with urllib.request.urlopen(f"http://{address}:{port}/file", timeout=60) as answer:
        assert hashlib.md5(answer.read()).hexdigest() == want


@every_arch
def test_many_connections(boot):
    """One after another, and some at once."""
    address, port = boot.at[HTTP]
    do(boot, "echo small >/run/www/small")
    got = []

    def fetch():
        for _ in range(5):
            with urllib.request.urlopen(f"http://{address}:{port}/small",
                                        timeout=60) as answer:
                got.append(answer.read())
    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [b"small\n"] * 40


@every_arch
def test_ssh(boot):
    if not shutil.which("dbclient"):
        pytest.skip("dbclient is not installed")
    address, port = boot.at[SSH]
    done = subprocess.run(["dbclient", "-y", "-y", "-i", ssh_key()[0], "-p", str(port),
                           f"root@{address}", "uname -s; cat"], input="through ssh\n",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=tane.DEADLINE, check=False)
    assert done.stdout == "Linux\nthrough ssh\n", \
        done.stderr + do(boot, "cat /run/dropbear.log; ls -la /root /root/.ssh")


def size_of(boot):
    """Bytes for a transfer of some seconds. TANE_NET_MIB makes it a long one."""
    mib = os.environ.get("TANE_NET_MIB") or (2 if boot.kind == "user" else 4)
    return int(mib) * MIB


def say_speed(what, size, start):
    """For pytest -rP."""
    seconds = time.monotonic() - start
    print(f"{what}: {size / MIB:.0f} MiB in {seconds:.1f} s, {size * 8e-6 / seconds:.0f} Mbit/s")


@every_arch
def test_large_transfer_to_the_guest(boot):
    data = os.urandom(MIB)
    digest, size, start = hashlib.md5(), size_of(boot), time.monotonic()
    with connect(boot, SINK) as connection:
        for _ in range(size // MIB):
            connection.sendall(data)
            digest.update(data)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(100).decode()
    assert answer.split()[0] == digest.hexdigest()
    say_speed("to the guest", size, start)


@every_arch
def test_large_transfer_from_the_guest(boot):
    """To a client of the host, and to a server of the host."""
    address, port = boot.at[HTTP]
    with urllib.request.urlopen(f"http://{address}:{port}/file", timeout=60) as answer:
        file = answer.read()
    blocks, digest, size = size_of(boot) // MIB, hashlib.md5(), 0
    for number in range(blocks):
        digest.update(b"block %d\n" % number + file)
        size += len(b"block %d\n" % number) + len(file)
    source = (f"i=0; while [ $i -lt {blocks} ]; do echo block $i; cat /run/www/file; "
              "i=$((i+1)); done")
    do(boot, f"cat >/run/source <<'EOF'\n{source}\nEOF\n")
    start = time.monotonic()
    with connect(boot, SOURCE) as connection:
        assert digest_of(connection) == (size, digest.hexdigest())
    say_speed("from the guest, which is asked", size, start)
    start = time.monotonic()
    server = Server(boot.peer, digest_of)
    do(boot, f"sh /run/source | socat -u - TCP:{boot.peer}:{server.port}",
       seconds=300 + size // MIB)
    wait_until(lambda: server.results, "nothing arrived")
    assert server.results == [(size, digest.hexdigest())]
    say_speed("from the guest, which connects", size, start)
    server.close()


def test_iperf3(boot):
    only(boot, "tap", "vhost")
    do(boot, "iperf3 -s -D")
    for options in [], ["-R"], ["-u", "-b", "5M"]:
        done = subprocess.run(["iperf3", "-c", TAP_GUEST, "-t", "2", "-J", *options],
                              stdout=subprocess.PIPE, check=False, text=True)
        report = json.loads(done.stdout)
        assert "error" not in report, report
        end = report["end"].get("sum_received") or report["end"]["sum"]
        assert end["bytes"] > 100000, options
    do(boot, "killall iperf3")


@every_arch
def test_offloads(boot):
    """What makes large transfers cheap is on."""
    text = do(boot, "ethtool -k eth0")
    assert "tx-checksumming: on" in text
    assert "tx-tcp-segmentation: on" in text
    if boot.kind != "user":
        assert "rx-checksumming: on" in text
        assert "tx-tcp6-segmentation: on" in text
    # Off, and on again: commands to a card that is at work.
    do(boot, "ethtool -K eth0 tx off rx off; ethtool -K eth0 tx on rx on; true")
    test_web_server(boot)


def test_queues(boot):
    """A pair for each CPU on a tap; using fewer or more is a command."""
    only(boot, "tap", "vhost")
    text = do(boot, "ethtool -l eth0")
    assert re.findall(r"Combined:\s+(\d+)", text) == [str(boot.cpus)] * 2
    for pairs in 1, boot.cpus:
        do(boot, f"ethtool -L eth0 combined {pairs}; true")
        assert f"Combined:\t{pairs}" in do(boot, "ethtool -l eth0").replace("\t\t", "\t")
        test_web_server(boot)
    if boot.cpus == 4:
        test_many_connections(boot)
        counts = do(boot, "grep -E 'virtio.*input' /proc/interrupts")
        assert len(counts.splitlines()) == 4


@every_arch
def test_no_loopback(boot):
    """Servers on the host's loopback are out of reach by default."""
    only(boot, "user")
    server = Server("127.0.0.1", digest_of)
    for address in "10.0.2.2", "127.0.0.1", "10.0.2.3":
        do(boot, f"echo in | socat -T 2 - TCP:{address}:{server.port},connect-timeout=2",
           fails=True)
    assert not server.results
    server.close()


def test_idle_network_costs_nothing(boot):
    """Also when the guest takes no frames any more."""
    machine = boot
    stop = threading.Event()

    def flood():
        family = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while not stop.wait(0.01):
            with contextlib.suppress(OSError):
                family.sendto(bytes(1000), (TAP_GUEST, 9))
    if machine.kind != "user":
        threading.Thread(target=flood, daemon=True).start()
    try:
        for command in "ip link set eth0 down", "rmmod virtio_net":
            do(machine, command)
            before = cpu_seconds(machine)
            time.sleep(2)
            assert cpu_seconds(machine) - before < 0.4, command
    finally:
        stop.set()
    # And it all comes back.
    do(machine, "modprobe virtio_net; ip link set eth0 up")
    if machine.kind == "user":
        do(machine, "udhcpc -i eth0 -n -q -f")
    else:
        do(machine, f"ip address add {TAP_GUEST}/24 dev eth0")
    test_web_server(machine)


@every_arch
def test_no_complaints(boot):
    """After all of that."""
    lines = [line for line in boot.error_text().splitlines()
             if "warning" in line and "KVM recommends" not in line]
    assert not lines


def test_deleted_tap():
    """The guest loses its carrier, and lives."""
    machine = linux.shell("-n", "tap,ifname=tane7", "-m", "256M", load=linux.VIRTIO,
                          stdin="pipe")
    do(machine, "ip link set eth0 up")
    assert do(machine, "cat /sys/class/net/eth0/carrier").strip() == "1"
    ip("link", "delete", "tane7")
    machine.expect_error('"tane7" was deleted')
    wait_until(lambda: do(machine, "cat /sys/class/net/eth0/carrier").strip() == "0",
               "the carrier is still there")
    before = cpu_seconds(machine)
    time.sleep(1)
    assert cpu_seconds(machine) - before < 0.2
    machine.send("poweroff -f\n")
    assert machine.wait() == 0


def test_options():
    """Another network, no IPv6, a large MTU, and the host's loopback."""
    host_addresses()
    machine = linux.shell("-n", "user,net=192.168.50.64/26,ipv6=off,mtu=9000,loopback=on",
                          "-n", "none", "-m", "256M", load=linux.VIRTIO, stdin="pipe",
                          programs=["socat"])
    do(machine, "udhcpc -i eth0 -n -q -f; sleep 2")
    text = do(machine, "ip address show eth0")
    assert "inet 192.168.50.79/26" in text and "mtu 9000" in text
    assert "fec0" not in text
    server = Server("127.0.0.1", digest_of)
    do(machine, f"echo looped | socat - TCP:192.168.50.66:{server.port}")
    wait_until(lambda: server.results, "nothing arrived")
    assert server.results[0][0] == 7
    server.close()
    machine.send("poweroff -f\n")
    assert machine.wait() == 0


def test_two_cards():
    """eth0 and eth1 are in the order of the command line; datagrams are forwarded too."""
    machine = linux.shell("-n", "user,mac=02:00:00:00:00:01,hostfwd=udp:127.0.0.1:17777-:7777",
                          "-n", "tap,ifname=tane8,mac=02:00:00:00:00:02", "-m", "256M",
                          load=linux.VIRTIO, stdin="pipe", programs=["socat"])
    assert do(machine, "cat /sys/class/net/eth0/address").strip() == "02:00:00:00:00:01"
    assert do(machine, "cat /sys/class/net/eth1/address").strip() == "02:00:00:00:00:02"
    do(machine, "udhcpc -i eth0 -n -q -f")
    do(machine, "socat UDP-LISTEN:7777,fork SYSTEM:'read line; echo got-$line' & true")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(1)
        for _ in range(20):  # nothing is promised about datagrams
            datagrams.sendto(b"hello\n", ("127.0.0.1", 17777))
            with contextlib.suppress(TimeoutError):
                assert datagrams.recv(100) == b"got-hello\n"
                break
        else:
            raise AssertionError("no answer came")
    machine.send("poweroff -f\n")
    assert machine.wait() == 0


@pytest.mark.nokvm
@pytest.mark.parametrize("words, why", [
    ("tap,ifname=lo", "ip tuntap add"),
    ("tap,fd=99", "fd=99"),
    ("user,vhost=on", "vhost"),
    ("user,hostfwd=tcp:192.0.2.250:1-:1", "hostfwd=tcp:192.0.2.250:1"),
])
def test_refusals(words, why):
    """Before anything runs, with a line that says what to do."""
    machine = tane.Tane("-k", linux.kernel(), "-n", words)
    assert machine.wait() in (1, 2)
    assert why in machine.error_text()
