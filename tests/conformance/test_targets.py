"""What `iomux.check` can be given: any server as it stands, or a sentence that says what to write instead."""

import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from iomux.conformance.targets import Target, target_of
from iomux.conformance.trial.limits import press_ctrl_c
from iomux.conformance.trial.subject import NotStarted
from iomux.processes.named.place import free_port
from iomux.system.listeners import who_listens
from tests.students import forms
from tests.support.checks import check
from tests.support.clients import DEADLINE, eventually
from tests.support.processes import marked

linux = pytest.mark.skipif(sys.platform != "linux", reason="listeners are found in /proc")
FORMS = forms.__file__
PYTHON = sys.executable


def notes(target: Target) -> tuple[str, ...]:
    with target.run() as running:
        return running.notes


@linux
@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1", ()),
        ("127.0.0.2", ("it listens at 127.0.0.2",)),
        ("::1", ("it listens at ::1",)),
        ("0.0.0.0", ("it listens at 0.0.0.0, which is every address of this machine, and was tried at 127.0.0.1",)),
        ("::", ("it listens at ::, which is every address of this machine, and was tried at ::1",)),
    ],
)
def test_a_command_is_found_wherever_it_listens(host: str, said: tuple[str, ...]) -> None:
    line = f"{PYTHON} {FORMS} {host} {{port}}"
    assert check(line, ("echoes", "sizes")).failed == ()
    assert notes(target_of(line)) == said


@linux
@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("serve", ""),
        ("serve_async", "called as asyncio.run(serve_async(listener))"),
        ("OnListener", "called as OnListener(listener).serve_forever()"),
        ("main", "called as main(): it makes its own listener"),
        ("main_async", 'called as asyncio.run(main_async("127.0.0.1", port)): it makes its own listener'),
        ("at_host_and_port", 'called as at_host_and_port("127.0.0.1", port): it makes its own listener'),
        ("at_port", "called as at_port(port): it makes its own listener"),
        ("at_address", 'called as at_address(("127.0.0.1", port)): it makes its own listener'),
        ("Server", 'called as Server("127.0.0.1", port).run(): it makes its own listener'),
        ("OnThread", "called as OnThread(port).start(): it makes its own listener"),
    ],
)
def test_a_function_or_class_of_another_form_is_called_as_it_asks(function: str, said: str) -> None:
    target = f"{FORMS}:{function}"
    assert check(target, "echoes").failed == ()
    assert target_of(target).notes == ((said,) if said else ())
    assert target_of(getattr(forms, function)).notes == target_of(target).notes, "by value as by its file"


@pytest.mark.parametrize(
    ("function", "lines"),
    [
        ("with_settings", "def serve(listener):\n    with_settings(listener, ...)"),
        ("WithSettings", "def serve(listener):\n    WithSettings(listener, ...).run()"),
        ("Deaf", "the class Deaf has no method that runs it: write in it\n    def run(self):"),
    ],
)
def test_what_fits_no_form_is_refused_with_the_lines_that_make_it_fit(function: str, lines: str) -> None:
    for target in (f"{FORMS}:{function}", getattr(forms, function)):
        with pytest.raises(ValueError, match=re.escape(lines)):
            check(target, "echoes")


@linux
def test_a_loop_at_the_top_of_a_module_is_checked_as_a_program(tmp_path: Path) -> None:
    code = Path(FORMS).read_text().partition("if __name__")[0]
    (tmp_path / "mine.py").write_text(f"{code}\nserve(open_at('127.0.0.1', 0))\n")
    target = target_of(f"{tmp_path}/mine.py:serve")
    assert target.notes == ("a loop stands outside of its functions: run as the program python mine.py, not imported",)
    assert target.serial
    assert check(f"{tmp_path}/mine.py:serve", "echoes").failed == ()


def program(folder: Path, top: str, last: str = "serve(listener)") -> str:
    """A command line of a right server's program, with other lines before it listens, and before it serves."""
    code = Path(FORMS).read_text().partition("if __name__")[0]
    lines = [code, "import os", top, 'listener = open_at("127.0.0.1", int(sys.argv[1]))', last]
    (folder / "mine.py").write_text("\n".join(lines))
    return f"{PYTHON} {folder}/mine.py {{port}}"


