"""Sweeps in files: what `iomux bench --save` writes and `iomux compare` reads back, as JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_KIND = "a sweep of iomux"
_NEEDED = ("server", "connections", "active", "size_bytes", "rate_per_s", "arrivals", "repeat", "reason")


def save(frame: "pd.DataFrame", path: Path) -> None:
    """Write the rows of a sweep, and what it was measured on."""
    rows = json.loads(frame.to_json(orient="records", double_precision=15))
    path.write_text(json.dumps({"kind": _KIND, "attrs": frame.attrs, "rows": rows}, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> "pd.DataFrame":
    """The sweep in a file that `save` wrote. Raises ValueError for another one, OSError for one that can't be read."""
    import pandas as pd

    content = _content(path)
    rows = content.get("rows")
    columns = set(rows[0]) if isinstance(rows, list) and rows and isinstance(rows[0], dict) else set()
    if content.get("kind") != _KIND or not columns.issuperset(_NEEDED):
        raise ValueError(f"{path} is no saved sweep: write one by iomux bench NAME --save {path.name}")
    frame = pd.DataFrame(rows)
    unknown = {name: float for name in frame if frame[name].isna().all()}  # JSON's null has no type
    frame = frame.astype(unknown | {"rate_per_s": float})
    frame.attrs.update(content["attrs"])
    return frame


def _content(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # no JSON, or no text
        found = None
    return found if isinstance(found, dict) else {}
