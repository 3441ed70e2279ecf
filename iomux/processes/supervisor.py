"""A command line under test in a process of its own, with a guard that ends it and all that it leaves behind.

The command's standard input is the lifeline (see `iomux.processes.child`): nothing ever comes from it, and its end
comes with the end of the check only, so a server that ends at the end of its input does not end at once. A command
that makes a daemon of itself, and ends with status 0, goes on as long as the daemon does.
"""

import os
import signal
import sys

from iomux.processes.child import receive_work
from iomux.processes.guarding.bounds import bounds, limit_processes
from iomux.processes.guarding.guard import guarded, nobody_left


def main() -> None:
    """Run one command line, received over standard input, and end as it ends."""
    guarded(_become_the_command, over=_is_over)


def main_bounded() -> None:
    """Do what `main` does, and end it when it takes too much of the machine (`iomux.processes.guarding.bounds`)."""
    guarded(_become_limited, bounds(), _is_over)


def main_to_the_last() -> None:
    """Do what `main_bounded` does, but let what the command leaves behind live on, until the owner ends it."""
    guarded(_become_limited, bounds(), nobody_left)


def _become_limited() -> None:
    limit_processes()
    _become_the_command()


def _become_the_command() -> None:
    work = receive_work()
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):  # exec keeps what is ignored; Python ignores two
        signal.signal(number, signal.SIG_DFL)
    os.closerange(3, 1 << 20)
    os.write(1, b"%d" % os.getpid())  # to the owner, from whom /proc may hide what another user runs
    os.dup2(2, 1)
    try:
        os.execvpe(work["words"][0], work["words"], work["environment"])  # the user's: ours has another PYTHONPATH
    except OSError as error:
        print(f"{work['words'][0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)  # as a shell does


def _is_over(status: int) -> bool:
    """Whether no daemon goes on after the command has ended with this status."""
    return bool(status) or nobody_left()  # daemons are children of the guard, which is this process
