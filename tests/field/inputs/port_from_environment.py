"""Right: the port comes from the environment, as a hosting service gives it."""

import os

from common import echo, run, threads

if __name__ == "__main__":
    run(lambda listener: threads(listener, echo), port=int(os.environ["PORT"]))
