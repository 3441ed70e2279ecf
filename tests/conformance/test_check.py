"""`iomux.check` on correct servers, on faulty servers, and on functions that are no servers."""

import asyncio
import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import psutil
import pytest

import iomux
from iomux.conformance.check import NAMES
from iomux.conformance.echo import fairness
from iomux.conformance.trial import clients
from iomux.conformance.trial.subject import Subject
from iomux.processes.resolve import name_of
from tests.c.programs import compiler, program
from tests.students.faults import keeps_clients_whose_send_failed, prints_without_end
from tests.students.right import (
    heap_that_fills_up,
    next_to_an_idle_thread,
    prints_all_it_gets,
    two_threads_on_one_epoll,
)
from tests.support.clients import DEADLINE, all_gone, eventually

linux = pytest.mark.skipif(sys.platform != "linux", reason="what each thread uses is known on Linux only")


def check(target: Any, only: Any = None) -> iomux.Report:
    return iomux.check(target, only=only, progress=False)


async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class WithoutPause(asyncio.Protocol):
    """The usual example of an echo server: it never waits until its writes have been sent."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def changes_one_byte(listener: socket.socket) -> NoReturn:
    """Changes the first byte of each client, if much has come at once."""
    while True:
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            data = client.recv(65536)
            client.sendall(b"?" + data[1:] if len(data) > 4096 else data)
            while data := client.recv(65536):
                client.sendall(data)


@pytest.mark.parametrize("item", ["bulk", "half-close", "slow-reader"])
def test_one_changed_byte_fails_every_item_that_sends_much(item: str) -> None:
    assert check(changes_one_byte, item)[item].seen == (
        "the client got other bytes than it had sent: lost, doubled, or another client's"
    )


async def forever() -> None:
    """Wait until Ctrl-C. From 3.12.1 on `Server.serve_forever` would then wait until every client has left."""
    await asyncio.get_running_loop().create_future()


def serve_streams(listener: socket.socket) -> None:
    async def main() -> None:
        await asyncio.start_server(streams, sock=listener)
        await forever()

    listener.setblocking(False)
    asyncio.run(main())


def serve_without_pause(listener: socket.socket) -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_server(WithoutPause, sock=listener)
        await forever()

    listener.setblocking(False)
    asyncio.run(main())


SOME = ("echoes", "half-close", "slow-reader", "back-pressure", "ctrl-c")


def test_a_heap_that_stops_growing_is_no_leak() -> None:
    assert check(heap_that_fills_up, "leaks").passed


def test_keeping_a_client_after_send_has_failed_is_a_leak() -> None:
    result = check(keeps_clients_whose_send_failed, "leaks")["leaks"]
    assert result.seen == "descriptors of clients that reset while owed bytes stay open"


def test_asyncio_streams_with_drain_pass() -> None:
    assert check(serve_streams, SOME).failed == ()


def test_asyncio_without_pause_has_no_back_pressure() -> None:
    assert check(serve_without_pause, SOME).failed == ("back-pressure",)


needs_socat = pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed: apt install socat")
SOCAT = "socat TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr"


@needs_socat
def test_socat_and_cat_pass() -> None:
    report = check(f"{SOCAT} EXEC:cat", ("echoes", "hundred", "half-close", "back-pressure", "silent", "ctrl-c"))
    assert report.failed == (), str(report)
    assert report.not_seen == ()


@needs_socat
def test_socat_with_a_pipe_to_itself_stalls_when_the_pipe_is_full() -> None:
    report = check(f"{SOCAT} PIPE", ("echoes", "pieces", "half-close", "ctrl-c"))
    assert report.failed == ("half-close",)


@pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler (cc, gcc or clang)")
def test_a_server_in_c_is_checked_by_its_command_line() -> None:
    report = check(
        f"{program('fork_server')} {{port}}", ("echoes", "hundred", "half-close", "reset", "leaks", "ctrl-c")
    )
    assert report.failed == (), str(report)
    assert report.not_seen == ()


def test_a_running_server_is_checked_without_seeing_its_process() -> None:
    with iomux.start("poll") as server:
        report = check(f"127.0.0.1:{server.address[1]}", ("echoes", "hundred", "urgent", "silent", "leaks", "ctrl-c"))
        assert server.alive
    assert report.failed == ()
    assert report.not_seen == ("silent", "leaks", "ctrl-c")
    assert report.earned < report.points, "what was not seen earns nothing"


def test_a_function_of_a_file_is_checked(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def serve(listener):\n    while True:\n        c, _ = listener.accept()\n"
        "        while d := c.recv(100):\n            c.send(d)\n        c.close()\n"
    )
    report = check(f"{tmp_path}/mine.py:serve", ("echoes", "hundred"))
    assert report.target == "serve"
    assert report.failed == ("hundred",)
    assert report["hundred"].exempt == "", "the I/O model of a student's function is unknown"


# Servers as students write them, and the expected report on each.


def prints(listener: socket.socket) -> NoReturn:
    while True:
        print("waiting")
        client, _ = listener.accept()
        while data := client.recv(4096):
            print("got", data[:10])
            client.sendall(data)
        client.close()


def raises(listener: socket.socket) -> None:
    raise ValueError("a wrong idea")


def raises_later(listener: socket.socket) -> None:
    client, _ = listener.accept()
    client.recv(10)
    raise ValueError("a wrong idea")


def loops(listener: socket.socket) -> NoReturn:
    while True:
        pass


def exits(listener: socket.socket) -> NoReturn:
    sys.exit(3)


def exits_without_a_word(listener: socket.socket) -> NoReturn:
    listener.accept()
    os._exit(3)


def returns(listener: socket.socket) -> None:
    listener.accept()


def closes(listener: socket.socket) -> None:
    listener.close()
    time.sleep(60)


def takes_nothing() -> None:
    pass


def kills_its_group(listener: socket.socket) -> None:
    os.killpg(0, signal.SIGKILL)


def answers_otherwise(listener: socket.socket) -> NoReturn:
    while True:
        client, _ = listener.accept()
        client.sendall(b"!" + client.recv(100))


LOCK = threading.Lock()


@pytest.mark.parametrize(
    ("serve", "seen"),
    [
        (raises, "the server ended: ValueError: a wrong idea"),
        (raises_later, "the server ended: ValueError: a wrong idea"),
        (loops, "the client got nothing back: nothing more came"),
        (exits, "the server ended: SystemExit: 3"),
        (exits_without_a_word, "the server ended with status 3"),
        (returns, "the server ended: RuntimeError: returns() returned: a server loops for ever"),
        (closes, "a new client was refused: nothing listens on the port any more"),
        (takes_nothing, "the server ended: TypeError: takes_nothing() takes 0 positional arguments but 1 was given"),
        (kills_its_group, "the server was ended by SIGKILL"),
        (answers_otherwise, "the client got other bytes than it had sent"),
        (lambda listener: LOCK.acquire(), "the function can't be sent to another process: cannot pickle"),
    ],
)
def test_whatever_a_student_writes_is_reported(serve: Any, seen: str) -> None:
    report = check(serve)
    assert report.failed == ("echoes",)
    assert report["echoes"].seen.startswith(seen)
    assert report.not_seen == NAMES[1:], "nothing more can be said about a server that does not echo"
    assert report.earned == 0


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("no_such_program {port}", "the server ended: no_such_program: No such file or directory"),
        (f"{sys.executable} no_such_file.py {{port}}", "[Errno 2] No such file or directory"),
        (takes_nothing, "takes_nothing() takes 0 positional arguments but 1 was given"),
        (lambda listener: LOCK.acquire(), "cannot pickle '_thread.lock' object"),
    ],
)
def test_the_hint_says_that_the_server_did_not_start(target: Any, seen: str) -> None:
    result = check(target, "echoes")["echoes"]
    assert result.seen.endswith(seen)
    assert result.hint.startswith("The server did not start, or ended before it accepted a client")


def test_a_server_that_ends_on_a_client_gets_the_hint_of_the_item() -> None:
    assert check(raises_later, "echoes")["echoes"].hint.startswith("Follow one message by hand")


def test_the_traceback_is_in_the_detail() -> None:
    assert "in raises_later" in str(check(raises_later, "echoes")["echoes"].detail["log"])


def test_the_output_of_a_server_is_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert check(prints, "echoes").passed
    assert capfd.readouterr() == ("", "")


def test_a_server_that_prints_without_end_is_reported() -> None:
    result = check(prints_without_end, "echoes")["echoes"]
    assert result.seen == (
        "the client got nothing back: nothing more came. And it has printed more than 16 MiB: does a loop print "
        "without end? Printing takes a server's time: print less, and try again."
    )
    assert str(result.detail["log"]).rstrip().endswith("x" * 100)


def test_a_correct_server_may_print_every_byte_it_gets() -> None:
    assert check(prints_all_it_gets, ("echoes", "bulk")).failed == ()


def forks(listener: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            while data := client.recv(4096):
                client.sendall(data)
            time.sleep(60)  # a process that stays behind
        client.close()


@pytest.mark.parametrize(("connecting", "answering", "pauses"), [(0, 9, 0), (9, 0, 4)])
def test_a_slow_answer_between_two_clients_is_not_taken_for_a_full_backlog(
    monkeypatch: pytest.MonkeyPatch, connecting: float, answering: float, pauses: int
) -> None:
    """With a simulated clock: only a slow connect shows that a handshake was dropped."""
    now, slept = [0.0], list[float]()

    def connect(_: Subject) -> float:
        now[0] += connecting
        return now[0]

    monkeypatch.setattr(clients, "connect", connect)
    monkeypatch.setattr(clients, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=slept.append))
    for _ in clients.connect_one_by_one(Subject(("127.0.0.1", 1)), 4):
        now[0] += answering
    assert sum(pause > 0 for pause in slept) == pauses


def marked(mark: str) -> list[int]:
    """The processes with this mark in their environment, orphans included."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("IOMUX_MARK") == mark and process.pid != os.getpid():
                found.append(process.pid)
    return found


