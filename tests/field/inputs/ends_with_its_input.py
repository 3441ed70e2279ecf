"""Right: it ends in order when its standard input does, and serves as long as that is open."""

import os
import sys
import threading

from common import echo, run, threads


def serve(listener):
    threading.Thread(target=lambda: (sys.stdin.read() and None) or os._exit(0), daemon=True).start()
    threads(listener, echo)


if __name__ == "__main__":
    run(serve)
