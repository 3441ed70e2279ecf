"""The table: each input, how it is named for `check`, and the verdict it is due."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parent / "inputs"
HOSTILE = Path(__file__).parents[1] / "students" / "hostile.py"


@dataclass(frozen=True)
class Input:
    """One server, and the verdict it is due."""

    target: str
    """As for `iomux.check`; `{folder}` and `{python}` are replaced."""
    due: Literal["right", "refused", "fails"] = "right"
    fails: tuple[str, ...] = ()
    """The items that must fail."""
    may: tuple[str, ...] = ()
    """Further items that may fail, since they follow from the same fault; "*" allows all."""
    says: tuple[str, ...] = ()
    """Words that the refusal or what was seen of an item that must fail has to contain."""
    never: tuple[str, ...] = ()
    """Words that the report must not contain: a cause that it is not."""
    kind: Literal["echo", "chat"] = "echo"
    quick: bool = False
    """Whether the suite tries it, too."""
    only: tuple[str, ...] = ()
    """The items to try in the suite, so that it stays short; the driver tries all."""
    folder: str = str(FOLDER)

    @property
    def command(self) -> str:
        """The target as `check` takes it."""
        return self.target.replace("{folder}", self.folder).replace("{python}", sys.executable)

    @property
    def name(self) -> str:
        """A short name for a table."""
        return self.target.replace("{folder}/", "").replace("{python} ", "").replace(str(HOSTILE.parent) + "/", "")


def _file(name: str, **due: object) -> Input:
    return Input(f"{{folder}}/{name}.py:serve", **due)  # type: ignore[arg-type]


def _command(name: str, **due: object) -> Input:
    return Input(f"{{python}} {{folder}}/{name}", **due)  # type: ignore[arg-type]


def _hostile(name: str, **due: object) -> Input:
    return Input(f"{HOSTILE}:{name}", **due)  # type: ignore[arg-type]


_LEAVERS = ("reset", "mid-reset", "leaving")
_RESETS = ("leaks", "end", "half-close", "neighbours", "children", "history")  # what a reset may end as well

OURS = (
    _file("slow_pieces"),
    _file("shaped_rate"),
    _file("at_work"),
    _file("dies_on_reset", due="fails", fails=_LEAVERS[:1], may=(*_LEAVERS, *_RESETS), says=("ConnectionResetError",)),
    _command("backlog_five.py {port}"),
    _command("backlog_one.py {port}", quick=True, only=("echoes", "reset")),
    _command("ends_with_its_input.py {port}", quick=True, only=("echoes", "sizes")),
    _command("elsewhere.py {port} 127.0.0.3", quick=True, only=("echoes", "sizes")),
    _command("elsewhere.py {port} ::1"),
    _file(
        "innocent_last_line",
        due="fails",
        fails=("reset",),
        may=(*_LEAVERS, *_RESETS),
        says=("ended with status 4",),
        quick=True,
        only=("echoes", "reset"),
    ),
    _file("goodbye", due="fails", fails=("reset",), may=(*_LEAVERS, *_RESETS), says=("ConnectionResetError",)),
    _file("prints_raw_bytes", quick=True, only=("echoes", "sizes")),
    _command("prints_raw_bytes.py {port}"),
    _file("decodes", due="fails", fails=("echoes",), says=("UnicodeDecodeError",), quick=True),
    _file("table_of_1000", due="fails", fails=("past-1024",), may=("idle",), never=("select can't watch",)),
    _file("stops_at_nul", due="fails", fails=("sizes",), may=("*",), says=("zero byte",)),
    _file("looks_up_first", quick=True, only=("echoes", "prompt")),
    _command("three_descriptors_each.py {port}", quick=True, only=("echoes", "past-1024", "descriptor-limit")),
    _file("turns_away", quick=True, only=("echoes", "past-1024"), never=("select can't watch",)),
    _file(
        "keeps_a_timer_each",
        due="fails",
        fails=("history",),
        says=("each message",),
        quick=True,
        only=("echoes", "leaks", "history"),
    ),
    _file(
        "dies_of_sigpipe",
        due="fails",
        fails=("mid-reset",),
        may=_LEAVERS,
        says=("SIGPIPE",),
        quick=True,
        only=("echoes", "mid-reset"),
    ),
    _file(
        "thousand_messages",
        due="fails",
        fails=("history",),
        may=("flood", "prompt", "leaks"),
        says=("ended the connection",),
        quick=True,
        only=("echoes", "history"),
    ),
    _file(
        "one_error_for_all",
        due="fails",
        fails=("reset",),
        may=("mid-reset", "number-again", "leaks"),
        says=("a client that had stayed",),
        quick=True,
        only=("echoes", "reset"),
    ),
    _file(
        "one_reset_empties_all",
        due="fails",
        fails=("reset",),
        may=("*",),
        says=("a client that was owed bytes",),
        quick=True,
        only=("echoes", "reset"),
    ),
    _file("white_space", due="fails", fails=("pieces",), quick=True, only=("echoes", "sizes", "pieces")),
    _file("text_mode", due="fails", fails=("sizes",), may=("*",), quick=True, only=("echoes", "sizes")),
    _file(
        "impatient_sender",
        due="fails",
        fails=("silence",),
        may=("half-close", "order"),
        says=("had not read for some seconds",),
        quick=True,
        only=("echoes", "silence"),
    ),
    _file(
        "cuts_the_silent",
        due="fails",
        fails=("silence",),
        may=("half-close", "order", "idle"),
        quick=True,
        only=("echoes", "reset", "silence"),
    ),
    _file(
        "sends_and_waits",
        due="fails",
        fails=("neighbours",),
        quick=True,
        only=("echoes", "reset", "mid-reset", "neighbours", "urgent", "silence"),
    ),
    _file(
        "one_send_each",
        due="fails",
        fails=("bulk",),
        may=("slow-reader", "half-close", "order", "flood", "lump"),
        quick=True,
        only=("echoes", "bulk", "reset", "mid-reset", "slow-reader", "urgent"),
    ),
    _file(
        "keeps_every_socket",
        due="fails",
        fails=("end",),
        may=("half-close", "leaks"),
        quick=True,
        only=("echoes", "end", "leaks", "descriptor-limit"),
    ),
    _file(
        "child_goes_on",
        due="fails",
        fails=("leaks",),
        says=("the processes of clients that have left go on",),
        quick=True,
        only=("echoes", "leaks"),
    ),
    _file("no_daemons", due="fails", fails=("ctrl-c",), quick=True, only=("echoes", "ctrl-c")),
    _file(
        "room_hears_itself",
        due="fails",
        fails=("not-to-sender",),
        may=("slow-reader", "falls-behind"),
        never=("tells who joins",),
        kind="chat",
        quick=True,
        only=("passes-on", "not-to-sender"),
    ),
    _file("answers_the_newest", due="fails", fails=("hundred",), may=("*",), quick=True, only=("echoes", "hundred")),
    _file("small_buffer", quick=True, only=("echoes", "lump"), says=("by its own choice",)),
    _file("waits_for_a_word", quick=True, only=("echoes", "burst"), says=("TCP_DEFER_ACCEPT",)),
    _file(
        "tries_again_at_once",
        due="fails",
        fails=("back-pressure",),
        quick=True,
        only=("echoes", "half-close", "back-pressure"),
    ),
    _file(
        "keeps_it_on_disk",
        due="fails",
        fails=("back-pressure",),
        may=("half-close", "descriptor-limit"),
        says=("keep them somewhere",),
        quick=True,
        only=("echoes", "back-pressure"),
    ),
    _file("module_lock", quick=True, only=("echoes", "sizes")),
    _file("module_selector", quick=True, only=("echoes", "sizes")),
    _command("own_port.py"),
    Input("PORT={port} {python} {folder}/port_from_environment.py", quick=True, only=("echoes", "sizes")),
    _command("forks_into_background.py {port}", quick=True, only=("echoes", "sizes")),
    _file("loop_at_the_top"),
    _file("exits_at_the_top", due="refused", says=("it ends the process",), quick=True),
    _file("hangs_at_the_top", due="refused", says=("did not end within",)),
    _hostile("double_fork"),
    _hostile("closes_everything"),
    _hostile("ignores_sigterm"),
    _hostile("endless_log", due="fails", fails=("silent",), says=("printed more than 16 MiB",)),
    _hostile("kills_its_group", due="fails", fails=("echoes",), says=("SIGKILL",), quick=True),
    _hostile("stops_itself", due="fails", fails=("echoes",), says=("stopped (SIGSTOP)",), quick=True),
    _hostile("stops_itself_at_once", due="fails", fails=("echoes",), says=("stopped (SIGSTOP)",)),
    _hostile("fork_bomb", due="fails", fails=("echoes",)),
    _hostile("thread_bomb", due="fails", may=("*",), says=("more than 4,000 processes and threads",)),
    _hostile("memory_hog", due="fails", fails=("echoes",)),
)
"""The inputs of this folder. Those of single items lie beside their tests in tests/conformance."""


def read(path: Path) -> tuple[Input, ...]:
    """A table from a JSON file: a list of objects with the fields of `Input`; `folder` may be given once, beside it."""
    known = json.loads(path.read_text())
    folder = known.get("folder", str(path.parent))
    rows = [
        {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        for row in known["inputs"]
    ]
    return tuple(Input(**{"folder": folder, **row}) for row in rows)
