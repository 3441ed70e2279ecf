"""The clinic: published bugs of servers, each rebuilt as a small server with the bug and the same server fixed.

Each file holds `serve` with one planted bug and `cured` without it; they differ in a few lines, which `diff` shows. All
of them echo through the loop of `loop.py`, so that the bug is the only difference and `iomux.check` can point at it.

Example:
>>> bug = iomux.clinic.case("end_ignored")
>>> callable(bug.serve), callable(bug.cured)
(True, True)
"""

import difflib
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iomux.conformance.report import Report

_FAMILIES = ("integrity", "isolation", "limits", "resources")
"""The folders of the bugs: by the items of `iomux.check` that catch them."""
_WIDE = 100  # characters per line of a diff's heading


def cases() -> list[str]:
    """The names of the bugs, in alphabetical order.

    Example:
    >>> "end_ignored" in iomux.clinic.cases()
    True
    """
    return sorted(_modules())


def case(name: str) -> ModuleType:
    """The module of a bug: `serve` has it, `cured` is fixed. Raises LookupError, with all names, for an unknown bug.

    Example:
    >>> bug = iomux.clinic.case("end_ignored")
    >>> iomux.check(bug.cured, only="echoes", progress=False).passed
    True
    """
    if name not in cases():
        raise LookupError(f"no bug of the clinic is called {name!r}: choose one of {', '.join(cases())}")
    return importlib.import_module(_modules()[name])


def _modules() -> dict[str, str]:
    """The module of each bug, by the bug's name."""
    return {
        module.name: f"{__name__}.{family}.{module.name}"
        for family in _FAMILIES
        for module in pkgutil.iter_modules([f"{__path__[0]}/{family}"])
    }


def both(name: str, only: str | Iterable[str] | None = None) -> "tuple[Report, Report]":
    """Check the server with the bug and the fixed one in parallel; `only` as for `check`.

    A check that fails waits for seconds. Returns the two reports, that of the bug first, without the evidence that
    `check` gathers of a failure. Raises LookupError for an unknown bug or item.

    Example:
    >>> bug, cure = iomux.clinic.both("reset_fatal", only="reset")
    >>> bug.passed, cure.passed
    (False, True)
    """
    from iomux.conformance.check import check

    module = case(name)
    with ThreadPoolExecutor(2) as pool:
        tried = partial(check, only=only, progress=False, evidence=False)
        with_bug, fixed = pool.map(tried, (module.serve, module.cured))
    return with_bug, fixed


def buggy_source(name: str) -> str:
    """The source of the bug: the functions that have a fixed version.

    Example:
    >>> print(iomux.clinic.buggy_source("short_send"))
    def send_owed(client: Client) -> None:
        with contextlib.suppress(BlockingIOError):
            client.sock.send(client.owed)
            client.owed.clear()
    """
    return "\n\n".join(text for text, _ in _versions(case(name)))


def published(name: str) -> str:
    """Where the bug was published, as its module says; empty for a common bug without a single source.

    Example:
    >>> iomux.clinic.published("short_send").partition(";")[0]
    'send(2)'
    """
    words = " ".join((case(name).__doc__ or "").split())
    return words.partition("Published: ")[2].partition(" Cure:")[0]


def diff(name: str) -> str:
    """The fix as a unified diff: each function with the bug against its fixed version, `cured` or `cured_...`.

    Comments above it say where the bug was published.

    Example:
    >>> [line for line in iomux.clinic.diff("end_ignored").splitlines() if line.startswith("+ ")]
    ['+        client.ended = not data']
    """
    source = published(name)
    heading = textwrap.wrap(f"published: {source}", _WIDE) if source else []
    changed = (line for bug, fixed in _versions(case(name)) for line in _changed(bug, fixed))
    return "\n".join([*(f"# {line}" for line in heading), *changed])


def _versions(module: ModuleType) -> list[tuple[str, str]]:
    """The source of each function that has a fixed version, and that of the version; else of `serve` and `cured`."""
    fixed = {name.removeprefix("cured_"): what for name, what in vars(module).items() if name.startswith("cured_")}
    pairs = fixed or {"serve": module.cured}
    return [(_body(getattr(module, name)), _body(function)) for name, function in pairs.items()]


def _body(function: object) -> str:
    """The source of a function without its docstring, under the name of the version with the bug."""
    text = inspect.getsource(function)  # type: ignore[arg-type]
    text = re.sub(r'\n    """.*?"""', "", text, count=1, flags=re.DOTALL)
    return re.sub(r"\bcured\(", "serve(", text).replace("cured_", "").rstrip()


def _changed(bug: str, fixed: str) -> list[str]:
    lines = difflib.unified_diff(bug.splitlines(), fixed.splitlines(), "with the bug", "fixed", n=2, lineterm="")
    return [line for line in lines if not line.startswith("@@")]
