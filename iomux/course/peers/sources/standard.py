"""The same on the standard library's http.server: `standard.py PORT FOLDER`."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

SMALL = b"x" * 64


class Handler(SimpleHTTPRequestHandler):
    """Keeps connections, writes no log, and sends a small reply in one piece."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """64 bytes, or a file."""
        if self.path != "/small":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(SMALL)))
        self.end_headers()
        self.wfile.write(SMALL)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), partial(Handler, directory=sys.argv[2])).serve_forever()
