"""Right, and slow: 100 bytes at a time. Slowness is no fault of its behaviour."""

from common import one_loop


def serve(listener):
    one_loop(listener, piece=100)
