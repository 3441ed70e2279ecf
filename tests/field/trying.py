"""Try one input in a process of its own, within a time limit: what it does to that one is a part of the verdict."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from iomux.conformance.check import SECONDS
from tests.field.table import Input

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 400.0


@dataclass(frozen=True)
class Verdict:
    """What `check` said of an input, and how long that took."""

    given: str
    """ "right", "fails a, b", "refused", or how the process ended."""
    failed: tuple[str, ...]
    text: str
    """The whole report, or the refusal."""
    seconds: float
    not_seen: tuple[str, ...] = ()


def try_input(tried: Input, only: Sequence[str] | None = None, seconds: float = SECONDS) -> Verdict:
    """Check an input once. seconds: how long a check that fails may go on; on a busy machine more than usual."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.field.trying", tried.command, tried.kind, json.dumps(only), str(seconds)],
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired:
        return Verdict("hangs", (), "", time.monotonic() - began)
    seconds = time.monotonic() - began
    if done.returncode or not done.stdout:
        return Verdict(f"ends the checker: status {done.returncode}", (), done.stdout + done.stderr, seconds)
    said = json.loads(done.stdout)
    return Verdict(said["given"], tuple(said["failed"]), said["text"], seconds, tuple(said["not_seen"]))


def as_due(tried: Input, verdict: Verdict) -> bool:
    """Whether the verdict is the one that is due."""
    if any(word in verdict.text for word in tried.never):
        return False
    if tried.due != "fails":
        return verdict.given == tried.due and all(word in verdict.text for word in tried.says)
    surplus = [name for name in verdict.failed if not any(fnmatch(name, one) for one in (*tried.fails, *tried.may))]
    missing = set(tried.fails) - set(verdict.failed)
    unbroken = " ".join(verdict.text.split())
    return bool(verdict.failed) and not surplus and not missing and all(word in unbroken for word in tried.says)


def main() -> None:
    """In a process of its own: check one target and print what came of it, as JSON."""
    import iomux

    target, kind, only, seconds = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), float(sys.argv[4])
    check = iomux.check if kind == "echo" else iomux.check_chat
    try:
        report = check(target, only=only, progress=False, seconds=seconds)
    except (ImportError, LookupError, TypeError, ValueError) as error:
        print(json.dumps({"given": "refused", "failed": [], "not_seen": [], "text": str(error)}))
        return
    given = f"fails {', '.join(report.failed)}" if report.failed else "right" if report.passed else "not seen"
    print(json.dumps({"given": given, "failed": report.failed, "not_seen": report.not_seen, "text": str(report)}))


if __name__ == "__main__":
    main()
