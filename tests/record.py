"""Record what a notebook shows that a machine may not be able to measure, each from a file that this writes.

`python -m tests.record`: the result that 09 shows where io_uring is forbidden; run it where it is allowed.
`python -m tests.record million`: the million connections that 06b shows beside its own; it takes 15 GB of memory.
`python -m tests.record wire`: what 16 shows where no network can be made; run it where one can. The page is run, and
one cell more saves the tables that it has measured.

The file names the machine, the day, the commit and the command of the measurement, and the notebook repeats them
with every figure that it draws from the file.
"""

import argparse
import datetime
import json
import subprocess
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import iomux
from iomux.course.recorded import RECORD
from iomux.harness.crowd import crowd
from tests.benchmarks.many import MEMORY_SHARE, MILLION

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "notebooks" / "recorded_who_copies.json"
MILLION_RECORDED = ROOT / "notebooks" / "recorded_million.json"
WIRE_PAGE = ROOT / "notebooks" / "16_a_wire_between_them.ipynb"
WIRE_RECORDED = WIRE_PAGE.with_name(RECORD)
COMMAND = "python -m tests.record"
_ROUNDS = 20


def record(path: Path = RECORDED, repeats: int = _ROUNDS) -> None:
    """Measure who copies, and save the result. Raises RuntimeError if a way is missing: the record must be complete."""
    result = iomux.who_copies(repeats=repeats)
    if result.missing:
        raise RuntimeError("; ".join(f"{way}: {why}" for way, why in result.missing.items()))
    result.save(path, _when(COMMAND))
    print(result)


def record_million(path: Path = MILLION_RECORDED, connections: int = MILLION) -> None:
    """Open a million connections, and save what was seen. Raises RuntimeError if this machine has no room for them."""
    found = crowd(connections, duration=2.0, memory_share=MEMORY_SHARE)
    if found.accepted < connections:
        raise RuntimeError(found.room.words)
    seen = {"open_s": found.open_s, "bytes_each": found.bytes_each, "alone_us": found.alone.p50_us}
    said = {"recorded": _when(f"{COMMAND} million"), "machine": found.result.machine, "row": found.result.row()}
    path.write_text(json.dumps(said | seen, indent=1, default=float) + "\n")
    print(found)


def record_wire(path: Path = WIRE_RECORDED) -> None:
    """Run notebook 16 and save its tables. Raises CellExecutionError if a cell fails."""
    notebook = nbformat.read(WIRE_PAGE, as_version=4)  # type: ignore[no-untyped-call]
    last = f"from iomux.course import recorded\nrecorded.save({str(path)!r}, {_when(f'{COMMAND} wire')!r})"
    notebook.cells.append(nbformat.v4.new_code_cell(last))  # type: ignore[no-untyped-call]
    where = {"metadata": {"path": str(WIRE_PAGE.parent)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()


def _when(command: str) -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    day = datetime.datetime.now(datetime.UTC).date()
    return f"{day}, by {command} at commit {commit.stdout.strip() or 'unknown'}"


if __name__ == "__main__":
    recorders = {"copies": record, "million": record_million, "wire": record_wire}
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("what", nargs="?", default="copies", choices=recorders)
    recorders[parser.parse_args().what]()