def test_a_forking_server_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_MARK", "forks")
    with iomux.start(forks) as server:
        socket.create_connection(server.address).close()
        assert server.pid in marked("forks")
    assert check(forks, ("echoes", "hundred", "silent", "flood")).failed == ()
    assert eventually(lambda: marked("forks") == []), "all were killed, but on a busy machine they are not gone at once"


def never_sleeps_while_it_owes(listener: socket.socket) -> NoReturn:
    """Each client has a thread, which tries to send again and again."""

    def converse(client: socket.socket) -> None:
        with contextlib.suppress(ConnectionError), client:
            while data := client.recv(65536):
                while data:
                    with contextlib.suppress(BlockingIOError):
                        data = data[client.send(data, socket.MSG_DONTWAIT) :]

    while True:
        threading.Thread(target=converse, args=listener.accept()[:1], daemon=True).start()


def test_a_server_that_spins_while_a_client_does_not_read_is_detected() -> None:
    report = check(never_sleeps_while_it_owes, ("back-pressure", "half-close"))
    assert report.failed == ("half-close", "back-pressure")
    assert all("the server never sleeps" in result.seen for result in report.results)


class Callable:
    def __call__(self, listener: socket.socket) -> NoReturn:
        sys.exit("z" * 100_000)


def test_a_callable_is_named_without_its_address_and_a_long_line_is_cut() -> None:
    report = check(Callable(), "echoes")
    assert report.target == "Callable"
    assert report["echoes"].seen == f"the server ended: {'z' * 200}"
    assert name_of(functools.partial(raises)) == "raises"


