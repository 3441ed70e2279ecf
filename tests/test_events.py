"""The event loop: events in order, with descriptors, timers and threads, and faults that do not end it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

import iomux
from iomux import events as events_module
from iomux.events import EventLoop
from iomux.servers import get, pollers
from iomux.servers.connection import OVER, READ, WRITE, Connection
from iomux.system.sockets import accept_pending
from tests.support.clients import DEADLINE, ask, connect, eventually
from tests.support.counted import FEW, CountedPoller

POLLERS = [name for name in pollers.names() if get(name).available()]


@pytest.fixture(params=POLLERS)
def loop(request: pytest.FixtureRequest) -> Iterator[EventLoop]:
    """A loop over each available poller."""
    with EventLoop(*pollers.make(request.param)) as events:
        yield events


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe: for reading, for writing."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def in_thread(function: Any) -> threading.Thread:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_handlers_by_kind_are_called_in_order_with_the_details(loop: EventLoop) -> None:
    seen: list[Any] = []
    loop.on("click", lambda x, y: seen.append(("first", x, y)))
    loop.on("click", lambda x, y: seen.append(("second", x, y)))
    loop.on("key_down", seen.append)
    loop.emit("click", 3, 4)
    loop.emit("key_down", "a")
    loop.emit("nobody's")
    loop.emit("click", 5, 6)
    assert seen == [], "an event waits in the queue"
    loop.run()
    assert seen == [("first", 3, 4), ("second", 3, 4), "a", ("first", 5, 6), ("second", 5, 6)]


def test_what_a_handler_emits_is_handled_after_it(loop: EventLoop) -> None:
    seen = []

    def outer() -> None:
        loop.emit("inner")
        seen.append("outer is done")

    loop.on("outer", outer)
    loop.on("inner", lambda: seen.append("inner"))
    loop.emit("outer")
    loop.run()
    assert seen == ["outer is done", "inner"]


def test_off_forgets_a_kind(loop: EventLoop) -> None:
    seen: list[str] = []
    loop.on("click", lambda: seen.append("clicked"))
    loop.off("click")
    loop.off("never known")
    loop.emit("click")
    loop.run()
    assert seen == []


def test_a_descriptor_is_a_kind_of_event(loop: EventLoop, pipe: tuple[int, int]) -> None:
    out, into = pipe
    seen = []

    def read(name: str) -> None:
        seen.append((name, os.read(out, 100)))
        loop.unwatch(out)

    loop.watch(out, READ, read, "pipe")
    loop.on("click", lambda: os.write(into, b"clicked"))
    loop.emit("click")
    loop.run()
    assert seen == [("pipe", b"clicked")]


def test_watching_again_changes_interest_and_handler(loop: EventLoop) -> None:
    near, far = socket.socketpair()
    seen = []
    with near, far:

        def writable() -> None:
            seen.append("writable")
            loop.watch(near.fileno(), READ, readable)
            far.send(b"x")

        def readable() -> None:
            seen.append("readable")
            loop.unwatch(near.fileno())

        loop.watch(near.fileno(), WRITE, writable)
        loop.run()
    assert seen == ["writable", "readable"]


def test_timers_fire_in_order_and_the_loop_sleeps_meanwhile(loop: EventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    loop._poller = counted = CountedPoller(loop._poller)
    began = time.monotonic()
    # As if all were set now: on a busy machine much time may pass between one and the next.
    monkeypatch.setattr(events_module, "deadline", lambda seconds: began + seconds)
    for seconds in (0.2, 0.1, 0.15):
        loop.after(seconds, seen.append, seconds)
    loop.run()
    assert seen == [0.1, 0.15, 0.2]
    assert time.monotonic() - began >= 0.2
    assert counted.polls < FEW


def test_a_cancelled_timer_is_not_waited_for(loop: EventLoop) -> None:
    seen: list[str] = []
    long = loop.after(60, seen.append, "long")
    short = loop.after(0.01, seen.append, "short")
    loop.after(0.05, loop.off, long)
    loop.run()
    loop.off(short)
    assert seen == ["short"]


def test_a_timer_that_sets_itself_again_does_not_starve_the_others(loop: EventLoop, pipe: tuple[int, int]) -> None:
    seen = []

    def again() -> None:
        loop.after(0, again)

    def read() -> None:
        seen.append(os.read(pipe[0], 1))
        loop.stop()

    loop.watch(pipe[0], READ, read)
    os.write(pipe[1], b"x")
    again()
    loop.run()
    assert seen == [b"x"]


def test_stop_ends_run_and_run_goes_on_where_it_was(loop: EventLoop) -> None:
    seen: list[int] = []
    loop.on("stop", loop.stop)
    loop.on("number", seen.append)
    for event in (("number", 1), ("stop",), ("number", 2)):
        loop.emit(*event)
    loop.after(0.05, loop.emit, "number", 3)
    loop.run()
    assert seen == [1, 2], "what is in the queue already is handled"
    loop.run()
    assert seen == [1, 2, 3]


def test_an_event_of_another_thread_wakes_the_loop_from_its_sleep(loop: EventLoop, pipe: tuple[int, int]) -> None:
    loop.watch(pipe[0], READ, lambda: None)  # never ready: the loop would sleep for ever
    seen = []

    def click(who: int) -> None:
        seen.append(who)
        loop.stop()

    def clicks() -> None:
        time.sleep(0.1)
        loop.emit_from_thread("click", threading.get_ident())

    loop.on("click", click)
    thread = in_thread(clicks)
    loop.run()
    thread.join()
    assert seen == [thread.ident]


def test_a_signal_is_an_event_like_any_other(loop: EventLoop, pipe: tuple[int, int]) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: loop.emit_from_thread("signal", number))
    try:
        loop.watch(pipe[0], READ, print)
        loop.on("signal", seen.append)
        loop.on("signal", lambda _: loop.stop())
        thread = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
        thread.start()
        loop.run()
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [signal.SIGUSR1]


def test_no_event_of_many_threads_is_lost_and_a_full_pipe_blocks_no_thread(loop: EventLoop) -> None:
    count, each = [0], 20_000  # more than the 65,536 bytes that a pipe holds

    def add() -> None:
        count[0] += 1
        if count[0] == 4 * each:
            loop.stop()

    def emits() -> None:
        for _ in range(each):
            loop.emit_from_thread("add")

    loop.on("add", add)
    threads = [in_thread(emits) for _ in range(4)]
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "the pipe is not read yet"
    loop.run()
    assert count == [4 * each]


def test_a_worker_thread_leaves_the_loop_free_and_its_result_comes_back(loop: EventLoop) -> None:
    seen: list[Any] = []
    threads = []
    ticked, free = threading.Event(), list[bool]()

    def tick() -> None:
        seen.append("tick")
        if seen.count("tick") == 4:
            ticked.set()
        if "done" not in seen:
            loop.after(0.02, tick)

    def work() -> str:
        free.append(ticked.wait(DEADLINE))  # a loop that is blocked during this work would not tick
        threads.append(threading.get_ident())
        return "done"

    def then(result: str) -> None:
        threads.append(threading.get_ident())
        seen.append(result)

    tick()
    loop.in_thread(work, then)
    loop.run()
    assert seen.count("done") == 1
    assert free == [True], "ticks went on meanwhile"
    assert threads[0] != threads[1] == threading.get_ident(), "worked elsewhere, told here"


def test_a_blocking_handler_stalls_the_whole_loop(loop: EventLoop) -> None:
    seen: list[str] = []

    def blocks() -> None:
        time.sleep(0.15)
        seen.append("slept")

    loop.after(0.01, blocks)
    for n in range(1, 5):
        loop.after(0.02 * n, seen.append, "tick")
    loop.run()
    assert seen[0] == "slept"


@pytest.mark.parametrize("how", ["event", "timer", "descriptor", "thread"])
def test_a_fault_is_reported_and_the_loop_goes_on(
    loop: EventLoop, pipe: tuple[int, int], how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        if how == "descriptor":
            loop.unwatch(pipe[0])
        raise ZeroDivisionError("a bug")

    def ways() -> None:
        match how:
            case "event":
                loop.off("go")
                loop.on("go", fails)
                loop.emit("go")
            case "timer":
                loop.after(0, fails)
            case "descriptor":
                os.write(pipe[1], b"x")
                loop.watch(pipe[0], READ, fails)
            case "thread":
                loop.in_thread(fails, print)

    seen: list[str] = []
    ways()
    loop.after(0.1, seen.append, "alive")
    loop.run()
    assert seen == ["alive"]
    assert capfd.readouterr().err.count("ZeroDivisionError: a bug") == 1
    failures: list[BaseException] = []
    loop.on("error", failures.append)
    ways()
    loop.run()
    assert [type(error) for error in failures] == [ZeroDivisionError]
    assert capfd.readouterr().err == ""


def test_a_fault_in_the_fault_handler_is_reported(loop: EventLoop, capfd: pytest.CaptureFixture[str]) -> None:
    loop.on("error", lambda error: 1 / 0)
    loop.on("go", lambda: [][0])
    loop.emit("go")
    loop.run()
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_ctrl_c_is_raised_by_run_and_closes_the_loop() -> None:
    script = (
        "import os\nfrom iomux.events import EventLoop, READ\nout, into = os.pipe()\n"
        "with EventLoop() as loop:\n    loop.watch(out, READ, print)\n"
        "    loop.after(0, print, 'sleeping', os.getpid())\n    loop.after(0.01, os.kill, os.getpid(), 2)\n"
        "    loop.run()\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=20)
    assert done.stdout.startswith("sleeping")
    assert done.stderr.strip().endswith("KeyboardInterrupt")


def test_a_closed_loop_refuses_events_of_threads_and_keeps_no_descriptor(pipe: tuple[int, int]) -> None:
    before = psutil.Process().num_fds()
    for name in POLLERS:
        loop = EventLoop(*pollers.make(name))
        loop.watch(pipe[0], READ, print)
        loop.close()
        loop.close()
        with pytest.raises(RuntimeError, match="this event loop is closed"):
            loop.emit_from_thread("late")
    assert psutil.Process().num_fds() == before
    os.write(pipe[1], b"still open")


def test_a_worker_that_ends_after_the_loop_was_closed_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    go = threading.Event()
    with EventLoop() as loop:
        loop.in_thread(go.wait, print)
        loop.after(0, loop.stop)
        loop.run()
    go.set()
    assert eventually(lambda: not any("_work" in thread.name for thread in threading.enumerate()))
    assert capfd.readouterr().err == ""


def test_what_can_not_be_watched_is_an_error(loop: EventLoop) -> None:
    with pytest.raises((ValueError, OSError)):
        loop.watch(-1, READ, print)
    loop.run()


def test_one_loop_serves_a_button_and_sockets() -> None:
    def serve(listener: socket.socket, handler: Any = iomux.echo) -> None:
        clicks = [0]

        def click() -> None:
            clicks[0] += 1
            events.after(0.01, events.emit, "click")

        def turn(connection: Connection) -> None:
            if connection.advance():
                fd = connection.sock.fileno()
                if connection.interest == OVER:
                    events.unwatch(fd)
                    connection.close()
                else:
                    events.watch(fd, connection.interest, turn, connection)

        def accept() -> None:
            for client in accept_pending(listener):
                connection = Connection(client, lambda data: handler(data) if data != b"?" else b"%d" % clicks[0])
                events.watch(client.fileno(), READ, turn, connection)

        listener.setblocking(False)
        with EventLoop() as events:
            events.on("click", click)
            events.emit("click")
            events.watch(listener.fileno(), READ, accept)
            events.run()

    with iomux.start(serve) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(100)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        assert [client.recv(10) for client in clients] == [b"%d" % number for number in range(100)]
        big = os.urandom(3_000_000)
        thread = in_thread(lambda: clients[0].sendall(big))
        got = bytearray()
        while len(got) < len(big):
            got += clients[0].recv(1 << 20)
        thread.join()
        assert bytes(got) == big

        def clicks() -> int:
            return int(ask(clients[1], b"?") or 0)

        assert eventually(lambda: clicks() >= 3)


def test_a_stale_event_of_a_reused_descriptor_is_dropped() -> None:
    seen: list[str] = []
    with EventLoop() as loop, two_pairs() as ((a, to_a), (b, to_b)):
        to_a.sendall(b"a")
        to_b.sendall(b"b")
        taken: list[socket.socket] = []

        def first(mine: socket.socket, other: socket.socket) -> None:
            seen.append("ready")
            for sock in (mine, other):
                loop.unwatch(sock.fileno())
            number = other.fileno()
            other.close()
            taken.append(socket.socket(fileno=os.dup2(mine.fileno(), number)))  # as the kernel reuses numbers
            mine.recv(1)
            loop.watch(number, READ, seen.append, "told of bytes that were another's")
            loop.after(0.05, loop.stop)

        loop.watch(a.fileno(), READ, first, a, b)
        loop.watch(b.fileno(), READ, first, b, a)
        loop.run()
        taken[0].close()
    assert seen == ["ready"]


@contextlib.contextmanager
def two_pairs() -> Iterator[tuple[tuple[socket.socket, socket.socket], tuple[socket.socket, socket.socket]]]:
    pairs = socket.socketpair(), socket.socketpair()
    with contextlib.ExitStack() as stack:
        for sock in (*pairs[0], *pairs[1]):
            stack.callback(sock.close)
        yield pairs


def test_a_timer_of_a_year_ends_nothing_and_one_of_nan_is_refused() -> None:
    with EventLoop() as loop:
        year = loop.after(365 * 86_400.0, loop.stop)
        loop.after(0.01, loop.off, year)
        loop.run()
        with pytest.raises(ValueError, match="not a number"):
            loop.after(float("nan"), loop.stop)
