"""Two clients that stay while others misbehave: what ends them is that, and no pause that would have ended them too."""

import contextlib
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace

import pytest

import iomux
from iomux.conformance.echo import fairness, limits
from iomux.conformance.trial import flooding, transfer
from iomux.conformance.trial.patience import eventually
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, under_trial
from iomux.conformance.trial.transfer import bystanders, on_a_busy_machine

LIMIT_SECONDS = 1.0
Talk = Callable[[socket.socket], None]
Serve = Callable[[socket.socket], None]


def echo(client: socket.socket) -> None:
    while data := client.recv(65536):
        client.sendall(data)


def loses_zeros(client: socket.socket) -> None:
    while data := client.recv(65536):
        client.sendall(data.replace(b"\0", b""))


@contextlib.contextmanager
def serving(talk: Talk) -> Iterator[tuple[Subject, Sequence[socket.socket], Sequence[socket.socket]]]:
    """A thread a client; yields it, its clients in the order of their coming, and those that it has given up."""
    clients, given_up = list[socket.socket](), list[socket.socket]()

    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(ConnectionError):
            try:
                talk(client)
            except (TimeoutError, BlockingIOError):
                given_up.append(client)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                clients.append(listener.accept()[0])
                threading.Thread(target=serve, args=(clients[-1],), daemon=True).start()

    with iomux.listen() as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield Subject(listener.getsockname(), os.getpid()), clients, given_up
        listener.shutdown(socket.SHUT_RDWR)


def impatient_for_words(client: socket.socket) -> None:
    client.settimeout(LIMIT_SECONDS)
    echo(client)


def impatient_for_room(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(LIMIT_SECONDS), 0))
    echo(client)


@pytest.mark.parametrize(("talk", "ends"), [(impatient_for_words, 2), (impatient_for_room, 1)])
def test_whom_a_pause_ends_was_not_ended_by_others(talk: Talk, ends: int) -> None:
    with serving(talk) as (subject, _, given_up), bystanders(subject) as still_served:
        assert eventually(lambda: len(given_up) == ends)
        still_served("a word of another one")


@pytest.mark.parametrize("which", [0, 1], ids=["served", "owed"])
def test_whom_nothing_but_another_one_ends_was_ended_by_that(which: int) -> None:
    with serving(echo) as (subject, clients, _), bystanders(subject) as still_served:
        clients[which].shutdown(socket.SHUT_RDWR)
        with pytest.raises(Fault, match="after a word of another one, a client that") as seen:
            still_served("a word of another one")
    assert "What one client does ends that client" in seen.value.hint


