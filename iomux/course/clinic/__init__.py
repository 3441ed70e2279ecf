"""The clinic: published bugs of servers, rebuilt small, each beside its cure.

Each file holds `serve` with one planted bug and `cured` without it, alike but for a few lines; `diff` shows those. All
echo through the loop of `ward`, so that between sick and cured only the bug differs, and `iomux.check` can point at it.

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
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iomux.conformance.report import Report

_FAMILIES = ("integrity", "isolation", "limits", "resources")
"""The folders of the cases: by the items of `iomux.check` that catch them."""
_WIDE = 100  # letters in a line of a diff's heading


def cases() -> list[str]:
    """The names of the bugs, in the order of the alphabet.

    Example:
    >>> "end_ignored" in iomux.clinic.cases()
    True
    """
    return sorted(_homes())


def case(name: str) -> ModuleType:
    """The bug's module, with `serve` and `cured`. Raises LookupError that lists the names there are.

    Example:
    >>> bug = iomux.clinic.case("end_ignored")
    >>> iomux.check(bug.cured, only="echoes", progress=False).passed
    True
    """
    if name not in cases():
        raise LookupError(f"no bug of the clinic is called {name!r}: choose one of {', '.join(cases())}")
    return importlib.import_module(_homes()[name])


def _homes() -> dict[str, str]:
    """By the name of each bug, its module."""
    return {
        module.name: f"{__name__}.{family}.{module.name}"
        for family in _FAMILIES
        for module in pkgutil.iter_modules([f"{__path__[0]}/{family}"])
    }


def both(name: str, only: str | Iterable[str] | None = None) -> "tuple[Report, Report]":
    """Check the bug and its cure, beside each other, for a check that fails waits for seconds; `only` as for `check`.

    Returns the two reports, the bug's first. Raises LookupError for an unknown bug or item.

    Example:
    >>> bug, cure = iomux.clinic.both("reset_fatal", only="reset")
    >>> bug.passed, cure.passed
    (False, True)
    """
    from iomux.conformance.check import check

    module = case(name)
    with ThreadPoolExecutor(2) as pool:
        bug, cure = pool.map(lambda serve: check(serve, only, progress=False), (module.serve, module.cured))
    return bug, cure


def sick(name: str) -> str:
    """The source of the bug: the functions that have a cured twin.

    Example:
    >>> print(iomux.clinic.sick("short_send"))
    def send_owed(client: Client) -> None:
        with contextlib.suppress(BlockingIOError):
            client.sock.send(client.owed)
            client.owed.clear()
    """
    return "\n\n".join(text for text, _ in _twins(case(name)))


def published(name: str) -> str:
    """Where the bug was published, in its module's own words; empty where it is found everywhere, named nowhere.

    Example:
    >>> iomux.clinic.published("short_send").partition(";")[0]
    'send(2)'
    """
    words = " ".join((case(name).__doc__ or "").split())
    return words.partition("Published: ")[2].partition(" Cure:")[0]


def diff(name: str) -> str:
    """The cure as a unified diff: of each function of a bug's module against its twin, `cured` or `cured_...`.

    Above it, as comments, stands where the bug was published.

    Example:
    >>> [line for line in iomux.clinic.diff("end_ignored").splitlines() if line.startswith("+ ")]
    ['+        client.ended = not data']
    """
    source = published(name)
    said = textwrap.wrap(f"published: {source}", _WIDE) if source else []
    changed = (line for was, cured in _twins(case(name)) for line in _changed(was, cured))
    return "\n".join([*(f"# {line}" for line in said), *changed])


def _twins(module: ModuleType) -> list[tuple[str, str]]:
    """The source of each function that has a cured twin, and the twin's; `serve` only where nothing else differs."""
    found = {name.removeprefix("cured_"): twin for name, twin in vars(module).items() if name.startswith("cured_")}
    pairs = found or {"serve": module.cured}
    return [(_body(getattr(module, name)), _body(twin)) for name, twin in pairs.items()]


def _body(function: object) -> str:
    """A function's source under its sick twin's name and without docstring: what the two have to differ in."""
    text = inspect.getsource(function)  # type: ignore[arg-type]
    text = re.sub(r'\n    """.*?"""', "", text, count=1, flags=re.DOTALL)
    return re.sub(r"\bcured\(", "serve(", text).replace("cured_", "").rstrip()


def _changed(was: str, cured: str) -> list[str]:
    lines = difflib.unified_diff(was.splitlines(), cured.splitlines(), "sick", "cured", n=2, lineterm="")
    return [line for line in lines if not line.startswith("@@")]
