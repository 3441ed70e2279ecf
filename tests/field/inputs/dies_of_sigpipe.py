"""Wrong: SIGPIPE ends it, as it ends each program that does not ignore it and sends to a client that has closed."""

import signal

from common import one_loop


def serve(listener):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it
    one_loop(listener, piece=16384)
