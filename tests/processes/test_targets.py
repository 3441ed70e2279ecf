"""`start`, `load`, `sweep` and `soak` take what `check` takes: command lines in any language, and addresses."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import iomux
from iomux.processes.named import taken
from iomux.processes.named.command import parse
from iomux.processes.named.place import free_port
from iomux.processes.resolve import find, name_of, resolve
from iomux.processes.server import launch_on
from iomux.system.listeners import first_port_of_clients, who_listens
from tests.students import forms
from tests.support.clients import DEADLINE, eventually
from tests.support.commands import iomux_command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="listeners are found in /proc")
FORMS = forms.__file__
COMMAND = f"{sys.executable} {FORMS} 127.0.0.1 {{port}}"


@pytest.fixture
def address() -> Iterator[str]:
    """Where a server runs that nobody here has started."""
    port = free_port()
    with subprocess.Popen([sys.executable, FORMS, "127.0.0.1", str(port)]) as process:
        assert eventually(lambda: who_listens(port) != "")
        yield f"127.0.0.1:{port}"
        process.kill()


def test_a_command_line_is_started_measured_and_stopped() -> None:
    with iomux.start(COMMAND) as server:
        assert iomux.load(server, connections=3, duration=0.1).errors == {}
        assert server.cpu().total > 0
        assert server.rss_bytes > 1 << 20
        assert (server.name, server.notes, server.alive) == (COMMAND, (), True)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(server.address, timeout=DEADLINE)


def test_the_processor_time_of_a_command_is_that_of_all_its_processes(tmp_path: Path) -> None:
    code = Path(FORMS).read_text().partition("if __name__")[0]
    (tmp_path / "mine.py").write_text(
        f"{code}\nimport os\nlistener = open_at('127.0.0.1', int(sys.argv[1]))\nos.fork() and time.sleep(600)\n"
        "serve(listener)\n"
    )
    result = iomux.load(f"{sys.executable} {tmp_path}/mine.py {{port}}", connections=1, duration=0.3)
    assert result.cpu_us_per_request is not None
    assert result.cpu_us_per_request > 1, "the first process sleeps, its child serves"


@pytest.mark.parametrize("target", [f"{FORMS}:Server", f"{FORMS}:serve_async", COMMAND, "poll"])
def test_load_starts_what_does_not_run(target: str) -> None:
    result = iomux.load(target, connections=2, duration=0.1)
    assert (result.errors, result.requests > 0) == ({}, True)


def test_a_server_at_another_address_is_loaded_there() -> None:
    with iomux.start(COMMAND.replace("127.0.0.1", "::1")) as server:
        assert (server.address[0], server.notes) == ("::1", ("it listens at ::1",))
        assert iomux.load(server, connections=3, duration=0.1).errors == {}
        assert iomux.load(f"[::1]:{server.address[1]}", duration=0.1).errors == {}


def test_a_sweep_takes_commands_and_addresses_and_says_what_it_does_not_see(address: str) -> None:
    frame = iomux.sweep([COMMAND, address, f"{FORMS}:Server"], 2, repeats=1, duration=0.1, progress=False)
    assert list(frame["server"]) == [COMMAND, address, "Server"]
    assert list(frame["reason"]) == ["", "", ""]
    assert list(frame["cpu_us_per_request"].isna()) == [False, True, False]
    assert list(frame.attrs["notes"]) == [address, "Server"]


def test_a_soak_takes_commands_and_addresses_and_says_what_it_does_not_see(address: str) -> None:
    seen = iomux.soak(COMMAND, minutes=0.01, clients=3, progress=False)
    assert (seen.lost, seen.notes, seen.descriptors_after is None) == (0, (), False)
    unseen = iomux.soak(address, minutes=0.01, clients=3, progress=False)
    assert (unseen.lost, unseen.descriptors_after) == (0, None)
    assert "its descriptors and its memory are not seen" in str(unseen)


def test_the_commands_bench_and_soak_take_them(address: str) -> None:
    done = iomux_command("bench", COMMAND, address, "--connections", "1", "--repeats", "1", "--duration", "0.1")
    assert done.returncode == 0
    assert f"{address}: it was not started here" in done.stdout
    assert iomux_command("soak", address, "--minutes", "0.01", "--clients", "2").returncode == 0
    assert iomux_command("soak", "127.0.0.1:1", "--minutes", "0.01").returncode == 2
    assert iomux_command("bench", f"{sys.executable} nonesuch.py {{port}}").returncode == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"server": "127.0.0.1:8000"}, "127.0.0.1:8000 is an address"),
        ({"server": COMMAND, "handler": bytes}, "has its own handler: leave handler out"),
        ({"server": "poll", "port": 8000}, "poll takes the listener that it is given: leave port out"),
        ({"server": COMMAND, "port": 0}, "port is 0: choose 1 to 65535"),
    ],
)
def test_what_does_not_go_together_is_a_clear_error(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        iomux.start(**options)


@pytest.mark.parametrize("target", [COMMAND, f"{FORMS}:main", "127.0.0.1:8000"])
def test_where_a_listener_is_given_nothing_else_can_stand(target: str) -> None:
    with pytest.raises(ValueError, match="a function is needed that takes one"):
        resolve(target)


def test_a_loop_at_a_files_top_is_named_where_a_function_is_needed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        f"{Path(FORMS).read_text()}\nserve(open_at('127.0.0.1', 0))\n".replace("__main__", "")
    )
    with pytest.raises(ImportError, match="its import does not end; if a loop stands outside of its functions"):
        resolve(f"{tmp_path}/mine.py:serve")


def test_names() -> None:
    assert [name_of(find(target)) for target in (COMMAND, "localhost:80", f"{FORMS}:Server", "poll")] == [
        COMMAND,
        "127.0.0.1:80",
        "Server",
        "poll",
    ]


def test_a_port_that_ended_connections_keep_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    (tmp_path / "mine.py").write_text(f"import errno, os\nraise OSError(errno.EADDRINUSE, os.strerror(98))  # {port}\n")
    command = parse(f"{sys.executable} {tmp_path}/mine.py")
    first = first_port_of_clients()
    for peer, said in ((first + 1, "connections that have ended keep port"), (80, "a client's connection keeps port")):
        monkeypatch.setattr(taken, "peers", lambda asked, peer=peer: {peer} if asked == port else set())
        monkeypatch.setattr(taken, "hold", lambda *_: None)
        with pytest.raises(iomux.ServerError, match=f"{said} {port} for a minute"):
            launch_on(command, None, None, None)


def test_a_kept_port_is_held_until_the_server_has_it() -> None:
    port = free_port()
    holder = taken.hold(port, time.monotonic() + DEADLINE)
    assert holder is not None
    with holder, socket.create_server(("127.0.0.1", port)):
        assert taken.hold(port, time.monotonic() + 0.1) is None, "somebody listens there now"
