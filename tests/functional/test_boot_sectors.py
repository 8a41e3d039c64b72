# SPDX-License-Identifier: BSD-2-Clause
"""The samples of guest/ that have a test for `tane test` beside them."""
import glob
import os
import re

import pytest

from tane import DEADLINE, GUESTS, PROGRAM, ROOT, Tane, guest

pytestmark = pytest.mark.anykvm

TESTS = sorted(os.path.basename(path) for path in glob.glob(f"{ROOT}/guest/*.test"))


@pytest.mark.parametrize("name", TESTS)
def test_sample(name, monkeypatch):
    """Boot sectors are started by firmware, from a disk of one sector or two."""
    monkeypatch.setenv("GUESTS", GUESTS)
    path = f"{ROOT}/guest/{name}"
    with open(path, encoding="utf-8") as file:
        for image in re.findall(r"\$\{GUESTS\}/([\w.]+)", file.read()):
            guest(image)
    judge = Tane(command=[PROGRAM, "test", path])
    assert judge.wait(2 * DEADLINE) == 0
