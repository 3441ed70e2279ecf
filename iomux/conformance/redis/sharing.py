"""Stage E: many clients at once, and clients of which only a part has come."""

import socket
from contextlib import ExitStack
from functools import partial

from iomux.conformance.redis import items
from iomux.conformance.redis.client import Client
from iomux.conformance.redis.items import PRESSURE, cli, page
from iomux.conformance.redis.talk import as_bulk, ask, client, shared_store
from iomux.conformance.redis.wire import NIL, PONG, bulk, command, integer, is_error, told
from iomux.conformance.trial.clients import CLOSED, RESET, check_room_for, connect, connect_one_by_one, crowd
from iomux.conformance.trial.flooding import Flooder, Turn, flood_is_fair
from iomux.conformance.trial.items import ONE_AT_A_TIME, warm_up
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, processes

item = partial(items.item, stage=PRESSURE)
_COUNTING, _EACH, _PIECE = 50, 100, 10
_IDLE = 500
_HALF = b"*1\r\n$4\r\nPI"
_FLOOD_BYTES = 16 * 1024


@item(
    "counted",
    rule="commands are carried out one at a time: what 50 clients count together is all that they counted",
    sent="50 clients send INCR of one key 100 times each, in pieces of ten; then one asks for the value",
    hint="Between reading the old value and writing the new one another client may have come: in a thread, or at an "
    "await. Who keeps it out?",
    man=f"{page('incr')} (Pattern: Counter)",
    run=("redis-benchmark -p PORT -q -c 50 -n 5000 INCR iomux:n", *cli("GET iomux:n")),
    exempt=ONE_AT_A_TIME,
)
def counted(subject: Subject) -> None:
    """Test that no count is lost."""
    with shared_store(subject) as one, ExitStack() as stack:
        incr = command("INCR", "iomux:n")
        with warm_up("incr"):
            ask(one, incr, integer(1))
        several = [stack.enter_context(client(subject)) for _ in range(_COUNTING)]
        for _ in range(_EACH // _PIECE):
            for other in several:
                other.send(incr * _PIECE)
            for other in several:
                _count(other)
        ask(one, "GET iomux:n", bulk(str(1 + _COUNTING * _EACH)), "after 50 clients had counted to 5,001 together")


def _count(other: Client) -> None:
    """Read a piece's answers. Raises Fault for one that is no number."""
    for _ in range(_PIECE):
        if (got := other.reply())[:1] != b":":
            raise Fault(
                "one of 50 clients that count at once was not answered by a number", got=told(got), how=other.how
            )


@item(
    "half-command",
    rule="half a command at the end of a client's stream is no command: the connection ends, and others go on",
    sent="a client sends the first half of a SET, then half-closes (SHUT_WR); another asks for that key",
    hint="The end of the stream is read like bytes: recv returns none. What is left of the client then?",
    man="shutdown(2); RFC 9293, 3.6",
    run=(r"printf '*3\r\n$3\r\nSET\r\n$7\r\niomux:a\r\n$5\r\nha' | timeout 5 nc -N 127.0.0.1 PORT; echo $?",),
)
def half_command(subject: Subject) -> None:
    """Test an end where none is due."""
    whole = command("SET", "iomux:a", "value")
    with shared_store(subject) as other:
        for place in (len(whole) - 1, 9, 3):
            with client(subject) as one:
                one.send(whole[:place])
                one.socket.shutdown(socket.SHUT_WR)
                if (got := one.reply()) and not is_error(got):
                    raise Fault("half a command was answered as if it were whole", got=told(got))
                if not (one.how in (CLOSED, RESET) or one.ended()):
                    raise Fault("after half a command and the end of its stream a client's connection did not end")
        ask(other, "GET iomux:a", NIL, "after half a SET, another client")


@item(
    "thousand",
    rule="an active client is served even among a thousand silent ones",
    sent="1,000 clients connect, half of them in the middle of a command, and are silent; one sends PING meanwhile, "
    "and the last one the rest of its command",
    hint="Your server has to hold them all and wait for none. How many can it hold?",
    man="epoll(7); redis.io, Redis client handling",
    run=("for i in $(seq 1000); do sleep 20 | nc 127.0.0.1 PORT & done; sleep 5; redis-cli -p PORT PING",),
    exempt=ONE_AT_A_TIME,
)
def thousand(subject: Subject) -> None:
    """Test one active client among many."""
    check_room_for(2 * _IDLE + 1)
    with shared_store(subject) as active, crowd(subject, _IDLE), ExitStack() as stack:
        for number, idle in enumerate(connect_one_by_one(subject, _IDLE)):
            stack.enter_context(idle).sendall(_HALF)
            if number % 50 == 0:
                ask(active, "PING", PONG, "among a thousand silent ones, the active client")
        ask(active, "PING", PONG, "among a thousand silent ones, the active client")
        ask(
            Client(idle, subject),
            command("PING").removeprefix(_HALF),
            PONG,
            "the last of a thousand, with the rest of its PING,",
        )


@item(
    "flood",
    rule="a client that sends without pause does not starve those that send little",
    sent="while the server is stopped (SIGSTOP), one client sends a flood of ECHO, then two others PING; then the "
    "server continues (SIGCONT), and the flood goes on",
    hint="How long does your server stay with a client that always has more commands? Carry out some, then serve the "
    "others; and go on later with what has come, though no new byte tells you to.",
    man="epoll(7) (Possible pitfalls: starvation)",
    run=("redis-benchmark -p PORT -t set -d 16384 -P 100 -c 1 -n 999999 -q & redis-cli -p PORT --latency",),
    exempt=ONE_AT_A_TIME,
)
def flood(subject: Subject) -> None:
    """Test fairness, counted in bytes that were answered."""
    processes(subject)  # without them the server can't be stopped
    with connect(subject) as older, connect(subject) as flooder, connect(subject) as newer:
        with warm_up("two-clients"):
            for one in (older, flooder, newer):
                ask(Client(one, subject), "PING", PONG)
        requests = _long_requests(subject)
        turn = Turn(command("PING"), PONG, served="two-clients")
        flood_is_fair(subject, Flooder(flooder, requests, served="pipeline"), [older, newer], turn)


def _long_requests(subject: Subject) -> bytes:
    """Commands that are as long as their answers. Raises NotSeen if the store knows none."""
    text = bytes(_FLOOD_BYTES)
    with client(subject) as one:
        for request in (command("ECHO", text), command("PING", text)):
            one.send(request)
            if bulk(text) in (got := one.reply(), as_bulk(got)):
                return request * 16
    raise NotSeen("a flood needs an answer that is as long as the command: see the item echo")
