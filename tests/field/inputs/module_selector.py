"""Right: its selector is made when the module is imported; the import prints a line, too."""

import selectors

from common import one_loop

selector = selectors.DefaultSelector()
print("ready")


def serve(listener):
    one_loop(listener, selector=selector)
