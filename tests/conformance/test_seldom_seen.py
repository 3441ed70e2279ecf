"""What a busy machine shows seldom is looked for longer, or is "not seen": here the usual time is too short for it."""

import pytest

import iomux
from iomux.conformance.echo import prompt, sharing
from iomux.conformance.trial.subject import Fault, NotSeenHere, Subject
from iomux.system.sock_diag.other_end import missing
from tests.students import subtle, subtle_processes

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "the kernel tells of a connection's other end")


def test_while_there_is_a_trace_of_a_sleep_it_is_asked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the usual time there are some 12 answers, and 16 have to be late."""
    monkeypatch.setattr(prompt, "_SECONDS", 0.3)
    monkeypatch.setattr(prompt, "_PROOFS", 16)
    with iomux.start(subtle.serve_asks_every_25_ms) as server, pytest.raises(Fault, match="its request lies unread"):
        prompt.prompt(Subject(server.address, server.pid))


def test_processes_that_could_not_be_stopped_while_they_accepted_are_not_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is one newcomer at a time: a process that accepts has taken all, and nothing is left for the others."""
    monkeypatch.setattr(sharing, "_MANY", 1)
    monkeypatch.setattr(sharing, "_BEGIN_SECONDS", 5.0)
    monkeypatch.setattr(sharing, "_TRIES", 6)
    with (
        iomux.start(subtle_processes.two_processes_that_poll) as server,
        pytest.raises(NotSeenHere, match="no process could be stopped while it accepted"),
    ):
        sharing.shared_listener(Subject(server.address, server.pid))
