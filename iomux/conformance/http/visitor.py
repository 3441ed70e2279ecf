"""A client of a web server under test: it sends bytes, reads whole answers, and says what was wrong with them.

Deadlines are on progress: an answer is missing when nothing has come for `PATIENCE` seconds, and as long as the server
works, or waits for a core, it has four times as long. A fault carries the bytes around the first wrong one, and the
command line with the same bytes if they are few.
"""

import contextlib
import re
import socket
import time

from iomux.conformance.http.answers import Answer, Malformed, read_answer, read_one
from iomux.conformance.http.items import as_command
from iomux.conformance.trial.clients import CLOSED, RESET, send_all
from iomux.conformance.trial.patience import at_work, ready
from iomux.conformance.trial.subject import PATIENCE, Fault, Subject
from iomux.conformance.trial.window import window
from iomux.system.sock_diag.other_end import missing, other_end

STALLED = "nothing more came"
_MOST_WAITS = 4
_BEGINNING = len(b"HTTP/1.1 200")
_PIECE = 1 << 18
_PLAIN = re.compile(rb"(GET \S+ HTTP/1\.1\r\nHost: localhost\r\n\r\n)+")
"""Requests that say less than the item's own command line does."""
_MOST_SHOWN = 400
_READ_SECONDS, _LOOK_SECONDS = 0.25, 0.0005


def get(path: str, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    """The head of a request, with a Host if the version asks for one."""
    host = ("Host: localhost",) if version == "1.1" else ()
    return "\r\n".join([f"{method} {path} HTTP/{version}", *host, *fields, "", ""]).encode()


class Visitor:
    """One connection to the server."""

    def __init__(self, subject: Subject, client: socket.socket) -> None:
        self._subject, self.client = subject, client
        self.sent, self.unread = bytearray(), bytearray()
        self.how = ""
        """How the server's bytes have ended; empty as long as they may go on."""

    def send(self, data: bytes) -> None:
        """Send all of it; an end meanwhile is left for the one who reads to see."""
        self.deliver(data)

    def deliver(self, data: bytes) -> bool:
        """Send all of it; False if the server has ended the connection meanwhile."""
        self.sent += data if len(self.sent) < _MOST_SHOWN else b""
        try:
            send_all(self.client, data)
        except TimeoutError:
            raise self.fault("the server did not read what a client sent") from None
        except ConnectionError:
            return False
        return True

    def deliver_what_fits(self, data: bytes) -> bool:
        """Send what the kernel takes at once; False if the server has ended the connection."""
        self.client.setblocking(False)
        try:
            self.client.send(data)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.client.settimeout(PATIENCE)
        return True

    def half_close(self) -> None:
        """End this client's stream; it goes on to read."""
        with contextlib.suppress(OSError):  # the server was quicker to end it, which the reader will see
            self.client.shutdown(socket.SHUT_WR)

    def has_answer(self, seconds: float = 0.0) -> bool:
        """Whether bytes, or the end, have come, or come within that many seconds."""
        return bool(self.unread or self.how or ready([self.client], seconds=seconds)[0])

    def sip(self, most: int) -> None:
        """Read a few bytes."""
        with contextlib.suppress(OSError):
            self.unread += self.client.recv(most)

    def ask(self, path: str, *fields: str, method: str = "GET", version: str = "1.1", what: str = "") -> Answer:
        """Send a request without a body and read its answer. what: names it."""
        self.send(get(path, *fields, method=method, version=version))
        return self.answer(what or f"{method} {path}", method)

    def answer(self, what: str, method: str = "GET") -> Answer:
        """The final answer to a request. Raises Fault if none comes, or if it is malformed. what: names the request."""
        found = self.next(what, method)
        if found is None:
            raise self.fault(f"{what} was not answered: {self.ending()}", bytes_back=0)
        return found

    def next(self, what: str, method: str = "GET", interim: bool = False) -> Answer | None:
        """The next answer, None if nothing comes any more; interim: whether an answer of 100 to 199 counts, too.

        Raises Fault for one whose end nobody can tell: it has no length, and the connection goes on.
        """
        try:
            found = (read_one if interim else read_answer)(self.unread, self._more, method)
        except Malformed as wrong:
            raise self.malformed(what, wrong) from None
        if found is not None and found.to_the_end and self.how == STALLED:
            raise self.fault(f"the answer to {what} has no Content-Length, and the connection did not end behind it")
        return found

    def malformed(self, what: str, wrong: Malformed) -> Fault:
        """The fault of an answer that is none, with the bytes around the first wrong one."""
        how = f", then {self.ending()}" if self.how else ""
        lines = window(wrong.due, wrong.came) if wrong.due or wrong.came else []
        return self.fault(f"the answer to {what} is malformed: {wrong.why}{how}", window=lines)

    def rest(self) -> bytes:
        """All that still comes, to the end or until nothing comes any more: see `how`."""
        while self._more():
            pass
        return bytes(self.unread)

    def rest_or_answer(self) -> bytes:
        """What comes next, at least its first bytes; empty if nothing comes any more."""
        while len(self.unread) < _BEGINNING and self._more():
            pass
        return bytes(self.unread)

    def must_end(self, behind: str) -> None:
        """Read to the end. Raises Fault if it does not come, or more bytes do. behind: what was answered last."""
        if rest := self.rest():
            raise self.fault(f"behind {behind} more bytes came", window=window(b"", rest))
        if self.how == STALLED:
            raise self.fault(f"behind {behind} the connection was not ended")

    def lenient_end(self, what: str) -> None:
        """Read a refusal, or bytes in an older language, or the end. Raises Fault for none of them, or a 200."""
        begins = self.rest_or_answer()
        if begins.startswith(b"HTTP/1."):
            answer = self.answer(what)
            if answer.status < 400:
                raise self.fault(f"{what} was answered by {answer.status}, as if it were a request")
        elif not begins and self.how == STALLED:
            raise self.fault(f"{what} was not answered, and the connection did not end")

    def ending(self) -> str:
        """How it ended, in words: closed or reset depends on what was unread at that moment (tcp(7))."""
        return "the server ended the connection" if self.how in (CLOSED, RESET) else STALLED

    def fault(self, seen: str, hint: str = "", **detail: object) -> Fault:
        """A fault with the command line that sends the same, if that is short."""
        if "window" in detail and not detail["window"]:
            del detail["window"]
        if 0 < len(self.sent) < _MOST_SHOWN and not _PLAIN.fullmatch(self.sent):
            detail.setdefault("command", as_command(bytes(self.sent)))
        return Fault(seen, hint, **detail)

    def wait_until_read(self) -> None:
        """Wait until the server has read what was sent; where that can't be seen, or it does not read, for a moment."""
        until = time.monotonic() + _READ_SECONDS
        if missing():
            time.sleep(_READ_SECONDS / 25)
            return
        while time.monotonic() < until:
            end = other_end(self.client)
            if end is None or (end.inode and not end.unread):
                return
            time.sleep(_LOOK_SECONDS)

    def _more(self) -> bool:
        for _ in range(_MOST_WAITS if not self.how else 0):
            try:
                piece = self.client.recv(_PIECE)
            except TimeoutError:
                if not at_work(self._subject):
                    break
                continue
            except ConnectionError:
                self.how = RESET
                return False
            self.unread += piece
            self.how = "" if piece else CLOSED
            return bool(piece)
        self.how = self.how or STALLED
        return False
