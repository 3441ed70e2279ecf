"""What a notebook says after a run: which mechanisms it tried, and whether a claim held.

A verdict is a line of text without a figure in it, so that it can be compared from run to run; timings go
into figures and tables. Where a mechanism is missing the claim is not tried, and the line says so.
"""

from collections.abc import Callable, Sequence

from iomux import servers
from iomux.facilities import find
from iomux.harness.checks import check_descriptors


def choose(*names: str, connections: int = 1) -> list[str]:
    """Those of the named mechanisms that this machine can run with so many connections.

    For each of the others a line says why not. Raises LookupError for a name that is not registered.
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
    """Why this machine cannot try what needs these mechanisms and facilities, and so many connections; empty if it can.

    Raises LookupError for a name that is not registered.
    """
    missing = [f"{name}: {why}" for name in needs if (why := (find(name) or servers.get(name)).why_not())]
    try:
        check_descriptors(connections)
    except ValueError as error:
        missing.append(str(error))
    return f"not tried here ({'; '.join(missing)})" if missing else ""


def verdict(claim: str, holds: Callable[[], object], needs: Sequence[str] = (), connections: int = 1) -> None:
    """Print whether a claim holds: `claim: True`, `claim: False`, or `claim: not tried here (why)`.

    holds: called only where every mechanism and facility in `needs` is available and a process may open `connections`.
    """
    if not callable(holds):
        raise TypeError(f"holds is {holds!r}: give a function that says whether it holds, as in lambda: a > b")
    print(f"{claim}: {not_tried(needs, connections) or bool(holds())}")
