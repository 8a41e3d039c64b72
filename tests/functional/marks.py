# SPDX-License-Identifier: BSD-2-Clause
"""Marks that say on which architectures a test runs. One without any is about the PC
and runs on x86-64 only; one with several runs where all of them agree. A module's
own is `pytestmark`."""
import pytest

every_arch = pytest.mark.arch("x86_64", "riscv64", "arm64")
x86_only = pytest.mark.arch("x86_64")
device_tree = pytest.mark.arch("riscv64", "arm64")  # a machine that is not a PC
