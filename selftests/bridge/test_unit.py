# SPDX-License-Identifier: GPL-2.0
"""The unit of systemd."""
import contextlib
import os
import shutil
import subprocess
import tempfile

from world import BRIDGE, PATIENCE, TOP, Skip

EXPOSURE = 20       # tenths; systemd calls a unit with 2.0 "OK", and one without hardening has 9.6


@contextlib.contextmanager
def unit():
    """The unit as it is installed, but with the program that was built."""
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    with open(os.path.join(TOP, "tools/bridge/ringbuf-bridge@.service.in"), encoding="utf-8") as f:
        text = f.read()
    program = "@PREFIX@/bin/ringbuf-bridge"
    assert text.count(program) == 1
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "ringbuf-bridge@hub.service")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace(program, BRIDGE))
        yield path


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, timeout=PATIENCE)


def test_systemd_finds_no_fault_in_the_unit():
    with unit() as path:
        run = analyze("verify", "--man=no", path)
        assert run.returncode == 0 and not run.stdout, run


def test_unit_gives_the_bridge_few_rights():
    with unit() as path:
        run = analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", path)
        assert run.returncode == 0 and "exposure level" in run.stdout, run
