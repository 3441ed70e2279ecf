"""A conversation as a command line that anyone can run, and as a script for `iomux.tape`.

One client that only sends and reads is `nc`, whose option -N half-closes after the input (OpenBSD's nc). Several
clients, a reset and an urgent byte take a few lines of Python. PORT stands for the server's port.
"""

from collections.abc import Iterator, Sequence

from iomux.conformance.evidence.conversation import Conversation, Line, last_number
from iomux.conformance.evidence.replay import Failure

_SIMPLE = {"connect", "send", "expect", "no more", "pause", "shutdown", "end"}
_MUCH = 128 * 1024
_COLUMNS = 78
_COMPOUND = ("try:", "except", "for ")
_MOST_SENDS = 5


def command(conversation: Conversation, failure: Failure) -> tuple[str, ...]:
    """The lines of a command that has the same conversation, from its first step to the one that failed."""
    done = conversation[: failure.line + 1]
    sent = [line.data for line in done if line.do == "send"]
    if {line.do for line in done} <= _SIMPLE and len({line.client for line in done}) == 1 and _printable(sent):
        return _nc(done, sent, failure)
    return _python(done)


def _printable(sent: Sequence[bytes]) -> bool:
    """Whether a shell can write what was sent in a few words."""
    short = all(len(data) <= 16 for data in sent)
    return (len(sent) <= _MOST_SENDS and short) or (len(sent) == 1 and (_alike(sent[0]) or bool(last_number(sent[0]))))


def _alike(data: bytes) -> bool:
    return data == data[:1] * len(data)


def _nc(done: Conversation, sent: Sequence[bytes], failure: Failure) -> tuple[str, ...]:
    if sent and (last := last_number(sent[0])):
        return (f"seq {last} >due", "nc -N 127.0.0.1 PORT <due | (sleep 2; cmp - due)  # says nothing if right")
    written = [_written(data) for data in sent]
    source = [f"({'; sleep 1; '.join(written)})"] if len(written) > 1 else written
    nc = "nc -N 127.0.0.1 PORT" + ("" if source else " </dev/null")
    if failure.due == failure.came:  # only the end is missing
        return _pipeline([*source, f'timeout 5 {nc} >/dev/null; echo "$?"  # 124: no end came'])
    due = sum(map(len, sent))
    if due > _MUCH:
        return _pipeline([*source, nc, f"(sleep 2; wc -c)  # {due} are due"])
    return _pipeline([*source, nc, "od -A d -c"])


def _pipeline(parts: Sequence[str]) -> tuple[str, ...]:
    """The parts on one line if it is short enough; a shell lets a pipeline go on after the bar."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 5 > _COLUMNS:
            lines[-1] += " |"
            lines.append(part)
        else:
            lines[-1] += f" | {part}"
    return tuple(lines)


def _written(data: bytes) -> str:
    """A command that writes the bytes: printf(1), or head(1) of one byte again and again."""
    if len(data) <= 16:
        return f"printf '{''.join(map(_for_printf, data))}'"
    letter = _for_printf(data[0])
    return f"head -c {len(data)} /dev/zero" + (f" | tr '\\0' '{letter}'" if data[0] else "")


def _for_printf(byte: int) -> str:
    special = "%\\'"
    return chr(byte) if 32 <= byte < 127 and chr(byte) not in special else f"\\{byte:03o}"


def _python(done: Conversation) -> tuple[str, ...]:
    modules = {"reset": "struct", "pause": "time", "meet": "time"}
    needed = ", ".join(sorted({modules[line.do] for line in done if line.do in modules}))
    lines = [f'python3 -c \'from socket import *;{f" import {needed};" if needed else ""} at = "127.0.0.1", PORT']
    for statement in _statements(done):
        compound = statement.startswith(_COMPOUND) or lines[-1].startswith(_COMPOUND)
        if compound or len(lines[-1]) + len(statement) + 3 > _COLUMNS:
            lines.append(statement)
        else:
            lines[-1] += f"; {statement}"
    return (*lines[:-1], f"{lines[-1]}'")


def _statements(done: Conversation) -> Iterator[str]:
    place = 0
    while place < len(done):
        pair = done[place : place + 2]
        period = 1 if len(set(pair)) == 1 else 2
        times = _times(done, place, period)
        if times > 2:
            yield f"for _ in range({times}): " + "; ".join(
                _statement(line, True) for line in done[place : place + period]
            )
            place += times * period
            continue
        line = done[place]
        if line.do in ("send", "say") and len(line.data) > _MUCH:
            yield f"try: {_statement(line, False)}"
            yield "except OSError: pass"
        elif line.do == "reset":
            yield f'{_name(line)}.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))'
            yield f"{_name(line)}.close()"
        else:
            yield _statement(line, place == len(done) - 1)
        place += 1


def _times(done: Conversation, place: int, period: int) -> int:
    """How often the lines at a place follow each other."""
    times, first = 1, done[place : place + period]
    while done[place + times * period : place + (times + 1) * period] == first:
        times += 1
    return times


def _name(line: Line) -> str:
    return chr(96 + line.client)


def _statement(line: Line, shown: bool) -> str:
    """One statement of Python. shown: whether to print what is received."""
    if line.do == "connect":
        return f"{_name(line)} = create_connection(at, 2)"
    if line.do in ("pause", "meet"):
        return "time.sleep(0.1)"
    calls = {
        "send": f"sendall({expression(line.data)})",
        "say": f"sendall({expression(line.data)})",
        "close": "close()",
        "shutdown": "shutdown(SHUT_WR)",
        "urgent": 'send(b"!", MSG_OOB)',
    }
    call = f"{_name(line)}.{calls.get(line.do, 'recv(9999)')}"
    return f"print({call})" if shown and line.do not in calls else call


def expression(data: bytes) -> str:
    """Bytes as a short expression of Python, in double quotes."""
    if len(data) > 16 and _alike(data):
        return f"{_literal(data[:1])} * {len(data)}"
    if 16 < len(data) <= 256 and data == bytes(range(len(data))):
        return f"bytes(range({len(data)}))"
    if len(data) > 16 and data == (bytes(range(256)) * (len(data) // 256 + 1))[: len(data)]:
        return f"(bytes(range(256)) * {len(data) // 256 + 1})[:{len(data)}]"
    return _literal(data)


def _literal(data: bytes) -> str:
    inside = "".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in "\"'\\" else f"\\x{byte:02x}" for byte in data)
    return f'b"{inside}"'


def tape(target: str, conversation: Conversation, failure: Failure) -> str:
    """A call of `iomux.tape` with the same clients; empty for what a tape's script can't do, or if it is long.

    target: the server, as it is written in a program.
    """
    done = conversation[: failure.line + 1]
    sends = [line for line in done if line.do == "send"]
    if not {line.do for line in done} <= _SIMPLE or len(sends) > _MOST_SENDS:
        return ""
    if any(len(expression(line.data)) > 60 or len(line.data) > _MUCH for line in sends):
        return ""
    clients = sorted({line.client for line in done})
    if len(clients) > 1 and {line.client for line in sends} != set(clients):  # its clients connect when they first send
        return ""
    events, tenths = list[str](), 0
    for line in done:
        if line.do == "send":
            events.append(f'({tenths / 10}, "{chr(96 + line.client)}", {expression(line.data)})')
        tenths += line.do in ("expect", "pause")
    ends = [f'({tenths / 10 + 0.1:.1f}, "{chr(96 + client)}", b"")' for client in clients]
    return f"iomux.tape({target}, [{', '.join(events + ends)}])"
