"""Soak: each planted fault is named, from a wrong byte to a descriptor that is kept."""

import itertools
import os
import re
import select
import signal
import socket
import threading
from typing import Any

import pytest

from iomux.harness.soak import client as soak_client
from iomux.harness.soak.client import SoakClient
from iomux.harness.soak.dialogue import echo
from iomux.harness.soak.scenario import (
    pool_of,
    scenario,
)
from iomux.harness.soak.tally import Tally
from iomux.system.sockets import listen, reset
from tests.harness.test_soak import short
from tests.support.clients import DEADLINE
from tests.support.faulty_servers import (
    answering,
    changes_a_byte,
    closes_early,
    dies,
    forgets_what_it_owes,
    loses_bytes,
    never_answers,
    says_too_much,
    stalls,
    takes_send_as_complete,
    threaded,
)
from tests.support.required import takes_long

pytestmark = takes_long

PATIENCE = 1.0
"""Seconds without an answer after which a client counts as lost, short because a test waits for them."""
ENDED = {soak_client.CLOSED_EARLY, soak_client.RESET_BY_SERVER, soak_client.LOST}
SHORT = {soak_client.WRONG, soak_client.STALLED, soak_client.LOST}
PLANTED = {
    "changes a byte": (answering(changes_a_byte), {soak_client.WRONG}, r"byte [\d,]+ was 0x.. and came back as 0x.."),
    "stalls": (answering(stalls), {soak_client.STALLED, soak_client.LOST}, r"then nothing came for 1 s"),
    "never answers": (
        answering(never_answers),
        {soak_client.NEVER_ANSWERED, soak_client.LOST},
        r"read 0 as due: nothing came within 1 s",
    ),
    "closes early": (answering(closes_early), ENDED, r"then the server closed, though the client had not"),
    "says too much": (
        answering(says_too_much),
        {soak_client.TOO_MANY, soak_client.WRONG},
        r"1 bytes more than it had asked for",
    ),
    "loses bytes": (answering(loses_bytes), SHORT, r"came back as|short|nothing came"),
    "takes send as complete": (threaded(takes_send_as_complete), SHORT | ENDED, r"came back as|short|nothing came"),
    "forgets what it owes": (threaded(forgets_what_it_owes), {soak_client.LOST}, r"stream ended, [\d,]+ bytes short"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_is_named(planted: str) -> None:
    server, found, words = PLANTED[planted]
    silent = {soak_client.STALLED, soak_client.NEVER_ANSWERED} & found
    report = short(server, deadline=PATIENCE if silent else DEADLINE)
    assert report.lost > 0
    assert report.lost_kinds
    assert set(report.lost_kinds) <= found
    assert any(re.search(words, sentence) for sentence in report.failures), report
    assert "LOST" in repr(report)


def test_a_reset_is_named_whichever_call_meets_it_first() -> None:
    with listen() as listener:
        client = SoakClient(echo(scenario(5, 0, 1), pool_of(5)), listener.getsockname(), Tally())
        reset(listener.accept()[0])
        select.select([client.sock], [], [], 10)  # the reset has arrived
    with client.sock, pytest.raises(OSError, match="not connected") as met:
        client.sock.shutdown(socket.SHUT_WR)
    assert client.failure(met.value).kind == soak_client.RESET_BY_SERVER


def test_a_failure_says_which_client_and_what_was_sent_and_seen() -> None:
    sentence = short(answering(changes_a_byte)).failures[0]
    assert re.match(r"client [\d,]+ \(to [a-z -]+\) sent [\d,]+ bytes, read [\d,]+ as due: byte", sentence)


def test_a_server_that_dies_is_named_with_its_last_words() -> None:
    report = short(dies, clients=1, minutes=1)
    assert report.lost_kinds["server ended"] == 1
    assert "ended with status 1" in report.failures[0]
    assert any("ZeroDivisionError: planted" in sentence for sentence in report.failures)
    assert report.descriptors_after is None
    assert report.requests > 0
    assert report.seconds < 30, "a run stops when its server has gone"


def keeps_descriptors(listener: Any) -> None:
    """Never closes the socket of a client that has left."""
    kept = []

    def converse(client: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    while True:
        kept.append(listener.accept()[0])
        threading.Thread(target=converse, args=(kept[-1],), daemon=True).start()


def test_descriptors_that_are_kept_are_named() -> None:
    report = short(keeps_descriptors, deadline=PATIENCE)
    assert report.lost_kinds == {"descriptors": 1}
    assert report.descriptors_before is not None
    assert report.descriptors_after is not None
    assert report.descriptors_after > report.descriptors_before + 10
    assert "when all had left" in report.failures[0]


def keeps_descriptors_in_a_worker(listener: Any) -> None:
    if os.fork() == 0:
        keeps_descriptors(listener)
    signal.pause()


def test_descriptors_that_a_worker_keeps_are_named() -> None:
    assert short(keeps_descriptors_in_a_worker, deadline=PATIENCE).lost_kinds == {"descriptors": 1}


LATE = 120
"""Messages; the first client, which is there for descriptors that are opened once, has at most 100."""


def opens_a_file_late(data: bytes, count: int) -> bytes:
    """Opens a file late, like a log that is opened at its first entry."""
    number = next(vars(threading).setdefault("served", itertools.count()))  # one call: two threads get two numbers
    if number == LATE:
        os.dup(2)
    return data


def test_one_more_descriptor_is_no_leak() -> None:
    report = short(answering(opens_a_file_late), deadline=PATIENCE)
    assert report.lost == 0, report
    assert report.descriptors_before is not None
    assert report.descriptors_after == report.descriptors_before + 1


def keeps_memory(data: bytes, count: int) -> bytes:
    vars(threading).setdefault("kept", []).append(bytearray(b"x" * 100_000))
    return data


def test_memory_that_grows_is_named() -> None:
    report = short(answering(keeps_memory))
    assert report.lost_kinds == {"memory": 1}
    assert "more than the 16 MiB that are tolerated" in report.failures[0]
