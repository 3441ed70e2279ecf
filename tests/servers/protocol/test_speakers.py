"""What the clients of a loop share, without a loop."""

import pytest

from iomux.servers.protocol import ClientProtocol, Say, Speaks
from iomux.servers.protocol.speakers import RETRY_SECONDS, Speakers
from iomux.system.sockets import tcp_pair


class Failing:
    """A factory whose every call fails."""

    due = 5.0

    def __call__(self, now: float, say: Say) -> ClientProtocol:
        raise RuntimeError("no client")

    def late(self, now: float) -> None:
        raise RuntimeError("not late")


def test_a_factory_that_fails_when_it_is_due_is_not_called_again_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    speakers = Speakers(Speaks(Failing()))
    assert speakers.next_due() == 5.0
    for _ in range(3):
        speakers.tell_the_late(6.0)
    assert capfd.readouterr().err.count("not late\n") == 1
    assert speakers.next_due() == 6.0 + RETRY_SECONDS


def test_a_client_for_whom_the_factory_makes_nothing_is_closed(capfd: pytest.CaptureFixture[str]) -> None:
    near, far = tcp_pair()
    with far:
        assert Speakers(Speaks(Failing())).admit(near) is None
        assert far.recv(1) == b""
    assert capfd.readouterr().err.endswith("no client\n\n")
