"""Wrong: a client's reset (ECONNRESET from recv) ends the process; all else is right."""

from common import one_loop


def serve(listener):
    one_loop(listener, forgiven=BrokenPipeError)
