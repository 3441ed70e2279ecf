"""A conversation as a command line that anyone can run, and as a script for `iomux.tape`.

One client that only sends and reads is `nc`, whose option -N half-closes after the input (OpenBSD's nc). Several
clients, a reset and an urgent byte take a few lines of Python. PORT stands for the server's port.
"""

import re
from collections.abc import Iterator, Sequence

from iomux.conformance.evidence.conversation import Conversation, Line
from iomux.conformance.evidence.replay import Failure

_SIMPLE = {"connect", "send", "expect", "no more", "pause", "shutdown", "end"}
_MUCH = 128 * 1024
_COLUMNS = 82
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
    return len(sent) <= _MOST_SENDS and all(len(data) <= 16 or _alike(data) for data in sent)


def _alike(data: bytes) -> bool:
    return data == data[:1] * len(data)


def _nc(done: Conversation, sent: Sequence[bytes], failure: Failure) -> tuple[str, ...]:
    written = [_written(data) for data in sent]
    source = f"({'; sleep 1; '.join(written)})" if len(written) > 1 else "".join(written)
    piped = f"{source} | " if source else ""
    nc = "nc -N 127.0.0.1 PORT" + ("" if source else " </dev/null")
    if failure.due == failure.came:  # only the end is missing
        return (f'{piped}timeout 5 {nc}; echo " $?"  # 124: it never ended',)
    due = sum(map(len, sent))
    if due > _MUCH:
        return (f"{piped}{nc} | (sleep 2; wc -c)", f"# due: {due}")
    return (f"{piped}{nc} | od -A d -c",)


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
    modules = {"reset": "struct", "pause": "time"}
    needed = ", ".join(module for do, module in modules.items() if any(line.do == do for line in done))
    lines = [f'from socket import *;{f" import {needed};" if needed else ""} at = ("127.0.0.1", PORT)']
    for statement in _statements(done):
        compound = statement.startswith(("try:", "except"))
        if compound or lines[-1].startswith(("try:", "except")) or len(lines[-1]) + len(statement) + 2 > _COLUMNS:
            lines.append(statement)
        else:
            lines[-1] += f"; {statement}"
    return (f"python3 -c '{lines[0]}", *lines[1:-1], f"{lines[-1]}'")


def _statements(done: Conversation) -> Iterator[str]:
    for place, line in enumerate(done):
        name, last = chr(96 + line.client), place == len(done) - 1
        if line.do == "connect":
            yield f"{name} = create_connection(at, 2)"
        elif line.do == "send" and len(line.data) > _MUCH:
            yield f"try: {name}.sendall({expression(line.data)})"
            yield "except OSError: pass"
        elif line.do == "send":
            yield f"{name}.sendall({expression(line.data)})"
        else:
            yield from _other(line, name, last)


def _other(line: Line, name: str, last: bool) -> Iterator[str]:
    if line.do == "reset":
        yield f'{name}.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))'
        yield f"{name}.close()"
    elif line.do in ("expect", "end", "no more"):
        yield f"print({name}.recv(99))" if last else f"{name}.recv(99)"
    else:
        calls = {"close": "close()", "shutdown": "shutdown(SHUT_WR)", "urgent": 'send(b"!", MSG_OOB)'}
        yield f"{name}.{calls[line.do]}" if line.do in calls else "time.sleep(0.1)"


def expression(data: bytes) -> str:
    """Bytes as a short expression of Python, in double quotes."""
    if len(data) > 16 and _alike(data):
        return f"{_literal(data[:1])} * {len(data)}"
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


def fits_a_tape(target: str) -> bool:
    """Whether a target is a name or `file.py:function`, which `iomux.tape` can record."""
    return "{port}" not in target and not re.fullmatch(r"[\w.\[\]:-]+:\d+", target)
