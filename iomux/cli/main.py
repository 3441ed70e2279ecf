"""The command `iomux`: read the line, run the command, and end with a status.

0: all is well. 1: it is not, as with a server that fails its check. 2: it was asked wrongly; one line on standard
error says what is wrong, why, and what to do; for a user's file that can't be imported, it is what Python says. 130:
interrupted.
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
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, LookupError, OSError) as error:
        print(f"iomux {options.command}: {_one_line(error)}", file=sys.stderr)
        return 2
    except ImportError as error:  # in the user's file, or something to install: lines of their own
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
