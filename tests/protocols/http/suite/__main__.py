"""`python -m tests.protocols.http.suite HOST:PORT [-v]`: the score of the HTTP server there; -v: what is not right.

The server answers GET of `/` with 200. One that takes a POST of `/` sends its body back, alone or behind its own text.
"""

import argparse
from collections import Counter

from tests.protocols.http.suite.judge import DOUBTFUL, RIGHT, WRONG, run


def address(text: str) -> tuple[str, int]:
    """HOST:PORT as an address. Raises ValueError, which argparse tells."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def main() -> None:
    """Print the score, and with -v each case that is not right: what came, and which section says what."""
    parser = argparse.ArgumentParser(description="The score of an HTTP server by some 350 single requests.")
    parser.add_argument("address", type=address, metavar="HOST:PORT", help="where it listens")
    parser.add_argument("-v", action="store_true", help="print what is not right")
    asked = parser.parse_args()
    verdicts = list(run(asked.address))
    if asked.v:
        for case, word, outcome, reason in verdicts:
            if word != RIGHT:
                print(f"{word:8} {case.name} (RFC {case.section}): {outcome!r} {reason}; right: {case.right[:60]}")
    score = Counter(verdict.word for verdict in verdicts)
    print(f"{len(verdicts)} cases: {score[RIGHT]} right, {score[DOUBTFUL]} doubtful, {score[WRONG]} wrong")


if __name__ == "__main__":
    main()
