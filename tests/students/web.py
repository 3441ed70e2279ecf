"""A plain web server as people write one, right in all that `iomux.check_http` tries, and parts to be replaced.

One thread for each connection, and no library but Python's own; nothing in it is from iomux. Right ones with habits of
their own, and wrong ones, each replace one part of its text, so that the rest is the same.
"""

from pathlib import Path

from tests.students.web_reads import READS

ANSWERS = """\
    def file(self, target):
        path = re.sub("^http://[^/]*", "", target).partition("?")[0]
        name = unquote_to_bytes(path)
        if b"\\0" in name:
            return None
        name = os.path.realpath(os.path.join(self.folder, os.fsdecode(name).lstrip("/")))
        if not name.startswith(self.folder + "/") or not os.path.isfile(name):
            return None
        return open(name, "rb")

    def answer(self, status, size=0, fields=(), last=False):
        date = email.utils.formatdate(usegmt=True)
        lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Date: {date}", f"Content-Length: {size}", *fields]
        if last:
            lines.append("Connection: close")
        self.sock.sendall("\\r\\n".join([*lines, "", ""]).encode())

    def one(self):
        method, target, version, fields = self.head()
        length = self.length(version, fields)
        hosts = fields.get("host", [])
        if version != "HTTP/1.0" and (len(hosts) != 1 or re.search("[ /@]", hosts[0])):
            raise Refused(400)
        options = ",".join(fields.get("connection", [])).lower().replace(" ", "").replace("\\t", "").split(",")
        last = "close" in options or version == "HTTP/1.0"
        expects = ",".join(fields.get("expect", [])).lower()
        if expects == "100-continue" and version != "HTTP/1.0":
            self.sock.sendall(b"HTTP/1.1 100 Continue\\r\\n\\r\\n")
        self.body(length)
        if method in ("POST", "PUT", "DELETE", "OPTIONS"):
            self.answer(405, fields=["Allow: GET, HEAD"], last=last)
        elif method not in ("GET", "HEAD"):
            self.answer(501, last=last)
        else:
            self.get(method, target, last)
        return last

    def get(self, method, target, last):
        file = self.file(target)
        if file is None:
            self.answer(404, last=last)
            return
        with file:
            self.answer(200, os.fstat(file.fileno()).st_size, last=last)
            while method == "GET" and (piece := file.read(65536)):
                self.sock.sendall(piece)

    def goodbye(self):
        self.sock.shutdown(socket.SHUT_WR)
        until = time.monotonic() + GOODBYE
        while time.monotonic() < until and select.select([self.sock], [], [], GOODBYE)[0] and self.sock.recv(65536):
            pass

    def serve(self):
        try:
            try:
                while not self.one():
                    pass
            except Refused as refused:
                self.answer(refused.args[0], last=True)
            self.goodbye()
        except (Gone, OSError):
            pass
        finally:
            self.sock.close()
            clients.remove(self)


clients, LOCK = [], threading.Lock()


def make_room():
    idle = [client for client in list(clients) if client.idle]
    for client in idle[:1]:
        try:
            client.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def crowded():
    import resource
    try:
        return len(os.listdir("/proc/self/fd")) + 8 > resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except OSError:
        return True


def serve(listener, folder):
    while True:
        if crowded():
            make_room()
        try:
            sock = listener.accept()[0]
        except OSError:
            make_room()
            time.sleep(0.05)
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(sock, folder)
        clients.append(client)
        threading.Thread(target=client.serve, daemon=True).start()


if __name__ == "__main__":
    import sys

    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
"""
WEB = READS + ANSWERS


def web_file(folder: Path, parts: tuple[tuple[str, str], ...] = ()) -> str:
    """A file with the server's text, in which each part is replaced: its path."""
    text = WEB
    for part, by in parts:
        assert text.count(part) == 1, part
        text = text.replace(part, by)
    file = folder / "web_server.py"
    file.write_text(text)
    return str(file)


_CHUNKS = """size = os.fstat(file.fileno()).st_size
            lines = ["HTTP/1.1 200 OK", f"Date: {email.utils.formatdate(usegmt=True)}", "Transfer-Encoding: chunked"]
            if old or method == "HEAD":
                lines[2] = f"Content-Length: {size}"
            lines += ["Connection: close"] if last else []
            self.sock.sendall("\\r\\n".join([*lines, "", ""]).encode())
            while method == "GET" and (piece := file.read(999999)):
                self.sock.sendall(piece if old else b"%X;x=1\\r\\n%b\\r\\n" % (len(piece), piece))
            if method == "GET" and not old:
                self.sock.sendall(b"0\\r\\n\\r\\n")"""
RIGHT: dict[str, tuple[tuple[str, str], ...]] = {
    "closes behind each answer, and says so": (('last = "close" in options or version == "HTTP/1.0"', "last = True"),),
    "sends its files in chunks": (
        ("self.get(method, target, last)", 'self.get(method, target, last, version == "HTTP/1.0")'),
        ("def get(self, method, target, last):", "def get(self, method, target, last, old):"),
        (
            "self.answer(200, os.fstat(file.fileno()).st_size, last=last)\n"
            '            while method == "GET" and (piece := file.read(65536)):\n'
            "                self.sock.sendall(piece)",
            _CHUNKS,
        ),
    ),
    "sends slowly, in small pieces, with other names": (
        ('"Content-Length: {size}"', '"cONTENT-lENGTH:   {size} "'),
        (
            "self.sock.sendall(piece)",
            "for at in range(0, len(piece), 30000):\n                    self.sock.sendall(piece[at : at + 30000])",
        ),
        ("file = self.file(target)", "time.sleep(0.02)\n        file = self.file(target)"),
    ),
    "refuses all bodies at once": (("self.body(length)\n", "if length:\n            raise Refused(501)\n"),),
}
"""Right servers with habits of their own."""
