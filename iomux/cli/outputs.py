"""Files that a command writes: whether they can be written is checked before the long run instead of after it."""

from pathlib import Path


def check_output(path: Path | None) -> None:
    """Raise ValueError, saying what to choose instead, for a file that can't be written; None is none."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} into: make it, or choose another")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the name of a file")