def test_a_limit_of_this_machine_is_not_blamed_on_the_server() -> None:
    line = f"ulimit -n 900; '{sys.executable}' -m iomux check poll --only idle"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert "not seen idle" in done.stdout, done.stdout
    assert "1,001 clients take more descriptors" in done.stdout


@pytest.fixture
def running_with_few_descriptors() -> Iterator[str]:
    """The address of a server that was started elsewhere and may open 1,000 descriptors."""
    line = f"ulimit -n 1000; exec '{sys.executable}' -u -m iomux serve poll --port 0"
    with subprocess.Popen(["bash", "-c", line], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("listening on ").strip()
        finally:
            process.kill()


def test_an_unknown_descriptor_limit_is_not_blamed_on_the_server(
    running_with_few_descriptors: str,
) -> None:
    report = check(running_with_few_descriptors, "past-1024")
    assert report.not_seen == ("past-1024",), str(report)
    assert "how many descriptors the server may open is not known from here" in report["past-1024"].seen


def served_by_one(serve: Any) -> list[bool]:
    """Whether one thread of a server was seen to serve two clients, in each of five trials."""
    with iomux.start(serve) as server:
        subject = Subject(server.address, server.pid)
        with clients.crowd(subject, 2) as (one, other):
            return [fairness._one_thread_serves_both(subject, one, other) for _ in range(5)]


@linux
def test_a_thread_that_only_sleeps_shares_no_work() -> None:
    assert any(served_by_one(next_to_an_idle_thread)), "on a busy machine some of the trials may say no"


@linux
@pytest.mark.parametrize("serve", ["threaded", two_threads_on_one_epoll, forks])
def test_threads_and_processes_that_share_the_work_are_detected(serve: Any) -> None:
    assert not any(served_by_one(serve))


def test_a_report_says_the_same_each_time() -> None:
    first, second = (check(answers_otherwise, ("echoes", "pieces")) for _ in range(2))
    assert str(first) == str(second)
    assert first._repr_html_() == second._repr_html_()


@pytest.fixture(scope="module")
def failing() -> iomux.Report:
    return check(serve_without_pause, ("echoes", "back-pressure"))


def test_raise_if_failed_is_a_plain_assertion(failing: iomux.Report) -> None:
    with pytest.raises(AssertionError, match=r"1 of 2 items passed, 8 of 12 points[\s\S]*hint: What you can't send"):
        failing.raise_if_failed()
    check("poll", "echoes").raise_if_failed()


def test_json_holds_everything(failing: iomux.Report) -> None:
    told = json.loads(failing.to_json())
    assert (told["passed"], told["points"], told["earned"]) == (False, 12, 8)
    assert [result["status"] for result in told["results"]] == ["passed", "failed"]
    assert told["results"][1]["hint"] == failing["back-pressure"].hint


def test_html_shows_what_a_student_needs(failing: iomux.Report) -> None:
    page = failing._repr_html_()
    assert "took all 128 MiB" in page
    assert "send(2)" in page
    assert "<lambda>" not in check(lambda listener: listener.close(), "echoes")._repr_html_()


def test_an_unknown_item_is_a_clear_error() -> None:
    with pytest.raises(KeyError, match="no item 'nonsense'"):
        check("poll", "echoes")["nonsense"]


@pytest.mark.parametrize(
    ("target", "only", "error", "words"),
    [
        ("nonsense", None, LookupError, "no server is called 'nonsense'"),
        ("poll", "nonsense", LookupError, "choose from echoes, sizes, pieces"),
        ("poll", [], ValueError, "no item was chosen"),
        ("sleep 9", None, ValueError, "write {port} into"),
        ("192.0.2.1:80", None, ValueError, "to this machine only"),
        ("127.0.0.1:1", None, ValueError, "nothing answers at 127.0.0.1:1: start the server first"),
        (42, None, TypeError, "a server is a name or a function"),
    ],
)
def test_what_can_not_be_checked_is_a_clear_error(target: Any, only: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        check(target, only)


def test_a_file_that_can_not_be_imported_is_an_import_error_without_a_chain(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def serve(\n")
    with pytest.raises(ImportError, match=r"mine.py can't be imported:\n.*line 1\n[\s\S]*never closed$") as caught:
        check(f"{tmp_path}/mine.py:serve")
    assert caught.value.__suppress_context__


def iomux_check(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "iomux", "check", *arguments], capture_output=True, text=True, timeout=60
    )


def test_the_commands_status_says_whether_all_items_passed() -> None:
    good = iomux_check("poll", "--only", "echoes,pieces")
    assert (good.returncode, good.stdout.splitlines()[0]) == (0, "poll: 2 of 2 items passed, 12 of 12 points")
    bad = iomux_check(f"{sys.executable} -c 'raise SystemExit(5)' {{port}}", "--json", "--only", "echoes")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["results"][0]["seen"] == "the server ended: it ended with status 5"
    wrong = iomux_check("nonsense")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.count("\n") == 1


ECHO = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        client, _ = listener.accept()
        while data := client.recv(65536):
            client.sendall(data)
"""


def test_a_command_gets_the_environment_of_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert check(f"{sys.executable} -m mine {{port}}", "echoes").passed


DAEMON = "import os, time; os.fork() and {parent}; os.setsid(); os.fork() and os._exit(0); time.sleep(600)"


@linux
@pytest.mark.parametrize(
    ("parent", "seen"),
    [
        ("os._exit(os.wait()[1] + 7)", "the server ended: it ended with status 7"),
        ("os.execv(sys.executable, [sys.executable, *argv])", ""),
    ],
)
def test_a_daemon_that_a_command_leaves_behind_is_ended(
    parent: str, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(ECHO)
    (tmp_path / "daemon.py").write_text(f"import sys; argv = {[str(tmp_path / 'mine.py')]} + sys.argv[1:]\n")
    with (tmp_path / "daemon.py").open("a") as file:
        file.write(DAEMON.format(parent=parent))
    monkeypatch.setenv("IOMUX_MARK", parent)
    assert check(f"{sys.executable} {tmp_path}/daemon.py {{port}}", "echoes")["echoes"].seen == seen
    assert eventually(lambda: marked(parent) == [])


@pytest.mark.parametrize(
    ("line", "seen"),
    [("raise ValueError(42)", "ValueError: 42"), ("import os; print(1, flush=True); os.abort()", "by SIGABRT")],
)
def test_the_end_of_a_command_is_reported_by_its_last_words_or_its_signal(line: str, seen: str) -> None:
    result = check(f"{sys.executable} -c '{line}' {{port}}", "echoes")["echoes"]
    assert result.seen.startswith("the server ended: ")
    assert result.seen.endswith(seen)


def test_a_check_in_the_background_of_a_script_judges_ctrl_c_in_the_same_way() -> None:
    line = f"trap '' INT; '{sys.executable}' -m iomux check poll --only ctrl-c"  # as sh does for a command with &
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "poll: 1 of 1 items passed, 4 of 4 points")


@pytest.fixture
def running_check(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A check that waits for an answer for seconds, which leaves time to end it."""
    (tmp_path / "deaf.py").write_text("import time\ndef serve(listener):\n    time.sleep(600)\n")
    command = [sys.executable, "-m", "iomux", "check", f"{tmp_path}/deaf.py:serve", "--only", "echoes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_ctrl_c_ends_a_check_and_all_its_processes(running_check: "subprocess.Popen[bytes]") -> None:
    first = psutil.Process(running_check.pid)
    assert eventually(lambda: len(first.children()) == 2), "the server and its clients"
    started = first.children(recursive=True)
    running_check.send_signal(signal.SIGINT)
    _, err = running_check.communicate(timeout=DEADLINE)
    assert running_check.returncode == 130
    assert err.endswith(b"iomux check: interrupted: 0 of 1 items were tried\n")
    assert all_gone(started)
