"""Record what notebook 16 shows where no network can be made: `python -m tests.record_wire`, where one can.

The notebook is run from top to bottom, and one cell more saves the tables that it has measured. The file names the
machine, the day, the commit and the command, and the notebook repeats them with every figure that it draws from it.
"""

import datetime
import subprocess
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from iomux.course.recorded import RECORD

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "notebooks" / "16_a_wire_between_them.ipynb"
RECORDED = PAGE.with_name(RECORD)
COMMAND = "python -m tests.record_wire"


def record(path: Path = RECORDED) -> None:
    """Run the page and save its tables. Raises CellExecutionError if a cell fails."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    day = datetime.datetime.now(datetime.UTC).date()
    when = f"{day}, by {COMMAND} at commit {commit.stdout.strip() or 'unknown'}"
    notebook = nbformat.read(PAGE, as_version=4)  # type: ignore[no-untyped-call]
    last = f"from iomux.course import recorded\nrecorded.save({str(path)!r}, {when!r})"
    notebook.cells.append(nbformat.v4.new_code_cell(last))  # type: ignore[no-untyped-call]
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(PAGE.parent)}}
    ).execute()


if __name__ == "__main__":
    record()
