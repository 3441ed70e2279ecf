"""Wrong: an attribute that is set when a client comes is used when a client speaks: the newest gets all answers."""

import contextlib
import threading


class Server:
    def talk(self, mine):
        with mine, contextlib.suppress(OSError):
            while data := mine.recv(65536):
                self.client.sendall(data)

    def serve(self, listener):
        while True:
            self.client = listener.accept()[0]
            threading.Thread(target=self.talk, args=(self.client,), daemon=True).start()


def serve(listener):
    Server().serve(listener)
