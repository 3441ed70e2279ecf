"""Hypothesis interleaves clients at random: each byte of each is accounted for by a model of its conversation.

The machine connects, sends in pieces, reads slowly, half-closes, resets and vanishes, in any order over up to eight
clients; when it finds a fault it shrinks the steps to the few that show it. The examples are the same at every run;
`IOMUX_FUZZ=500 pytest tests/test_fuzz.py` tries 500 others for each server.
"""

import contextlib
import functools
import os
import random
import socket
from typing import Any, cast

import psutil
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

import iomux
from iomux.harness.checks import Address
from iomux.harness.process import Server
from tests.clients import DEADLINE, ask, connect, eventually, receive, receive_all, reset
from tests.faulty import answering, says_too_much

POOL = random.Random(1).randbytes(1 << 22)
MOST_CLIENTS = 8
EXAMPLES = int(os.environ.get("IOMUX_FUZZ", "12"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize="IOMUX_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
SIZES = st.one_of(st.integers(1, 300), st.sampled_from([4095, 4096, 4097, 65535, 65536, 65537, 300_000]))
PICKS = st.integers(0, MOST_CLIENTS - 1)


class Model:
    """One client, and what it is owed: what it has sent and not yet read."""

    def __init__(self, address: Address, start: int) -> None:
        self.sock = connect(address)
        self.start = start
        self.sent = self.got = 0
        self.shut = False

    @property
    def owed(self) -> bytes:
        """The bytes that are still to come."""
        return POOL[self.start + self.got : self.start + self.sent]

    def send(self, size: int) -> None:
        """Send as much as the kernel takes at once; that counts as sent."""
        begin = self.start + self.sent
        self.sock.settimeout(0)  # with a timeout Python waits for room itself, whatever MSG_DONTWAIT says
        with contextlib.suppress(BlockingIOError):
            self.sent += self.sock.send(POOL[begin : begin + size])
        self.sock.settimeout(DEADLINE)

    def read(self, size: int) -> None:
        """Read some of what is owed: it must be what was sent next."""
        owed = self.owed[:size]
        if owed:
            came = receive(self.sock, len(owed))
            self.got += len(owed)
            assert came == owed

    def read_to_the_end(self) -> None:
        """Everything that is owed, and then, after a half-close, the end of the stream; else nothing more."""
        if self.shut:
            owed, self.got = self.owed, self.sent
            assert receive_all(self.sock) == owed
        else:
            self.read(self.sent)
            self.sock.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                assert not self.sock.recv(1), "more came than was sent"
                raise AssertionError("the stream has ended, and this client had not")


class Clients(RuleBasedStateMachine):
    """The steps. Whatever some clients do, the others are owed what they have sent."""

    def __init__(self, address: Address, most: int) -> None:
        super().__init__()
        self.address, self.most = address, most
        self.clients: list[Model] = []

    @precondition(lambda self: len(self.clients) < self.most)
    @rule(start=st.integers(0, 1 << 20))
    def connects(self, start: int) -> None:
        self.clients.append(Model(self.address, start))

    @precondition(lambda self: self.clients)
    @rule(pick=PICKS, sizes=st.lists(SIZES, min_size=1, max_size=4))
    def sends_in_pieces(self, pick: int, sizes: list[int]) -> None:
        client = self.clients[pick % len(self.clients)]
        for size in sizes if not client.shut else ():
            client.send(size)

    @precondition(lambda self: self.clients)
    @rule(pick=PICKS, size=SIZES)
    def reads_slowly(self, pick: int, size: int) -> None:
        self.clients[pick % len(self.clients)].read(size)

    @precondition(lambda self: self.clients)
    @rule(pick=PICKS)
    def half_closes(self, pick: int) -> None:
        client = self.clients[pick % len(self.clients)]
        if not client.shut:
            client.sock.shutdown(socket.SHUT_WR)
            client.shut = True

    @precondition(lambda self: self.clients)
    @rule(pick=PICKS)
    def resets(self, pick: int) -> None:
        reset(self.clients.pop(pick % len(self.clients)).sock)

    @precondition(lambda self: self.clients)
    @rule(pick=PICKS)
    def vanishes(self, pick: int) -> None:
        self.clients.pop(pick % len(self.clients)).sock.close()

    @precondition(lambda self: self.clients)
    @rule(pick=PICKS)
    def reads_to_the_end_and_leaves(self, pick: int) -> None:
        client = self.clients.pop(pick % len(self.clients))
        with client.sock:
            client.read_to_the_end()

    def teardown(self) -> None:
        """Whoever is left gets what it is owed; and one more client is served."""
        try:
            for client in self.clients:
                client.read_to_the_end()
        finally:
            for client in self.clients:
                client.sock.close()
        with connect(self.address) as last:
            assert ask(last, b"still there?") == b"still there?"


def fuzz(server: Server, most: int, how: settings = SETTINGS) -> None:
    """Let the machine run; it asks for a class, and takes whatever makes one."""
    run_state_machine_as_test(cast(Any, functools.partial(Clients, server.address, most)), settings=how)


@pytest.mark.parametrize("name", [mechanism.name for mechanism in iomux.mechanisms()])
def test_no_interleaving_loses_a_byte_or_a_descriptor(name: str) -> None:
    if name not in iomux.names():
        pytest.skip(f"{name} is not available here")
    with iomux.start(name) as server:
        process = psutil.Process(server.pid)
        with connect(server.address) as first:
            assert ask(first, b"hello") == b"hello"
        assert eventually(lambda: process.num_fds() < 20)
        before = process.num_fds()
        fuzz(server, 1 if name == "blocking" else MOST_CLIENTS)
        assert eventually(lambda: process.num_fds() <= before)


def changes_what_is_large(data: bytes, count: int) -> bytes:
    return data if len(data) < 4096 else data[1:] + b"?"


@pytest.mark.parametrize("server", [answering(changes_what_is_large), answering(says_too_much)])
def test_a_planted_fault_is_found(server: Any) -> None:
    found = (AssertionError, Flaky)  # Flaky: found, and not again with the same steps, as pieces come as they like
    with iomux.start(server) as running, pytest.raises(found):
        fuzz(running, 1, settings(SETTINGS, max_examples=100, phases=[Phase.generate]))
