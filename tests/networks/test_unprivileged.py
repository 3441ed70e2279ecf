"""Any user can make a network where user namespaces are allowed: the same, in a process without rights."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import os, iomux
from pathlib import Path
rights = int(Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], 16)
assert not rights & (1 << 12 | 1 << 21), "CAP_NET_ADMIN, CAP_SYS_ADMIN"
with iomux.network(delay_ms=5) as (a, b):
    with b.start("poll") as server, a.socket() as client:
        client.connect(server.address)
        client.sendall(b"hello")
        assert client.recv(10) == b"hello"
        result = a.load(server, connections=10, active=2, duration=0.2)
        assert not result.errors and result.response_ns.min() >= 10_000_000
        assert os.readlink(f"/proc/{server.pid}/ns/user") != os.readlink("/proc/self/ns/user")
        assert a.run(os.getuid) == os.getuid()
        a.link.cut()
        print(a.link.report().packets > 0)
"""
PROBE = "import iomux, psutil, cloudpickle, numpy, subprocess, sys; subprocess.check_call([sys.executable, '-c', ''])"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NO_RIGHTS = ["setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all"]
"""Root without its rights. CAP_SETFCAP is left: only with it may root be root in a user namespace of its own."""


def run(command: list[str], script: str) -> "subprocess.CompletedProcess[str]":
    packages = [path for path in sys.path if path.endswith("site-packages")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *packages]), "HOME": "/tmp"}
    return subprocess.run([*command, "-c", script], capture_output=True, text=True, cwd="/", env=environment)


def python_for(before: list[str]) -> list[str]:
    """A command by which this user runs Python with our packages; skips if there is none."""
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, system):
        command = [*before, python]
        if Path(python).exists() and run(command, PROBE).returncode == 0:
            return command
    pytest.skip("another user may not read this clone, or no Python that has its packages")


@pytest.mark.usefixtures("works")
@pytest.mark.parametrize("before", [NOBODY, NO_RIGHTS], ids=["nobody", "without rights"])
def test_a_user_without_rights_makes_one(before: list[str]) -> None:
    if os.geteuid() != 0:
        before = []  # we are such a user
    elif not shutil.which("setpriv"):
        pytest.skip("there is no setpriv here")
    done = run(python_for(before), SCRIPT)
    if "Forbidden: " in done.stderr:  # this user may not, and is told why: that is what a machine may do
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert (done.stdout, done.stderr) == ("True\n", "")
