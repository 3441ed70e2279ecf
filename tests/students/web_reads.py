"""The first half of the plain web server of `web`: how it reads a request, and its body."""

READS = """
import email.utils, os, re, select, socket, threading, time
from urllib.parse import unquote_to_bytes

HEAD, GOODBYE, WAIT = 65536, 2.0, 3.0
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
           417: "Expectation Failed", 431: "Fields Too Large", 501: "Not Implemented", 505: "Version Not Supported"}
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Refused(Exception):
    pass


class Gone(Exception):
    pass


class Client:
    def __init__(self, sock, folder):
        self.sock, self.folder, self.data = sock, os.path.realpath(folder), b""
        self.idle, self.until = False, None

    def more(self):
        if self.until is None:
            self.until = time.monotonic() + WAIT
        left = self.until - time.monotonic()
        if left <= 0 or not select.select([self.sock], [], [], left)[0]:
            raise Refused(408)
        piece = self.sock.recv(65536)
        if not piece:
            raise Gone
        self.data += piece

    def take(self, count):
        while len(self.data) < count:
            self.more()
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def line(self):
        while b"\\r\\n" not in self.data:
            if len(self.data) > HEAD:
                raise Refused(431)
            self.more()
        line, _, self.data = self.data.partition(b"\\r\\n")
        return line

    def begin(self):
        self.until = None
        if not self.data:
            self.idle = True
            ready = select.select([self.sock], [], [], 30)[0]
            self.idle = False
            if not ready:
                raise Gone
            self.more()
            self.until = time.monotonic() + WAIT
        while self.data.startswith(b"\\r\\n"):
            self.data = self.data[2:]
        if not self.data:
            self.more()

    def head(self):
        self.begin()
        while b"\\r\\n\\r\\n" not in self.data:
            if len(self.data) > HEAD:
                raise Refused(431)
            self.more()
        head, _, self.data = self.data.partition(b"\\r\\n\\r\\n")
        if b"\\0" in head:
            raise Refused(400)
        lines = head.decode("latin-1").split("\\r\\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not re.fullmatch(r"HTTP/\\d\\.\\d", words[2]):
            raise Refused(400)
        if not words[2].startswith("HTTP/1."):
            raise Refused(505)
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not TOKEN.fullmatch(name) or "\\r" in line:
                raise Refused(400)
            fields.setdefault(name.lower(), []).append(value.strip(" \\t"))
        return words[0], words[1], words[2], fields

    def length(self, version, fields):
        codings = fields.get("transfer-encoding")
        if codings:
            if version == "HTTP/1.0" or "content-length" in fields:
                raise Refused(400)
            if codings != ["chunked"]:
                raise Refused(501)
            return "chunked"
        lengths = set(fields.get("content-length", ["0"]))
        if len(lengths) > 1 or not re.fullmatch("[0-9]+", lengths.copy().pop()):
            raise Refused(400)
        return int(lengths.pop())

    def body(self, length):
        if length != "chunked":
            while length:
                piece = self.take(1)
                got = piece + self.data[: length - 1]
                self.data = self.data[length - 1 :]
                length -= len(got)
                self.until = None
            return
        while True:
            size = self.line().partition(b";")[0]
            if not re.fullmatch(b"[0-9a-fA-F]{1,8}", size):
                raise Refused(400)
            if not int(size, 16):
                break
            self.take(int(size, 16))
            if self.take(2) != b"\\r\\n":
                raise Refused(400)
        while self.line():
            pass

"""