DAEMON = "os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0)"


@linux
@pytest.mark.parametrize(
    ("top", "last"),
    [
        ("time.sleep(2)", "serve(listener)"),
        (DAEMON, "serve(listener)"),
        ("", f"{DAEMON}; serve(listener)"),
        ("", "os.fork(); os.fork(); serve(listener)"),
        ("sys.stdout = sys.stderr = open(os.devnull, 'w'); os.close(0); os.close(1); os.close(2)", "serve(listener)"),
    ],
    ids=["slow to start", "daemon", "daemon that listened before", "four processes", "no standard streams"],
)
def test_a_server_that_starts_late_forks_or_becomes_a_daemon_is_checked_and_ended(
    top: str, last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOMUX_MARK", str(tmp_path))
    assert check(program(tmp_path, top, last), ("echoes", "sizes")).failed == ()
    assert eventually(lambda: marked(str(tmp_path)) == [])


@linux
def test_a_port_in_the_program_is_found_and_the_items_are_tried_one_after_another(tmp_path: Path) -> None:
    port = free_port()
    line = program(tmp_path, f"sys.argv[1:] = ['{port}']").replace(" {port}", "")
    assert check(line, ("echoes", "sizes")).failed == ()
    target = target_of(line)
    assert (target.serial, target.own_listener) == (True, True)
    assert notes(target) == (f"it listens at 127.0.0.1:{port}",)


@linux
def test_of_several_ports_one_is_to_be_named(tmp_path: Path) -> None:
    ports = sorted((free_port(), free_port()))
    top = f"admin = open_at('127.0.0.1', {ports[1]}); sys.argv[1:] = ['{ports[0]}']"
    line = program(tmp_path, top).replace(" {port}", "")
    with pytest.raises(NotStarted, match=f"listens on the ports {ports[0]} and {ports[1]}: say which one"):
        notes(target_of(line))
    with target_of(line, port=ports[0]).run() as running:
        assert running.subject.address == ("127.0.0.1", ports[0])


@linux
def test_who_has_the_port_is_said_and_is_no_fault_of_the_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = program(tmp_path, f"sys.argv[1:] = ['{port}']").replace(" {port}", "")
        result = check(line, "echoes")["echoes"]
        assert result.status == "not seen"
        assert f"port {port} is taken by pid {os.getpid()} (" in result.seen
        assert result.seen.endswith(who_listens(port))


WITHOUT_REUSE = """
def open_at(host, port):
    door = socket.socket()
    door.bind((host, port))
    door.listen(99)
    return door
"""


@linux
@pytest.mark.parametrize(("top", "again"), [("", True), (WITHOUT_REUSE, False)])
def test_what_makes_its_own_listener_can_be_started_again_on_its_port(top: str, again: bool, tmp_path: Path) -> None:
    target = target_of(program(tmp_path, top))
    with target.run() as running:
        address = running.subject.address
        with socket.create_connection(address, timeout=DEADLINE) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            press_ctrl_c(running.subject)
            assert running.ended(DEADLINE).startswith("the server ended with status 1: KeyboardInterrupt") or (
                "SIGINT" in running.ended(DEADLINE)
            )
            assert client.recv(1) == b"", "the server has closed first: its port is in TIME_WAIT"
    if again:
        with target.run(port=address[1]) as running:
            assert running.subject.address == address
    else:
        with pytest.raises(NotStarted, match="Address already in use"), target.run(port=address[1]):
            pass


@linux
def test_a_server_that_does_not_take_the_port_is_told_where_it_listens(tmp_path: Path, monkeypatch: Any) -> None:
    from iomux.processes import ready

    monkeypatch.setattr(ready, "START_SECONDS", 3.0)
    port = free_port()
    with pytest.raises(NotStarted, match=f"listens at 127.0.0.1:{port}, not at the port "):
        notes(target_of(program(tmp_path, f"sys.argv[1:] = ['{port}']")))
