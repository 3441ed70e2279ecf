"""Wrong web servers that are right until somebody presses them: see `faulty_web`."""

Parts = tuple[tuple[str, str], ...]
_LIMITS = "HEAD, GOODBYE, WAIT = 65536, 2.0, 3.0"
_SEND = "self.sock.sendall(piece)"
_GONE = "select.select([self.sock], [], [], 0)[0] and not self.sock.recv(1, socket.MSG_PEEK)"
_QUEUE = """self.idle, self.until, self.queue = False, None, queue.Queue()
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        while True:
            try:
                self.sock.sendall(self.queue.get())
            except OSError:
                pass
            self.queue.task_done()
"""
_LOCKED = """while True:
                    with LOCK:
                        over = self.one()
                        while not over and (self.data or select.select([self.sock], [], [], 0.05)[0]):
                            over = self.one()
                    if over:
                        break
"""
_SPINS = """def spin():
    if len(clients) == 120:
        threading.Thread(target=lambda: [0 for _ in iter(lambda: len(clients) > 60, False)], daemon=True).start()


def make_room():"""

PRESSURE: dict[str, tuple[str, Parts]] = {
    "half-close": (
        "the client half-closed was not answered",
        (
            (
                "file = self.file(target)",
                f"time.sleep(0.1)\n        if {_GONE}:\n            raise Gone\n        file = self.file(target)",
            ),
        ),
    ),
    "owed": (
        "of 21 requests before a half-close",
        (
            (
                "method, target, version, fields = self.head()",
                f"time.sleep(0.1 if self.data else 0)\n        if self.data and {_GONE}:\n            raise Gone\n"
                "        method, target, version, fields = self.head()",
            ),
        ),
    ),
    "resets": ("left descriptors open", (("with file:", "clients.append(file)\n        if True:"),)),
    "slow-reader": ("beside a client that does not read was not answered", (("with file:", "with file, LOCK:"),)),
    "late-reader": (
        "it ends before the length",
        ((_SEND, f"if select.select([], [self.sock], [], 0.4)[1]:\n                    {_SEND}"),),
    ),
    "unread": (
        "took more than 96 MiB",
        (
            ("self.idle, self.until = False, None\n", _QUEUE),
            (_SEND, "self.queue.put(piece)"),
            ('self.sock.sendall("\\r\\n".join', 'self.queue.put("\\r\\n".join'),
            ("self.goodbye()\n        except", "self.queue.join()\n            self.goodbye()\n        except"),
            ("email.utils, os,", "email.utils, os, queue,"),
        ),
    ),
    "thousand": (
        "never sleeps",
        (("clients.append(client)\n", "clients.append(client)\n        spin()\n"), ("def make_room():", _SPINS)),
    ),
    "descriptor-limit": (
        "nothing listens on the port any more",
        (
            ("if crowded():", "if False:"),
            ("except OSError:\n            make_room()", "except OSError:\n            os._exit(3)"),
        ),
    ),
    "newcomer": ("was not answered", (("idle[:1]", "idle[:0]"),)),
    "half-head": ("is still waited for", ((_LIMITS, "HEAD, GOODBYE, WAIT = 65536, 2.0, 600.0"),)),
    "drip": (
        "is still waited for",
        ((_LIMITS, "HEAD, GOODBYE, WAIT = 65536, 2.0, 0.7"), ("if self.until is None:", "if True:")),
    ),
    "goodbye": ("is still read from", ((_LIMITS, "HEAD, GOODBYE, WAIT = 65536, 600.0, 3.0"),)),
    "flood": (
        "had to wait for as long as",
        (("while not self.one():\n                    pass\n", _LOCKED),),
    ),
}
