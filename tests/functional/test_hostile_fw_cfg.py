# SPDX-License-Identifier: BSD-2-Clause
"""A guest that attacks fw_cfg, guest/hostile_fw_cfg.c: DMA to what is no RAM, lengths of
4 GiB, structures at the edges. The machine survives, and fw_cfg serves after each."""
import re

import pytest

from tane import guest, run

pytestmark = pytest.mark.anykvm


def make_kernel(path):
    """The program behind setup code, which has to tell its size."""
    with open(guest("protected_setup.bin"), "rb") as file:
        setup = bytearray(file.read())
    with open(guest("hostile_fw_cfg"), "rb") as file:
        program = file.read()
    program += bytes(-len(program) % 16)
    setup[0x1f4:0x1f8] = (len(program) // 16).to_bytes(4, "little")
    path.write_bytes(setup + program)
    return path


def test_hostile_fw_cfg(tmp_path):
    tane = run("--bios", "--console", "none", "-m", "64M", "-k",
               make_kernel(tmp_path / "kernel"), seconds=300)
    assert (tane.status, tane.error_text()) == (0, "")
    lines = re.findall(r"^((?:not )?ok) (\w+)$", tane.text(), re.M)
    assert [line for line in lines if line[0] != "ok"] == []
    count = int(re.search("^done ([0-9a-f]{8})$", tane.text(), re.M)[1], 16)
    assert len(lines) == len(set(lines)) == count > 20
