"""The items of a check of web servers: each has a stage, and the line of a real tool that shows the same."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from iomux.conformance.http.site import Site
from iomux.conformance.trial.items import Item, Trial
from iomux.conformance.trial.items import item as any_item
from iomux.conformance.trial.subject import Subject

STAGES = {
    "A": "A first words",
    "B": "B staying connected",
    "C": "C bodies",
    "D": "D refusals",
    "E": "E under pressure",
}
_COLUMNS, _BREAK = 78, re.compile(r"[;|&] ")
HTTP_ITEMS: dict[str, Item] = {}
"""The items of a web server by their names; each trial takes a site as well, which `stages.on_site` gives it."""
HttpTrial = Callable[[Subject, Site], None]


def item(
    name: str,
    stage: str,
    *,
    rule: str,
    sent: str,
    hint: str,
    rfc: str,
    run: str,
    points: int = 2,
    exempt: Mapping[str, str] | None = None,
    long: bool = False,
) -> Callable[[HttpTrial], HttpTrial]:
    """Register a trial. rfc: the sections where the rule is; run: the lines of a command; others as for `Item`."""
    told: dict[str, Any] = {"rule": rule, "sent": sent, "hint": hint, "man": rfc, "points": points, "exempt": exempt}
    more: dict[str, Any] = {"long": long, "stage": STAGES[stage], "run": tuple(_lines(run)), "into": HTTP_ITEMS}

    def register(trial: HttpTrial) -> HttpTrial:
        without_site: Trial = trial  # type: ignore[assignment]
        any_item(name, **told, **more)(without_site)
        return trial

    return register


def _lines(run: str) -> Iterator[str]:
    """The lines of a command, broken where a shell lets it go on in the next line."""
    for line in run.split("\n"):
        while len(line) > _COLUMNS and (places := list(_BREAK.finditer(line, 0, _COLUMNS))):
            yield line[: places[-1].end()].rstrip()
            line = line[places[-1].end() :]
        yield line


def as_command(sent: bytes) -> list[str]:
    """The lines of a command that sends these bytes, keeps its side open for a second, and shows what comes."""
    lines, quoted = ["(printf '"], "".join(map(_for_printf, sent))
    for piece in quoted.replace("\\r\\n", "\\r\\n\0").split("\0"):
        if len(lines[-1]) + len(piece) > _COLUMNS:
            lines[-1] += "'\\"
            lines.append("'")
        lines[-1] += piece
    return [*lines[:-1], f"{lines[-1]}'; sleep 1) |", "nc 127.0.0.1 PORT"]


def _for_printf(byte: int) -> str:
    if byte in b"\r\n":
        return "\\r" if byte == 13 else "\\n"
    return chr(byte) if 32 <= byte < 127 and chr(byte) not in "%\\'" else f"\\{byte:03o}"
