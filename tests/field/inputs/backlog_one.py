"""Right: a backlog of 1. While it is held still two find a place and a third finds none: that is not its affair."""

from common import one_loop, run

if __name__ == "__main__":
    run(one_loop, backlog=1)
