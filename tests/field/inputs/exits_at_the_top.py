"""Wrong: it ends the process that imports it, with status 0: that is no pass."""

import os

os._exit(0)


def serve(listener):
    pass
