"""Real clients for the servers of the pages on HTTP and Redis: a browser, wrk, redis-benchmark; else iomux.load."""

import shutil

from iomux.system.features import hidden


def program(*names: str) -> str:
    """The first of these programs that is installed here, as a path; empty if there is none.

    IOMUX_WITHOUT=wrk,chromium hides programs, as on a machine without them.

    Example:
    >>> from iomux.course.clients import program
    >>> program("no-such-program", "sh").endswith("sh")
    True
    """
    return next((path for name in names if name not in hidden() and (path := shutil.which(name))), "")
