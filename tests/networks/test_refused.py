"""What can't be: arguments, a network that was stopped, a machine that does not allow it. One sentence each."""

import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import iomux
from iomux.networks import line, parts
from iomux.system.features import Feature, feature
from iomux.system.machine import processor
from tests.support.processes import children

ROOT = Path(__file__).parents[2]
TRY = "import iomux\ntry:\n  iomux.network().stop()\n  print('made')\nexcept OSError as error: print(error)"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hosts": 0}, "hosts is 0: a network has 2 to 100 of them"),
        ({"hosts": 1_000}, "hosts is 1000: a network has 2 to 100 of them"),
        ({"hosts": 2.5}, "hosts is 2.5: give a whole number"),
        ({"hosts": True}, "hosts is True: give a whole number"),
        ({"delay_ms": -1}, "delay_ms is -1: choose 0 to 10,000 ms, one way"),
        ({"delay_ms": math.nan}, "delay_ms is nan: choose 0 to 10,000 ms, one way"),
        ({"delay_ms": "20"}, "delay_ms is '20': give a number"),
        ({"loss": 1.1}, "loss is 1.1: choose a share of the packets, from 0 (none) to 1 (all)"),
        ({"loss": -0.1}, "loss is -0.1: choose a share of the packets, from 0 (none) to 1 (all)"),
        ({"rate_mbit": 0}, "rate_mbit is 0: choose 0.001 to 100,000 Mbit/s, or None for no limit"),
        ({"rate_mbit": math.inf}, "rate_mbit is inf: choose 0.001 to 100,000 Mbit/s, or None for no limit"),
        ({"queue_bytes": 100}, "queue_bytes is 100: choose 1,500 bytes, which is one packet, to 2^30"),
        ({"queue_bytes": 1e6}, "queue_bytes is 1000000.0: give a whole number"),
        ({"seed": -1}, "seed is -1: give a whole number from 0"),
    ],
)
def test_a_wrong_argument_is_one_sentence(given: dict[str, Any], said: str) -> None:
    before = children()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (compared below)
        iomux.network(**given)
    assert str(caught.value) == said
    assert children() == before


@pytest.mark.usefixtures("works")
def test_a_link_refuses_the_same_and_stays_as_it_was() -> None:
    with iomux.network(delay_ms=3) as (a, _):
        for name, value in (("delay_ms", -1), ("loss", 2), ("rate_mbit", math.nan), ("queue_bytes", 0)):
            with pytest.raises(ValueError, match=f"{name} is {value}: choose"):
                setattr(a.link, name, value)
        assert (a.link.delay_ms, a.link.loss, a.link.rate_mbit, a.link.queue_bytes) == (3, 0, None, 256 * 1024)


@pytest.mark.usefixtures("works")
def test_a_network_that_was_stopped_says_so() -> None:
    network = iomux.network()
    a, b = network
    server = b.start("poll")
    network.stop()
    network.stop()
    assert not server.alive
    for use in (
        lambda: a.load(server),
        a.socket,
        a.listen,
        a.link.cut,
        a.link.report,
        lambda: a.run(int),
        lambda: b.start("poll"),
    ):
        with pytest.raises(RuntimeError, match=r"^the network was stopped: make a new one$"):
            use()
    assert "stopped" in repr(network)
    assert "stopped" in repr(a)


@pytest.mark.usefixtures("works")
@pytest.mark.parametrize("name", ["keeper", "wire"])
def test_a_part_that_was_killed_is_named(name: str) -> None:
    with iomux.network() as network:
        os.kill(network._parts.pid(name), 9)
        with pytest.raises(RuntimeError, match=f"the {name} of the network was ended by SIGKILL"):
            network.link.report()


@pytest.mark.usefixtures("works")
def test_a_part_that_was_stopped_is_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (line, parts):
        monkeypatch.setattr(module, "SECONDS", 1.0)
    with iomux.network() as network:
        os.kill(network._parts.pid("wire"), signal.SIGSTOP)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="the wire of the network did not answer within 1 s: a signal has"):
                network.link.cut()


