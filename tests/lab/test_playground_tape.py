"""The event tape of the playground: of the loaded server itself, and of which clients a sleeping handler delays."""

from itertools import pairwise

import pytest

import iomux
from iomux.lab.playground import Playground

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'iomux-course[lab]'")


@pytest.mark.parametrize("name", [name for name in iomux.names() if name not in {"poll", "select", "generators"}])
def test_the_tape_is_of_the_loaded_server_itself(lab: Playground, name: str) -> None:
    from iomux.lab.live_tape import newest
    from iomux.lab.live_trace import why_not

    run = lab.choose(mechanism=name, idle=0, active=1).run(seconds=0.2)
    assert run.requests > 0
    tape = newest(name, run.ticks[-1].events)
    if why_not(name):
        assert tape.empty
        return
    counts = tape["mark"].value_counts()
    assert counts["read"] == counts["write"] > 3
    assert (tape["begin_us"] <= tape["end_us"]).all()
    assert set(tape["client"]) == {"A"}
    assert set(tape[tape["mark"].isin(["read", "write"])]["size_bytes"]) == {64}


def test_the_tape_shows_which_clients_a_sleeping_handler_delays(lab: Playground) -> None:
    from iomux.lab.live_tape import newest

    run = lab.choose(idle=5, active=4, handler_ms=20).run(seconds=0.5)
    tape = newest("poll", run.ticks[-1].events)
    assert set(tape["client"]) == {"A", "B", "C"}
    slept = tape[tape["mark"] == "handler"]
    assert ((slept["end_us"] - slept["begin_us"]) >= 20_000).all()
    turns = sorted(zip(slept["begin_us"], slept["end_us"], strict=True))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(turns)), "one at a time"
