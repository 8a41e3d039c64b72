# SPDX-License-Identifier: BSD-2-Clause
"""What all functional tests share.

A test marked `anykvm` runs wherever /dev/kvm opens, also under kvm_pvm, which
emulates and runs no stock kernel; the others need real KVM: the machine's own,
or that of a lab (tests/lab). On riscv64 and arm64 only those run that are marked so,
see marks.py.

--claims DIR splits the tests between several runs at once: before each group
(the tests that share a boot) a run makes a folder for it in DIR, and whoever
finds it there already leaves the group to the other. Tests that are left to
another run do not show up in the results.

--passed FILE names tests, a line each, that have passed elsewhere today: they are left
out, unless they are marked `everykvm`, since they are about KVM itself.
"""
import os
import signal
import subprocess

import pytest

import tane


def pytest_addoption(parser):
    parser.addoption("--claims", metavar="DIR", help="share the tests with other runs")
    parser.addoption("--passed", metavar="FILE", help="leave out what these lines name")


def pytest_configure(config):
    # What is started in the background by a shell has these ignored, and so would tane.
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "anykvm: needs no more of KVM than kvm_pvm offers")
    config.addinivalue_line("markers", "everykvm: KVM has a say: not done by one pass elsewhere")
    config.addinivalue_line("markers", "nokvm: needs no KVM")
    config.addinivalue_line("markers", "arch(name, ...): runs on these architectures")


def why_no_kvm():
    """(why not even small guests run, why stock kernels do not run), or None."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        why = f"/dev/kvm: {error.strerror}"
        return why, why
    if os.environ.get("TANE_LAB"):
        return None, None
    done = subprocess.run([os.path.join(tane.ROOT, "tools/kvm-usable")],
                          stdout=subprocess.PIPE, text=True, check=False)
    return None, done.stdout.strip() if done.returncode else None


def runs_here(item):
    marks = list(item.iter_markers("arch")) or [pytest.mark.arch("x86_64")]
    return all(tane.ARCH in mark.args for mark in marks)


def names_of_passed(config):
    if not config.option.passed:
        return set()
    with open(config.option.passed, encoding="utf-8") as file:
        return set(file.read().splitlines())


def pytest_collection_modifyitems(config, items):
    passed = names_of_passed(config)
    others = [item for item in items if not runs_here(item) or
              (name_of(item) in passed and not item.get_closest_marker("everykvm"))]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]
    no_guests, no_kernels = why_no_kvm()
    for item in items:
        why = no_guests if item.get_closest_marker("anykvm") else no_kernels
        if why and not item.get_closest_marker("nokvm"):
            item.add_marker(pytest.mark.skip(reason=why))


def name_of(item):
    """As tests/run names it in results."""
    return f"{item.module.__name__}::{item.name}"


def group_of(item):
    """The tests of a module that ask fixture `boot` for the same belong together."""
    spec = getattr(item, "callspec", None)
    if spec and "boot" in spec.indices:
        return f"{item.module.__name__}-boot-{spec.indices['boot']}"
    return item.nodeid.replace("/", "_")


def claimed(items, folder):
    """Those of the tests that are ours, group by group."""
    groups = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
    for name, group in groups.items():
        try:
            os.mkdir(os.path.join(folder, name[:200]))
        except FileExistsError:
            continue
        yield from group


def pytest_runtestloop(session):
    """pytest's own loop, but over the tests that we get."""
    folder = session.config.option.claims
    if not folder or session.config.option.collectonly:
        return None
    if session.testsfailed:
        raise session.Interrupted("errors during collection")
    tests = claimed(session.items, folder)
    item = next(tests, None)
    while item:
        following = next(tests, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows its guests and how to repeat it."""
    report = (yield).get_result()
    if report.failed and call.when != "teardown":
        shared = [getattr(value, "tane", None) for value in item.funcargs.values()]
        machines = tane.started + [value for value in shared if isinstance(value, tane.Tane)]
        for machine in {id(m): m for m in machines}.values():
            report.sections.append(("tane", machine.describe()))
        where = "lab" if os.environ.get("TANE_LAB") else "host"
        if tane.ARCH != "x86_64":
            where += "-" + tane.ARCH
        name = item.nodeid.rpartition("::")[2].partition("[")[0]
        report.sections.append(("to repeat", f"tests/run {where} -k {name}"))


@pytest.fixture(autouse=True)
def _end_machines():
    """No tane outlives its test."""
    tane.started.clear()
    yield
    for machine in tane.started:
        machine.close()
