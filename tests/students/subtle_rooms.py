"""Chat rooms with one fault each that most conversations never meet; in the form of `faulty_rooms`."""

from tests.students.faulty_rooms import ENDED, ENTERS, HEARD, JOINS, SELECT, TOO_MUCH
from tests.students.rooms import WALK, Parts

KEPT = "self.kept = []"
HEARS = "    def hear(self"
TO_OTHERS = "if other is not sock:"
ERROR = 'said = b""'
LEFT = "return self.leave(sock)"
IGNORED = (f"{ENDED}\n            {LEFT}", f"{ENDED}\n            return")
GONE = "sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 7"  # it has reset (TCP_CLOSE)
OWED = "self.watch.get_key(one).data"
KEEPS = "return self.kept.append(sock) or self.members.remove(sock) or self.watch.unregister(sock)"
TAKES_FIRST_WORDS: Parts = (
    (KEPT, "self.kept, self.named = [], set()"),
    (WALK, f"if sock not in self.named:\n            return self.named.add(sock)\n        {WALK}"),
)

SUBTLE: dict[str, tuple[str, str, Parts]] = {
    "sends back to its sender while it owes": (
        "not-to-sender",
        "its own message back while another one was owed bytes",
        ((TO_OTHERS, f"if other is not sock or any({OWED} for one in self.members):"),),
    ),
    "hears a hundred short messages of each": (
        "every-byte",
        "after some short messages a member was disconnected",
        (
            (ENTERS, f"{ENTERS}        self.count[new] = 0\n"),
            (KEPT, "self.kept, self.count = [], {}"),
            (
                WALK,
                "self.count[sock] += len(said) < 4\n        if self.count[sock] > 100:\n"
                f"            {LEFT}\n        {WALK}",
            ),
        ),
    ),
    "ends its loop at the first slow one": (
        "slow-reader",
        "next to a member that does not read, another one did not hear all",
        (
            (
                "self.pay(other, said)",
                "self.pay(other, said)\n                if other in self.members and self.watch.get_key(other).data:\n"
                "                    break",
            ),
        ),
    ),
    "drops what all are owed when one resets": (
        "resets",
        "had reset its connection, and one that was owed bytes did not hear all",
        ((ERROR, f"{ERROR}\n            [{OWED}.clear() for one in self.members]"),),
    ),
    "keeps what it owes by a number": (
        "mid-reset",
        "the next one to join heard them",
        (
            (KEPT, "self.kept, self.owed = [], {}"),
            (
                "self.watch.register(new, R, bytearray())",
                "owed = self.owed.setdefault(new.fileno(), bytearray())\n"
                "        self.watch.register(new, R | W if owed else R, owed)",
            ),
            (TOO_MUCH, f"if len(owed) > MOST:\n            owed.clear()\n            {LEFT}"),
        ),
    ),
    "does not look at the end": (
        "silent",
        "a member has left, all others are silent, and the room never sleeps",
        ((ERROR, LEFT), IGNORED),
    ),
    "says goodbye to one that has left, and waits": (
        "silent",
        "a member has ended its side (shutdown), all others are silent, and the room never sleeps",
        (
            (
                HEARD,
                f"{HEARD}            if not said and sock not in self.kept:\n"
                '                self.kept.append(sock)\n                sock.send(b"bye\\n")\n',
            ),
            (ERROR, LEFT),
            (IGNORED[0], f"{ENDED}\n            return {GONE} and self.leave(sock)"),
        ),
    ),
    "takes a line for a name that nobody asked for": (
        "in-order",
        "what a new member said first did not reach the others",
        TAKES_FIRST_WORDS,
    ),
    "drops what was said before": (
        "in-order",
        "said a line again that it had just said, and another one did not hear",
        (
            (KEPT, "self.kept, self.last = [], {}"),
            (
                WALK,
                f"if self.last.get(sock) == said:\n            return\n        self.last[sock] = said\n        {WALK}",
            ),
        ),
    ),
    "cuts off who is silent for 5 s": (
        "in-order",
        "nobody had spoken for some seconds, and then a member was disconnected",
        (
            (KEPT, "self.kept, self.spoke = [], {}"),
            (JOINS, f"{JOINS}\n        self.spoke[new] = time.monotonic()"),
            (WALK, f"self.spoke[sock] = time.monotonic()\n        {WALK}"),
            (SELECT, "self.look()"),
            (
                HEARS,
                "    def look(self):\n        found, now = self.watch.select(0.5), time.monotonic()\n"
                "        for sock in [one for one in self.members if now > self.spoke[one] + 5]:\n"
                f"            self.leave(sock)\n        return found\n\n{HEARS}",
            ),
        ),
    ),
    "drops what all are owed when one leaves": (
        "last-words",
        "a member left when it had spoken, and one that read late",
        (
            (
                f"{ENDED}\n            {LEFT}",
                f"{ENDED}\n            [{OWED}.clear() for one in self.members]\n            {LEFT}",
            ),
        ),
    ),
    "counts what it owes to all together": (
        "slow-reader",
        "one of two members that read late was disconnected",
        ((TOO_MUCH, f"if sum(len({OWED}) for one in self.members) > MOST:\n            {LEFT}"),),
    ),
    "numbers them by how many there are": (
        "leaving",
        "four members had left, and then the others did not hear each other",
        (
            (KEPT, "self.kept, self.number = [], {}"),
            (JOINS, f"{JOINS}\n        self.number[new] = len(self.members)"),
            (TO_OTHERS, "if self.number[other] != self.number[sock]:"),
        ),
    ),
    "keeps who half-closes while it is owed": (
        "leaks",
        "descriptors of members that had half-closed while they were owed bytes stay open",
        (
            (
                IGNORED[0],
                f"{ENDED}\n            if self.watch.get_key(sock).data:\n                {KEEPS}\n            {LEFT}",
            ),
        ),
    ),
    "keeps who can't be sent to": (
        "leaks",
        "descriptors of members that had reset their connection when a message was sent to them stay open",
        (
            (
                f"except OSError:\n            {LEFT}\n        if len",
                f"except OSError:\n            {KEEPS}\n        if len",
            ),
        ),
    ),
}
"""By name."""
