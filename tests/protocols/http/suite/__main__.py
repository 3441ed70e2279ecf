"""`python -m tests.protocols.http.suite HOST:PORT [-v]`: the score of the HTTP server there; -v: what is not right.

The server answers GET of `/` with 200. One that takes a POST of `/` sends its body back, alone or behind its own text.
"""

import sys
from collections import Counter

from tests.protocols.http.suite.judge import DOUBTFUL, RIGHT, WRONG, run


def main(arguments: list[str]) -> None:
    """Print the score, and with -v each case that is not right: what came, and which section says what."""
    host, _, port = arguments[0].rpartition(":")
    verdicts = list(run((host, int(port))))
    if "-v" in arguments:
        for case, word, outcome, reason in verdicts:
            if word != RIGHT:
                print(f"{word:8} {case.name} (RFC {case.section}): {outcome!r} {reason}; right: {case.right[:60]}")
    score = Counter(verdict.word for verdict in verdicts)
    print(f"{len(verdicts)} cases: {score[RIGHT]} right, {score[DOUBTFUL]} doubtful, {score[WRONG]} wrong")


if __name__ == "__main__":
    main(sys.argv[1:])
