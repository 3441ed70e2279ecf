"""What a page measures, or, where the machine lacks what that needs, what was recorded on another one.

A page keeps each of its measurements in a function that returns a table. `measured` calls it where it can be called;
elsewhere it reads the table of that name from a file next to the page, and `.attrs["machine"]`, which figures write
below, begins with RECORDED. So a reader without the mechanism sees every figure, and none of them as his own.
`save` writes the file; `python -m tests.record wire` calls it. Cost: some milliseconds to read.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from iomux.system.features import available
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

RECORD = "recorded_wire.json"
_DIGITS = 3
_measured: "dict[str, pd.DataFrame]" = {}


def measured(
    function: "Callable[[], pd.DataFrame]", needs: str = "network", record: str | Path = RECORD
) -> "pd.DataFrame":
    """The table that the function returns, or, on a machine without the feature `needs`, the recorded one of its name.

    record: the file of the recorded tables. Raises LookupError if it has none of that name, and what `function` raises.

    Example:
    >>> import pandas as pd
    >>> from iomux.course.recorded import measured
    >>> def two_times():
    ...     return pd.DataFrame({"ms": [1.0, 2.0]})
    >>> measured(two_times, needs="queues")["ms"].sum()
    np.float64(3.0)
    """
    import pandas as pd

    if available(needs):
        frame = function()
        frame.attrs["machine"] = describe()
        _measured[function.__name__] = frame
        return frame
    kept = json.loads(Path(record).read_text())
    if function.__name__ not in kept["tables"]:
        raise LookupError(f"{record} has no table {function.__name__!r}: it has {', '.join(kept['tables']) or 'none'}")
    frame = pd.DataFrame(kept["tables"][function.__name__])
    frame.attrs["machine"] = f"RECORDED on {kept['machine']}, {kept['recorded']}; not measured here"
    return frame


def save(path: str | Path, recorded: str) -> None:
    """Write the tables that this process has measured to a JSON file; recorded: when and how, in words."""
    tables = {name: frame.round(_DIGITS).to_dict("list") for name, frame in _measured.items()}
    Path(path).write_text(json.dumps({"machine": describe(), "recorded": recorded, "tables": tables}) + "\n")
