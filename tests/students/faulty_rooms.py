"""Chat rooms with one fault each: the item that it is for, words of what is seen, and what is replaced in the room."""

from tests.students.rooms import NOTED, WALK, Parts

SEND = "del owed[: sock.send(owed)]"
TOO_MUCH = "if len(owed) > MOST:\n            return self.leave(sock)"
HEARD = "said = sock.recv(65536)\n"
ENDED = "if not said:"
ENTERS = "        new.setblocking(False)\n"
JOINS = "self.members.append(new)"
LEAVES = "self.members.remove(sock)"
NO_DESCRIPTOR = "time.sleep(0.05)\n            return"
SELECT = "self.watch.select()"
TURN = "        room.turn()"

FAULTS: dict[str, tuple[str, str, Parts]] = {
    "sends back to its sender": (
        "not-to-sender",
        "its own message back",
        (("if other is not sock:", "if True:"),),
    ),
    "passes on text": (
        "every-byte",
        "value 0x80 was said",
        ((WALK, f'said = said.decode("ascii", "ignore").encode()\n        {WALK}'),),
    ),
    "stops at a zero byte": (
        "every-byte",
        "value 0x00 was said",
        ((WALK, f'said = said.partition(b"\\0")[0]\n        {WALK}'),),
    ),
    "loses a byte of the second one who speaks": (
        "in-order",
        "heard other bytes",
        (
            (TURN, f"        room.spoke = 0\n{TURN}"),
            (
                WALK,
                f"self.spoke += len(said) > 10_000 and len(self.members) == 3\n        said = said[self.spoke == 2 :]\n"
                f"        {WALK}",
            ),
        ),
    ),
    "looks at the end first": (
        "last-words",
        "left when it had spoken, and another one did not hear all",
        (
            (
                HEARD,
                "ends = select.poll()\n            ends.register(sock, select.POLLRDHUP)\n"
                '            said = b"" if ends.poll(0) else sock.recv(65536)\n',
            ),
        ),
    ),
    "holds ten": (
        "many",
        "10 members were let in",
        ((ENTERS, f"{ENTERS}        if len(self.members) == 10: return new.close()\n"),),
    ),
    "lets the eleventh wait": (
        "many",
        "10 members were let in",
        ((ENTERS, f"{ENTERS}        if len(self.members) == 10: return self.kept.append(new)\n"),),
    ),
    "takes send for complete": (
        "late-reader",
        "read late heard other bytes",
        ((SEND, "sock.send(owed)\n            owed.clear()"), ("            pass\n", "            owed.clear()\n")),
    ),
    "overtakes what is owed": ("late-reader", "read late heard other bytes", (("owed += data", "owed[:0] = data"),)),
    "lets go at once": ("late-reader", "read late was disconnected", (("MOST = 1 << 20", "MOST = 1 << 16"),)),
    "waits for the slow one": (
        "slow-reader",
        "another one did not hear all that was said",
        ((SEND, "sock.setblocking(True)\n            sock.sendall(owed)\n            owed.clear()"),),
    ),
    "keeps all": ("memory", "grew with all that was said", ((TOO_MUCH, "pass"),)),
    "keeps a history": (
        "memory",
        "grew with all that was said",
        ((ENDED, f"self.kept.append(said)\n        {ENDED}"),),
    ),
    "forgets the oldest": ("falls-behind", "without the middle", ((TOO_MUCH, "del owed[:-MOST]"),)),
    "forgets the newest": (
        "falls-behind",
        "a beginning and then neither more nor the end",
        ((TOO_MUCH, "del owed[MOST:]"),),
    ),
    "passes one over": ("let-go", "heard other bytes than were said", ((WALK, "for other in self.members:"),)),
    "passes one over, the newest first": (
        "let-go",
        "heard other bytes than were said",
        ((WALK, "for other in self.members:"), (JOINS, "self.members.insert(0, new)")),
    ),
    "changes a dictionary that it walks": (
        "let-go",
        "RuntimeError: dictionary changed size",
        (
            (WALK, "for other in self.all:"),
            ("self.kept = []", "self.kept, self.all = [], {}"),
            (JOINS, f"{JOINS}\n        self.all[new] = 1"),
            (LEAVES, f"{LEAVES}\n            del self.all[sock]"),
        ),
    ),
    "hears one that it has let go": (
        "deaf-speaker",
        "OSError",
        (
            ("if events & R and sock in self.members:", "if events & R and sock not in self.kept:"),
            (
                "            return self.leave(sock)\n        if len",
                "            self.kept.append(sock)\n            return self.leave(sock)\n        if len",
            ),
            ("except OSError:\n            said", "except ConnectionError:\n            said"),
        ),
    ),
    "dies of a reset": (
        "resets",
        "ConnectionResetError",
        (("except OSError:\n            said", "except EOFError:\n            said"),),
    ),
    "asks who is there": ("resets", "not connected", ((ENTERS, f"{ENTERS}        new.getpeername()\n"),)),
    "has no note of a mute one that resets": (
        "resets",
        "KeyError",
        (*NOTED, ('said = b""', 'said = b""\n            del self.noted[sock]')),
    ),
    "has no note of a mute one that leaves": (
        "leaving",
        "KeyError",
        (*NOTED, (HEARD, f"{HEARD}            if not said:\n                del self.noted[sock]\n")),
    ),
    "passes one over that had reset": (
        "mid-reset",
        "heard other bytes than were said",
        (
            (WALK, "for other in self.members:"),
            (TOO_MUCH, "if len(owed) > MOST:\n            return self.let_go(sock)"),
            (
                "    def hear(self",
                "    def let_go(self, sock):\n        self.watch.unregister(sock)\n        sock.close()\n"
                "        self.members = [one for one in self.members if one is not sock]\n\n    def hear(self",
            ),
        ),
    ),
    "dies while it pays": (
        "mid-reset",
        "the server ended",
        (("except OSError:\n            return self.leave(sock)", "except EOFError:\n            pass"),),
    ),
    "keeps the sockets": (
        "leaks",
        "stay open",
        (
            (f"{ENDED}\n            return self.leave(sock)", f"{ENDED}\n            return self.forget(sock)"),
            (
                "    def hear(self",
                "    def forget(self, sock):\n        self.members.remove(sock)\n        self.watch.unregister(sock)\n"
                "        self.kept.append(sock)\n\n    def hear(self",
            ),
        ),
    ),
    "spins": ("silent", "all members are silent, and the room never sleeps", ((SELECT, "self.watch.select(0)"),)),
    "always wants to write": ("silent", "and the room never sleeps", (("R | W if owed else R", "R | W"),)),
    "spins while it owes": (
        "silent",
        "a member is owed bytes, all are silent, and",
        ((SELECT, "self.watch.select(0 if any(key.data for key in self.watch.get_map().values()) else None)"),),
    ),
    "dies at the limit": (
        "descriptor-limit",
        "Too many open files",
        (("except OSError:\n            time", "except EOFError:\n            time"),),
    ),
    "spins at the limit": ("descriptor-limit", "at the limit the room never sleeps", ((NO_DESCRIPTOR, "return"),)),
    "never accepts again": (
        "descriptor-limit",
        "a new member is not let in",
        ((NO_DESCRIPTOR, "self.watch.unregister(self.listener)\n            return"),),
    ),
    "takes an urgent byte for an error": (
        "urgent",
        "did not hear each other any more",
        (
            (
                HEARD,
                "urgent = select.poll()\n            urgent.register(sock, select.POLLPRI)\n"
                '            said = b"" if urgent.poll(0) else sock.recv(65536)\n',
            ),
        ),
    ),
    "swallows Ctrl-C": (
        "ctrl-c",
        "went on after SIGINT",
        ((TURN, "        try:\n            room.turn()\n        except BaseException:\n            pass"),),
    ),
}
"""By name."""
