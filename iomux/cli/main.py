"""The command `iomux`: parse the command line, run the command, and return an exit status.

0: success. 1: failure, such as a server that fails its check. 2: wrong arguments; one line on standard error says
what is wrong, why, and what to do (for a user's file that can't be imported it is Python's message). 130:
interrupted. Each command's help says more, such as status 3 of check.
"""

import os
import sys
from collections.abc import Sequence

from iomux.cli.parser import parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except BrokenPipeError:  # the reader of our output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, LookupError, OSError) as error:
        print(f"iomux {options.command}: {_one_line(error)}", file=sys.stderr)
        return 2
    except ImportError as error:  # in the user's file, or a package to install: the message has several lines
        print(f"iomux {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"iomux {options.command}: {': '.join(['interrupted', *map(str, interrupt.args)])}", file=sys.stderr)
        return 130
    return status


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}{f': {error.filename}' if error.filename else ''}"
    return " ".join(str(error.args[0] if isinstance(error, LookupError) and error.args else error).split())