@pytest.mark.parametrize("which", [0, 1], ids=["served", "owed"])
def test_they_are_asked_after_the_long_pause_of_a_busy_machine_too(which: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(echo) as (subject, clients, _), bystanders(subject) as still_served:
        clients[which].shutdown(socket.SHUT_RDWR)
        later = SimpleNamespace(monotonic=lambda: time.monotonic() + 60, sleep=lambda _: time.sleep(LIMIT_SECONDS))
        monkeypatch.setattr(transfer, "time", later)
        with pytest.raises(Fault, match="after a word of another one, a client that"):
            still_served("a word of another one")


@pytest.mark.parametrize("works", [True, False])
def test_who_waits_for_a_core_is_given_more_time_to_serve(works: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def talk(client: socket.socket) -> None:
        while data := client.recv(65536):
            time.sleep(1.5)  # longer than its queues may stay as they are until it counts as being at rest
            client.sendall(data)

    monkeypatch.setattr(transfer, "kept_from_working", lambda: works)
    with serving(talk) as (subject, _, _), socket.create_connection(subject.address) as client:
        assert transfer.is_served(subject, client) is works


def test_who_ends_everybody_ever_after_is_not_said_to_be_impatient() -> None:
    broken = threading.Event()

    def talk(client: socket.socket) -> None:
        while (data := client.recv(65536)) and not broken.is_set():
            client.sendall(data)

    with serving(talk) as (subject, _, _), bystanders(subject) as still_served:
        broken.set()
        with pytest.raises(Fault, match="a client that had stayed"):
            still_served("a word of another one")


def test_who_also_loses_bytes_is_blamed_for_ending_the_one_that_is_served() -> None:
    def talk(client: socket.socket) -> None:
        while data := client.recv(65536):
            client.sendall(data.replace(b"\0", b""))

    with serving(loses_zeros) as (subject, clients, _), bystanders(subject) as still_served:
        clients[0].shutdown(socket.SHUT_RDWR)
        with pytest.raises(Fault, match="a client that had stayed"):
            still_served("a word of another one")


def test_who_loses_bytes_in_any_case_has_not_lost_them_because_of_others() -> None:
    def talk(client: socket.socket) -> None:
        while data := client.recv(65536):
            client.sendall(data.replace(b"\0", b""))

    with serving(loses_zeros) as (subject, _, _), bystanders(subject) as still_served:
        still_served("a word of another one")


@pytest.mark.parametrize(("talk", "said"), [(impatient_for_words, NotSeen), (echo, Fault)])
def test_who_sends_the_silent_away_fails_no_item_that_a_busy_machine_makes_long(
    talk: Talk, said: type[Exception]
) -> None:
    def sent_away(subject: Subject) -> None:
        with on_a_busy_machine(subject):
            time.sleep(LIMIT_SECONDS)
            raise Fault("sent away")

    with serving(talk) as (subject, _, _), pytest.raises(said, match="sent away"):
        sent_away(subject)


def _in_threads(listener: socket.socket, talk: Talk) -> None:
    while True:
        threading.Thread(target=talk, args=listener.accept()[:1], daemon=True).start()


def sends_the_silent_away(listener: socket.socket) -> None:
    def talk(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(LIMIT_SECONDS)
            echo(client)

    _in_threads(listener, talk)


def sends_away_at_a_flood(listener: socket.socket) -> None:
    flooded = threading.Event()

    def talk(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            said = 0
            while data := client.recv(65536):
                said += len(data)
                if said > 1 << 20:
                    flooded.set()
                if said < 100 and flooded.is_set():
                    return
                client.sendall(data)

    _in_threads(listener, talk)


def hangs_up_at_urgent(client: socket.socket) -> None:
    while not select.select([client], [], [client])[2] and (data := client.recv(65536)):
        client.sendall(data)


@pytest.mark.parametrize(
    ("talk", "said", "why"),
    [(impatient_for_words, NotSeen, "see the item silence"), (hangs_up_at_urgent, Fault, "after an urgent byte")],
)
def test_urgent_blames_no_urgent_byte_for_a_pause_that_a_busy_machine_makes(
    talk: Talk, said: type[Exception], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looks_for_long(subject: Subject) -> bool:
        time.sleep(1.5 * LIMIT_SECONDS)
        return False

    monkeypatch.setattr(fairness, "busy", looks_for_long)
    with serving(talk) as (subject, _, _), pytest.raises(said, match=why):
        fairness.urgent(subject)


def test_who_waits_in_a_send_for_one_that_does_not_read_is_asked_what_that_costs_by_another_item() -> None:
    """Its late answer to the question whether it serves others meanwhile is no wrong answer to the next one."""
    one_at_a_time = threading.Lock()

    def talk(client: socket.socket) -> None:
        while data := client.recv(65536):
            with one_at_a_time:
                client.sendall(data)

    with serving(talk) as (subject, _, _), bystanders(subject) as still_served:
        still_served("a word of another one")


@pytest.mark.parametrize(("serve", "said"), [(sends_the_silent_away, NotSeen), (sends_away_at_a_flood, Fault)])
def test_flood_blames_no_flood_for_a_pause_that_a_busy_machine_makes(
    serve: Serve, said: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def rests_for_long(subject: Subject, _: object) -> None:
        time.sleep(1.5 * LIMIT_SECONDS)

    monkeypatch.setattr(flooding, "_let_it_rest", rests_for_long)
    with iomux.start(serve) as server:
        subject = Subject(server.address, server.pid)
        with (
            under_trial(subject, ("hundred", "bulk")),
            pytest.raises(said, match="was closed"),
        ):
            fairness.flood(subject)


@pytest.mark.parametrize(("talk", "said"), [(impatient_for_words, NotSeen), (echo, Fault)])
def test_past_1024_blames_no_number_for_a_pause_that_a_busy_machine_makes(
    talk: Talk, said: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(talk) as (subject, clients, given_up):

        def answered_after_a_pause(all_of_them: Sequence[socket.socket]) -> tuple[int, str]:
            assert eventually(lambda: len(clients) == len(all_of_them))
            if talk is echo:
                clients[0].shutdown(socket.SHUT_RDWR)
            else:
                assert eventually(lambda: len(given_up) == len(all_of_them))
            return len(all_of_them), "answered"

        monkeypatch.setattr(limits, "_PAST", 3)
        monkeypatch.setattr(limits, "_FEW", 1)
        monkeypatch.setattr(limits, "_first_not_served", answered_after_a_pause)
        with pytest.raises(said, match="the first of 1,100 got nothing back"):
            limits.past_1024(subject)
