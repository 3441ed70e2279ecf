"""The start of every process that the library runs: it receives its work, and never outlives its owner.

The owner holds the other end of this process's standard input. However the owner ends (kernel restart,
shutdown, `kill -9`), the system closes that end, and the kernel sends SIGKILL to this process and
all of its group. No thread watches for this: a second thread makes every system call of the first
slower, because the kernel then has to count the users of the descriptor table (fs/file.c, fdget).
The process leads a new session, so an interrupt meant for a notebook cell does not reach it. What runs a user's
program has a guard as well, which also ends what has left its group (see `iomux.processes.guarding.guard`).

PR_SET_PDEATHSIG would be shorter but wrong: it fires when the *thread* that started us ends (prctl(2)).
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
from iomux.system.accepting import Listener
from iomux.system.machine import pin
from iomux.system.network.namespaces import join
from iomux.system.sockets import raise_descriptor_limit


def receive_work() -> dict[str, Any]:
    """Read this process's work from standard input, then watch that input for the owner's end."""
    header = pickle.load(sys.stdin.buffer)
    join(header["join"])  # before anything else is imported: a process with threads can't enter a user namespace
    sys.path[:] = header["path"]  # before unpickling the rest, which may need modules from these paths
    work: dict[str, Any] = pickle.loads(header["work"])
    end_with_owner()
    pin(work["cpu"])
    raise_descriptor_limit()
    return work


def print_to_the_log() -> int:
    """Let what is printed here go to the log, each line at once; return the pipe to the owner, standard output before.

    Else a line would come after what other programs write meanwhile, and be lost if this process is killed.
    """
    pipe = os.dup(1)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return pipe


def end_with_owner() -> None:
    """Make the kernel kill this process and its group when the other end of standard input is closed."""
    if sys.platform == "linux":
        fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)  # it can be neither handled nor delayed by SIGSTOP
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
        os.set_inheritable(os.dup(0), True)  # a server that closes its standard input keeps the lifeline
        closed = select.poll()
        closed.register(0, 0)
        if closed.poll(0):  # POLLHUP: the owner ended before this was set up
            os.killpg(0, signal.SIGKILL)
    else:  # only Linux has F_SETSIG: elsewhere a thread does it
        threading.Thread(target=_kill_group_at_end_of_input, daemon=True).start()


def _kill_group_at_end_of_input() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def _serve() -> None:
    status = os.fdopen(print_to_the_log(), "wb")
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # an owner in the background ignores SIGINT, which we would inherit
    work = receive_work()
    serve: Any = get(work["serve"]).load() if isinstance(work["serve"], str) else work["serve"]
    if hasattr(serve, "import_file"):  # a file: the server is ready when it is imported
        serve = serve.import_file()
    if "address" in work:  # it makes its own listener
        with status:
            status.write(b"ready %d" % os.getpid())
        run_forever(serve.at, work["address"])
    # The owner's number for the listener may be too large for select: take the lowest free one.
    listener: socket.socket = Listener(fileno=os.dup(work["descriptor"]))
    os.close(work["descriptor"])
    if "count" in work:  # it is one of several processes
        listener = _shared(listener, work["count"], work["exclusive"])
    arguments = (listener,) if work["handler"] is None else (listener, work["handler"])
    with status:
        status.write(b"ready %d" % os.getpid())
    run_forever(serve, *arguments)


def _shared(listener: socket.socket, count: int, exclusive: bool) -> socket.socket:
    """The listener of one of several processes: it counts its clients, and may be waited for exclusively."""
    from iomux.processes.sharing.accepted import counting  # not at the top: most servers are alone

    listener = counting(listener.detach(), count)
    if exclusive:
        from iomux.processes.sharing.exclusive import wait_exclusively

        wait_exclusively(listener)
    return listener


def main() -> None:
    """Run the server received over standard input, with a guard; a failure's traceback goes to standard error."""
    from iomux.processes.guarding.guard import guarded  # not at the top: a worker imports this file, and needs no guard

    guarded(_serve_or_say_why)


def main_bounded() -> None:
    """Do what `main` does, and end it when it takes too much of the machine (`iomux.processes.guarding.bounds`)."""
    from iomux.processes.guarding.bounds import bounds
    from iomux.processes.guarding.guard import guarded

    guarded(_serve_limited, bounds())


def main_to_the_last() -> None:
    """Do what `main_bounded` does, but let what the server leaves behind live on, until the owner ends it.

    And end as a program does: Python waits for each thread that is no daemon (threading, "Thread objects").
    """
    from iomux.processes.guarding.bounds import bounds
    from iomux.processes.guarding.guard import guarded, nobody_left

    guarded(_serve_as_a_program, bounds(), nobody_left)


def _serve_as_a_program() -> None:
    from iomux.processes.guarding.bounds import limit_processes

    limit_processes()
    _serve()


def _serve_limited() -> None:
    from iomux.processes.guarding.bounds import limit_processes

    limit_processes()
    _serve_or_say_why()


def _serve_or_say_why() -> None:
    try:
        _serve()
    except BaseException as error:
        import traceback  # not at the top: the import takes 5 ms

        traceback.print_exc()
        sys.stderr.flush()
        code = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
        os._exit(code)  # not sys.exit: other threads of the server may never end
