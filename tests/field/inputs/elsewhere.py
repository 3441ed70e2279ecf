"""Right: it listens at the loopback address that its second argument names, 127.0.0.3 or ::1."""

import sys

from common import echo, run, threads

if __name__ == "__main__":
    run(lambda listener: threads(listener, echo), host=sys.argv[2])
