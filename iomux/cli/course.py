"""The command course: a copy of the notebooks, and how to open it."""

import argparse
import importlib.util
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from iomux.cli import values
from iomux.cli.terminal.parsing import examples
from iomux.system.features import install


def add_course(subparsers: Any) -> None:
    """Add the command to a parser."""
    parser = subparsers.add_parser(
        "course",
        help="copy the notebooks of this version into a folder of yours",
        description="Copy the notebooks of this version, in English and in Chinese, with what they read and the "
        "sources that they link to. A page that was changed in FOLDER, or run and saved, is not overwritten: then "
        "nothing is copied, and the status is 2. Pages of a former version that nobody has changed are replaced.",
        epilog=examples(
            ("course iomux-course", "copy it into a new folder"),
            ("course .", "bring the copy in this folder up to date"),
        ),
    )
    parser.add_argument("folder", metavar="FOLDER", type=values.path, help="where to; it is made if there is none")
    parser.set_defaults(run=course)


def course(options: argparse.Namespace) -> int:
    """Copy the course, and print how to open it."""
    from iomux.course.own_copy import own_copy

    written = own_copy(options.folder)
    said = f"{len(written)} file{'s' * (len(written) > 1)} written"
    print(said if written else "up to date: all files are there as in this version")
    if not importlib.util.find_spec("jupyterlab"):
        print(f"JupyterLab is not installed: {install('lab')}")
    print(f"open it: {_command(options.folder)}")
    print("中文: notebooks/zh/00_start_here.ipynb")
    return 0


def _command(folder: Path) -> str:
    here = Path(sys.executable).with_name("jupyter")
    lab = "jupyter lab" if shutil.which("jupyter") == str(here) else shlex.join([sys.executable, "-m", "jupyterlab"])
    root = " --allow-root" if os.geteuid() == 0 else ""
    return f"cd {shlex.quote(str(folder))} && {lab}{root} --notebook-dir=. notebooks/00_start_here.ipynb"
