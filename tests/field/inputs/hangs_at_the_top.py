"""Wrong: its import never ends, and nothing listens."""

while True:
    pass


def serve(listener):
    pass
