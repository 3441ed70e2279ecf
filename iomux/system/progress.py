"""Whether a progress bar is shown: on a terminal or in a notebook, and not in a log file, where each step is a line."""

import sys


def shown(progress: bool) -> bool:
    """Whether to show a bar that was asked for: standard error is a terminal, or this is a notebook's kernel.

    Example:
    >>> from iomux.system.progress import shown
    >>> shown(False)
    False
    """
    return progress and (sys.stderr.isatty() or _in_a_notebook())


def _in_a_notebook() -> bool:
    interactive = sys.modules.get("IPython")  # a notebook has imported it
    return interactive is not None and getattr(interactive.get_ipython(), "kernel", None) is not None
