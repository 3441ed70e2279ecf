"""Stage B, the last: memory of keys whose time is over, and that nobody ever asks for again.

A store that looks at a key's time only when somebody asks keeps all others for ever. Judged by slope, as a heap
breathes: rounds of new keys are written, which die at once; what a store forgets, it uses again in the next round.
"""

import time
from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.client import Client
from iomux.conformance.redis.items import TIME, page
from iomux.conformance.redis.talk import ask, store
from iomux.conformance.redis.wire import OK, command, told
from iomux.conformance.trial.clients import MIB
from iomux.conformance.trial.items import warm_up
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, rss_bytes

item = partial(items.item, stage=TIME)
_ROUND_BYTES, _VALUE_BYTES, _LIFE_MS = 4 * MIB, 8192, 100
_ROUNDS, _LEAST_ROUNDS = 12, 3
_WAIT_SECONDS, _LAST_WAIT_SECONDS = 0.25, 5.0
_KEPT = 0.5
"""The share of what was written that a store must keep to fail: one that forgets nothing keeps all of it."""


@item(
    "dead-keys",
    rule="a key whose time is over is forgotten, though nobody asks for it again",
    sent="a client sets new keys of 8 KiB with PX 100, 4 MiB in a round, and waits; then memory is measured",
    hint="Who removes a key that nobody asks for? Redis looks ten times a second at some keys that have an end, and "
    "goes on while many of them are dead.",
    man=page("expire"),
    run=(
        'for k in $(seq 9999); do echo "SET iomux:$k $(printf %08192d 0) PX 100"; done | redis-cli -p PORT > /dev/null',
        "ps -o rss= -p PID",
    ),
    long=True,
)
def dead_keys(subject: Subject) -> None:
    """Check that memory does not grow with all that has died."""
    rss_bytes(subject)  # where it is not to be seen nothing is written
    with store(subject) as one:
        _write(one, 0)
        before, written = rss_bytes(subject), 0
        for number in range(1, _ROUNDS + 1):
            written += _write(one, number)
            time.sleep(_WAIT_SECONDS if number < _ROUNDS else _LAST_WAIT_SECONDS)
            if number >= _LEAST_ROUNDS and rss_bytes(subject) - before < _KEPT * written:
                return
        grown = rss_bytes(subject) - before
        written += _write(one, _ROUNDS + 1)  # what an allocator has not given back is used for this
        if rss_bytes(subject) - before > grown + _KEPT * _ROUND_BYTES:
            raise Fault("the keys' time was over, and memory grew with all that was written", grown_bytes=grown)


def _write(one: Client, number: int) -> int:
    """Write a round of keys that are soon dead; return how many bytes."""
    try:
        ask(one, f"SET iomux:d x PX {_LIFE_MS}", OK)
    except Fault as fault:
        raise NotSeen(f"{fault.seen}: see the item expires") from None
    count, value = _ROUND_BYTES // _VALUE_BYTES, bytes(_VALUE_BYTES)
    sent = (command("SET", f"iomux:dead:{number}:{which}", value, "PX", _LIFE_MS) for which in range(count))
    with warm_up("pipeline"):  # one that takes a moment for each does not read while it carries out what it has
        one.send(b"".join(sent))
    for _ in range(count):
        if (reply := one.reply()) != OK:
            raise NotSeen(f"many keys could not be set: {told(reply)}: see the items expires and pipeline")
    return _ROUND_BYTES
