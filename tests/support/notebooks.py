"""Read the course's notebooks as they are stored."""

from pathlib import Path
from typing import Any

import nbformat


def read(path: Path) -> Any:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    return notebook
