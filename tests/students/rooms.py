"""A plain chat room, and right ones with habits of their own; those with a fault are in `faulty_rooms`.

The room works as people write it, with `selectors` and a list of members; nothing in it is from iomux. Each variation
replaces one part of its text, so that the rest is the same.
"""

from pathlib import Path

ROOM = """
import select, selectors, socket, time

R, W = selectors.EVENT_READ, selectors.EVENT_WRITE
MOST = 1 << 20


class Room:
    def __init__(self, listener):
        listener.setblocking(False)
        self.listener, self.members, self.watch = listener, [], selectors.DefaultSelector()
        self.watch.register(listener, R)
        self.kept = []

    def enter(self):
        try:
            new = self.listener.accept()[0]
        except BlockingIOError:
            return
        except OSError:
            time.sleep(0.05)
            return
        new.setblocking(False)
        self.members.append(new)
        self.watch.register(new, R, bytearray())

    def leave(self, sock):
        if sock in self.members:
            self.members.remove(sock)
            self.watch.unregister(sock)
            sock.close()

    def pay(self, sock, data):
        owed = self.watch.get_key(sock).data
        owed += data
        try:
            del owed[: sock.send(owed)]
        except BlockingIOError:
            pass
        except OSError:
            return self.leave(sock)
        if len(owed) > MOST:
            return self.leave(sock)
        self.watch.modify(sock, R | W if owed else R, owed)

    def hear(self, sock):
        try:
            said = sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            return self.leave(sock)
        for other in list(self.members):
            if other is not sock:
                self.pay(other, said)

    def turn(self):
        for key, events in self.watch.select():
            sock = key.fileobj
            if sock is self.listener:
                self.enter()
                continue
            if events & W and sock in self.members:
                self.pay(sock, b"")
            if events & R and sock in self.members:
                self.hear(sock)


def serve(listener):
    room = Room(listener)
    while True:
        room.turn()
"""

Parts = tuple[tuple[str, str], ...]
"""What is replaced by what in the text of the room."""
WALK = "for other in list(self.members):"
_NOTE = "self.noted[sock] = True\n        "
NOTED: Parts = (
    ("self.kept = []", "self.kept, self.noted = [], {}"),
    ("owed += data", f"{_NOTE}owed += data"),
    (WALK, f"{_NOTE}{WALK}"),
)
"""The room has a note of each member, from the first word on that it hears or says."""
LISTENS_ON: Parts = (
    ("            self.watch.unregister(sock)", "            sock in self.kept or self.watch.unregister(sock)"),
    ('said = b""', "return self.leave(sock)"),
    (
        "if not said:\n            return self.leave(sock)",
        "if not said:\n            self.kept.append(sock)\n            return self.watch.unregister(sock)",
    ),
    (
        "owed = self.watch.get_key(sock).data",
        "if sock in self.kept:\n            try:\n                return sock.send(data)\n"
        "            except OSError:\n                return self.leave(sock)\n"
        "        owed = self.watch.get_key(sock).data",
    ),
)
"""Who has ended its side still hears the others: that somebody has left is found out when something is sent there."""

RIGHT: dict[str, Parts] = {
    "as it is": (),
    "greets": (("bytearray())", 'bytearray())\n        self.pay(new, b"Welcome\\n")'),),
    "greets and tells who joins": (
        ("bytearray())", 'bytearray())\n        [self.pay(one, b"* one has joined\\n") for one in list(self.members)]'),
    ),
    "speaks in lines": (
        ("self.kept = []", "self.kept, self.part = [], {}"),
        (
            WALK,
            'said, newline, self.part[sock] = (self.part.pop(sock, b"") + said).rpartition(b"\\n")\n'
            f"        said += newline\n        {WALK}",
        ),
    ),
    "passes on 4 MB/s, in small pieces": (
        ("65536", "8192"),
        ("if not said:", "time.sleep(0.002)\n        if not said:"),
    ),
    "keeps 4 MiB for each": (("MOST = 1 << 20", "MOST = 4 << 20"),),
    "breathes by 24 MiB": (
        (
            "if not said:",
            "self.air = (self.air if len(self.air) < 384 else []) + [bytes([1]) * 65536]\n        if not said:",
        ),
        ("self.kept = []", "self.kept, self.air = [], []"),
    ),
    "wakes up ten times a second": (("self.watch.select()", "self.watch.select(0.1)"),),
}
"""Rooms that must pass whole: name, and what is replaced by what."""


def source(parts: Parts) -> str:
    """The room with some parts of it replaced."""
    text = ROOM
    for right, wrong in parts:
        if right not in text:
            raise LookupError(f"{right!r} is not in the room")
        text = text.replace(right, wrong)
    return text


def room_file(folder: Path, parts: Parts) -> str:
    """A file with that room, as a target of `iomux.check_chat`."""
    (folder / "room.py").write_text(source(parts))
    return f"{folder / 'room.py'}:serve"
