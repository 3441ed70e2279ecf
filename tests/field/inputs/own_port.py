"""Right: its port stands in the program, as in most samples."""

from common import echo, run, threads

if __name__ == "__main__":
    run(lambda listener: threads(listener, echo), port=47561)
