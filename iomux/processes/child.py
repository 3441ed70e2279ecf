"""The first lines of every process that the harness starts: get the work, and never outlive the owner.

The owner holds the other end of this process's standard input. However the owner ends (kernel restart,
shutdown, `kill -9`), the system closes that end, and this process is sent SIGKILL, together
with all it has started. No thread watches for it: a second thread makes every system call of
the first dearer, because the kernel then has to count who uses the table of descriptors (fs/file.c, fdget).
The process is the leader of its own session, so an interrupt meant for a notebook cell does not reach it.

PR_SET_PDEATHSIG would be shorter and wrong: it fires when the *thread* that started us ends (prctl(2)).
Sources: fcntl(2), F_SETOWN, F_SETSIG and O_ASYNC.
"""

import fcntl
import os
import pickle
import select
import signal
import socket
import sys
import threading
from typing import Any

from iomux.servers import get, run_forever
from iomux.system.machine import pin
from iomux.system.sockets import raise_descriptor_limit


def receive_work() -> dict[str, Any]:
    """Read this process's work from standard input, then watch that input for the owner's end."""
    header = pickle.load(sys.stdin.buffer)
    sys.path[:] = header["path"]  # before the rest is unpickled: it may name modules found there
    work: dict[str, Any] = pickle.loads(header["work"])
    end_with_owner()
    pin(work["cpu"])
    raise_descriptor_limit()
    return work


def end_with_owner() -> None:
    """From now on, end this process and its group when the other end of standard input is closed."""
    if sys.platform == "linux":
        fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)  # neither handled nor held up by SIGSTOP
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
        os.set_inheritable(os.dup(0), True)  # a server that closes its standard input keeps the lifeline
        closed = select.poll()
        closed.register(0, 0)
        if closed.poll(0):  # POLLHUP: the owner has ended before all this was set up
            os.killpg(0, signal.SIGKILL)
    else:  # F_SETSIG is Linux's own: elsewhere a thread has to do
        threading.Thread(target=_end_after_input, daemon=True).start()


def _end_after_input() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def _serve() -> None:
    status = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a server prints goes to the log, not between the lines of the harness
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # an owner in the background ignores it, and we inherit that
    work = receive_work()
    serve = get(work["serve"]).load() if isinstance(work["serve"], str) else work["serve"]
    # The owner's number for the listener may be past what select can watch: take the lowest one free.
    listener = socket.socket(fileno=os.dup(work["descriptor"]))
    os.close(work["descriptor"])
    arguments = (listener,) if work["handler"] is None else (listener, work["handler"])
    with status:
        status.write(b"ready")
    run_forever(serve, *arguments)


def main() -> None:
    """Run the server that comes over standard input; a failure's traceback goes to standard error."""
    try:
        _serve()
    except BaseException as error:
        import traceback  # only now: it takes 5 ms

        traceback.print_exc()
        sys.stderr.flush()
        code = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
        os._exit(code)  # at once: other threads of the server may never end
