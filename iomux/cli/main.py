# PYTHON_ARGCOMPLETE_OK
"""The command `iomux`: parse the command line, run the command, and return an exit status.

0: right. 1: wrong, such as a server that fails its check. 2: asked for wrongly; one line on standard error says what is
wrong, why, and what to do (for a user's file that can't be imported it is Python's message). 130 and 143: interrupted
by Ctrl-C, and by SIGTERM. 141: whoever read the results has left. Each command's help says more, such as status 3 of
check.
"""

import sys
from collections.abc import Callable, Sequence

from iomux.cli.terminal import ending  # and nothing else here: see there


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status.

    arguments: by default those of this process, whose signals and standard streams are then prepared as well.
    """
    if arguments is not None:
        return _run(arguments)
    ending.at_once()
    from iomux.cli.terminal.outputs import delivered, prepare_streams, undelivered

    prepare_streams()
    try:
        status = _run(sys.argv[1:], ending.in_order)
    except SystemExit as asked:  # for help, or wrongly; or a server was ended in order
        status = asked.code if isinstance(asked.code, int) else 0
    except OSError as error:  # of the help, which is written before there is a command
        status = undelivered(error)
    ending.at_once()
    return delivered(ending.status(status))


def _run(arguments: Sequence[str], begin: Callable[[], None] = lambda: None) -> int:
    from iomux.cli.parser import parse
    from iomux.cli.terminal.outputs import READER_LEFT, reader_left, say

    options = parse(arguments)
    try:
        begin()
        status: int = options.run(options)
    except (ValueError, LookupError, OSError) as error:
        if isinstance(error, BrokenPipeError) and reader_left():
            return READER_LEFT
        say(f"iomux {options.command}: {_one_line(error)}")
        return 2
    except ImportError as error:  # in the user's file, or a package to install: the message has several lines
        say(f"iomux {options.command}: {error}")
        return 2
    except KeyboardInterrupt as interrupt:
        say(f"iomux {options.command}: {': '.join(['interrupted', *map(str, interrupt.args)])}")
        return ending.INTERRUPTED
    return status


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}{f': {error.filename}' if error.filename else ''}"
    return " ".join(str(error.args[0] if isinstance(error, LookupError) and error.args else error).split())