@pytest.mark.usefixtures("works")
def test_who_has_no_descriptor_left_is_told_and_can_go_on() -> None:
    few = (
        "import iomux, resource\nwith iomux.network() as (a, b):\n"
        "  limit = resource.getrlimit(resource.RLIMIT_NOFILE)\n  kept = []\n"
        "  resource.setrlimit(resource.RLIMIT_NOFILE, (64, limit[1]))\n"
        "  try:\n    while True: kept.append(a.socket())\n"
        "  except OSError as error: print(error)\n"
        "  kept.pop().close()\n"
        "  with b.socket() as made: made.bind((b.address, 0))\n"
        "  print(len(kept) > 30, a.link.report().lost)"
    )
    done = subprocess.run([sys.executable, "-c", few], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("[Errno 24] Too many open files\nTrue 0\n", "")


@pytest.mark.usefixtures("works")
def test_no_room_for_the_hosts_is_told_so() -> None:
    few = f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n{TRY}"
    many = few.replace("network()", "network(hosts=100)")
    done = subprocess.run([sys.executable, "-c", many], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("[Errno 24] Too many open files\n", "")


def said(*before: str, **environment: str) -> str:
    """What a process is told that tries to make a network, started by this command."""
    done = subprocess.run(
        [*before, sys.executable, "-c", TRY],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_machine_without_it_says_so() -> None:
    assert said(IOMUX_WITHOUT="network") == "networks are hidden by the environment variable IOMUX_WITHOUT"


def test_a_feature_that_is_hidden_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "network")
    assert "IOMUX_WITHOUT" in str(iomux.doctor().loc["network", "why_not"])


@pytest.mark.usefixtures("works")
def test_a_filter_that_forbids_namespaces_is_named() -> None:
    """As in many containers: unshare(2) fails with EPERM."""
    numbers = {"x86_64": 272, "aarch64": 97}
    number = numbers.get(os.uname().machine)
    if number is None or (why := seccomp().why_not()):
        pytest.skip(f"unshare can't be forbidden here: {why if number else processor()}")
    forbidding = f"import os, sys; from iomux.system.confine import forbid; forbid([{number}], 1)"
    run = f"{forbidding}; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    done = subprocess.run([sys.executable, "-c", run, "-c", TRY], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == (
        "no user namespace can be made here (Operation not permitted): a container's seccomp filter, AppArmor or a "
        "setting of the kernel forbids it"
    )
    doctor = subprocess.run(
        [sys.executable, "-c", run, "-m", "iomux", "doctor", "--json"], capture_output=True, text=True, cwd=ROOT
    )
    assert "no user namespace can be made here" in doctor.stdout


def seccomp() -> Feature:
    found = feature("seccomp")
    assert found
    return found


def in_own_namespaces(*options: str) -> list[str]:
    """The start of a command in namespaces where what is tried here harms nobody; skips where they can't be made."""
    command = ["unshare", *options]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip(f"{' '.join(command)} can't be run here")
    return command


@pytest.mark.usefixtures("works")
def test_a_container_without_the_device_is_told_how_to_get_it() -> None:
    hide = in_own_namespaces("--user", "--map-root-user", "--mount")
    told = said(*hide, "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh")
    assert told == (
        "/dev/net/tun can't be opened (No such file or directory): a container may hide it: start it with "
        "--device /dev/net/tun"
    )


@pytest.mark.usefixtures("works")
def test_a_limit_on_namespaces_is_named() -> None:
    limit = in_own_namespaces("--user", "--map-root-user")
    told = said(*limit, "sh", "-c", 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"', "sh")
    assert told == (
        "no network namespace can be made here (No space left on device): /proc/sys/user/max_net_namespaces allows no "
        "more of them"
    )
