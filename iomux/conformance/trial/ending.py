"""How a server ended, in one line: its status or signal, then the error that its output tells of; and whether it will.

The last line that a program has printed is seldom the cause of its end: it may be an access line, or the goodbye of a
`finally`. So the status comes first (wait(2)); then an error anywhere in the output, as the common languages write it;
and if there is none, the last line, named as such. Numbers that change from run to run are left out of it.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator

import psutil

_ENDING_SECONDS, _LOOK_SECONDS = 1.0, 0.03
_SERVES_NO_MORE = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD, psutil.STATUS_STOPPED)  # also who stops itself
_MOST_CHARACTERS = 200  # of a line that the report quotes; the detail has all of the log
_NO_FRAME = re.compile(r"(?=\S)(?!Traceback |During handling|The above exception|\[Previous line)")
_NAMED = re.compile(r"[\w.]*(?:Error|Exception|Interrupt|Exit|Group)(?::.*)?$")
_LOOKS_LIKE_ONE = re.compile(r"[A-Za-z_][\w.]*(?::.*)?$")
_PANICS = re.compile(
    r"^(?:panic: |fatal error: |thread '.*' panicked at |terminate called |Uncaught |"
    r"Exception in thread \"|\w*(?:Error|Exception)(?: \[\w+\])?: |AddressSanitizer|Segmentation fault)",
    re.MULTILINE,
)
_GROUP = re.compile(r"^ *[|+] ?", re.MULTILINE)  # an ExceptionGroup draws its members into a tree (traceback.py)
_CHANGES = re.compile(r"(?<=<socket\.socket )[^>]*(?=>)|(?<=\bFD )\d+|\b0x[0-9a-f]+\b|\d{4,}")


def why_ended(cause: str, log: str) -> str:
    """How the server ended. cause: as in "ended with status 1"; log: its output.

    Example:
    >>> from iomux.conformance.trial.ending import why_ended
    >>> why_ended("ended with status 3", "hello\\n")
    "the server ended with status 3; the last line of its output: 'hello'"
    """
    if error := error_in(log):
        return f"the server {cause}: {error}"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    last = f"; the last line of its output: {_shortened(lines[-1])!r}" if lines else ""
    return f"the server {cause}{last}"


def error_in(log: str) -> str:
    """The last error that an output tells of, in one line: a traceback's last line, a panic; else an empty text.

    Example:
    >>> from iomux.conformance.trial.ending import error_in
    >>> error_in("Traceback (most recent call last):\\n  File ...\\nValueError: no\\nbye, see you\\n")
    'ValueError: no'
    """
    found = _after_last_traceback(log)
    if not found and (panics := list(_PANICS.finditer(log))):
        found = log[panics[-1].start() :].partition("\n")[0]
    return _shortened(found.strip())


def _after_last_traceback(log: str) -> str:
    """The line below the frames of the last Python traceback: its frames are indented, the error is not.

    What another thread prints meanwhile stands among its lines: an error's name goes before what could be one.
    """
    bare = _GROUP.sub("", log)
    _, found, rest = bare.rpartition("Traceback (most recent call last):")
    lines = [line for line in rest.splitlines()[1:] if _NO_FRAME.match(line)] if found else []
    return next((line for shape in (_NAMED, _LOOKS_LIKE_ONE) for line in lines if shape.match(line)), "")


def _shortened(line: str) -> str:
    return _CHANGES.sub("…", line[:_MOST_CHARACTERS])


def lives_on(pid: int) -> bool:
    """Whether a process is there, not stopped, and not about to end: within a second it sleeps, or does not end.

    A process that ends closes its sockets before it is gone, so its clients may see that first; but it runs meanwhile.
    """
    until = time.monotonic() + _ENDING_SECONDS
    while time.monotonic() < until:
        try:
            status = psutil.Process(pid).status()
        except psutil.Error:
            return False
        if status in _SERVES_NO_MORE:
            return False
        if status == psutil.STATUS_SLEEPING:
            return True
        time.sleep(_LOOK_SECONDS)
    return True


def in_session(session: int) -> Iterator[psutil.Process]:
    """The processes of a session (setsid(2)), whoever is their parent now; none of ours."""
    for pid in psutil.pids() if session != os.getsid(0) else ():
        with contextlib.suppress(OSError, psutil.Error):  # it has just ended
            if os.getsid(pid) == session:
                yield psutil.Process(pid)
