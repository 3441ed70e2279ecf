"""Verdicts that a notebook prints after a run: which mechanisms it tried, and whether a claim held.

A verdict is one line of text without a measured number, so that it can be compared from run to run; timings go
into figures and tables. If a mechanism is missing the claim is not tried, and the line says so.

Some runs cannot tell: the control itself varies by more than the effect, or the effect to explain does not occur on
this processor. Then the line gives that reason instead of True or False. Such a doubt is checked first, separately
from the claim, and depends on other figures than the claim does: a claim that fails is no reason to doubt.
"""

from collections.abc import Callable, Iterable, Sequence

from iomux import servers
from iomux.system.features import feature
from iomux.system.limits import check_descriptors


def choose(*names: str, connections: int = 1) -> list[str]:
    """Return those of the named mechanisms that this machine can run with this number of connections.

    For each of the others, print a line that says why not. Raises LookupError for a name that is not registered.

    Example:
    >>> iomux.choose("blocking", "poll")
    ['blocking', 'poll']
    """
    limit = ""
    try:
        check_descriptors(connections)
    except ValueError as error:
        limit = str(error)
    reasons = {name: servers.get(name).why_not() or limit for name in names}
    for name, reason in reasons.items():
        if reason:
            print(f"{name} is left out: {reason}")
    return [name for name, reason in reasons.items() if not reason]


def not_tried(needs: Sequence[str] = (), connections: int = 1) -> str:
    """Why this machine lacks these mechanisms, features or this number of connections; empty if it has them all.

    Raises LookupError for a name that is not registered.
    """
    missing = [f"{name}: {why}" for name in needs if (why := (feature(name) or servers.get(name)).why_not())]
    try:
        check_descriptors(connections)
    except ValueError as error:
        missing.append(str(error))
    return f"not tried here ({'; '.join(missing)})" if missing else ""


def verdict(
    claim: str,
    holds: Callable[[], object],
    needs: Sequence[str] = (),
    connections: int = 1,
    doubt: Callable[[], str] | None = None,
) -> None:
    """Print whether a claim holds, as `claim: True` or `claim: False`, or why this is unknown.

    holds: called only if every mechanism and feature in `needs` is available and a process may open `connections`;
    otherwise the line is `claim: not tried here (why)`. doubt: returns why this run cannot tell, empty if it can;
    called before `holds`. With a doubt, `holds` is not called and the line is `claim: not to be told here (why)`.

    Raises TypeError if `holds` is not a function, and LookupError for a name in `needs` that is not registered.

    Example:
    >>> iomux.verdict("one is less than two", lambda: 1 < 2)
    one is less than two: True
    """
    if not callable(holds):
        raise TypeError(f"holds is {holds!r}: give a function that says whether it holds, as in lambda: a > b")
    print(f"{claim}: {not_tried(needs, connections) or doubtful(doubt) or bool(holds())}")


def doubtful(doubt: Callable[[], str] | None) -> str:
    """The words of a verdict for a doubt; empty if there is none."""
    why = doubt() if doubt else ""
    return f"not to be told here ({why})" if why else ""


def unsteady(control: Iterable[float], most: float) -> str:
    """Why a control cannot show an effect by the factor `most`: the middle half of its rounds varies by as much.

    control: repeated measurements of the same thing, positive. Returns an empty string if the rounds vary less. Raises
    ValueError for fewer than four rounds: they have no middle half.

    Example:
    >>> from iomux.course.verdicts import unsteady
    >>> unsteady([10, 10, 11, 11], most=2), unsteady([10, 10, 40, 40], most=2)
    ('', 'rounds of the same differ 4.0 times')
    """
    rounds = sorted(control)
    if len(rounds) < 4:
        raise ValueError(f"{len(rounds)} rounds have no middle half: measure four or more")
    low, high = rounds[len(rounds) // 4], rounds[-1 - len(rounds) // 4]
    return f"rounds of the same differ {high / low:.1f} times" if high >= most * low else ""
