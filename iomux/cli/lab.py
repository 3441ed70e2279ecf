"""The command lab: JupyterLab at a page of the course, and that page's address for a browser that is elsewhere."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from iomux.cli import values
from iomux.cli.terminal.parsing import examples
from iomux.system.features import install
from iomux.system.sockets import listen

FIRST = "notebooks/00_start_here.ipynb"


def add_lab(subparsers: Any) -> None:
    """Add the command and its options to a parser."""
    parser = subparsers.add_parser(
        "lab",
        help="open the course in JupyterLab, at its first page",
        description="Start JupyterLab in this folder, which is a clone's, open a page of the course in the browser, "
        "and print the page's address. Ctrl-C ends it, with every kernel.",
        epilog=examples(
            ("lab", "the first page, in your browser"),
            ("lab notebooks/06_epoll.ipynb", "another page"),
            (
                "lab --no-browser",
                "only print the address: for the browser of a WSL's Windows, or for your own after "
                "ssh -L 8888:127.0.0.1:8888 HOST",
            ),
            ("lab --no-browser --host 0.0.0.0", "in a container that was started with -p 127.0.0.1:8888:8888"),
        ),
    )
    parser.add_argument("page", nargs="?", default=FIRST, metavar="PAGE", help="which one (default: %(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--host",
        type=values.given,
        default="127.0.0.1",
        help="the address to listen on (default: %(default)s, this machine only)",
    )
    parser.add_argument(
        "--port", type=values.port, default=8888, help="the port, or the next that is free (default: %(default)s)"
    )
    parser.set_defaults(run=lab)


def lab(options: argparse.Namespace) -> int:
    """Run JupyterLab until it is interrupted, then leave with status 0."""
    arguments = _arguments(_page(options.page), options.host, options.port)
    _check_host(options.host)
    if options.no_browser:
        arguments.append("--no-browser")
    if os.geteuid() == 0:
        print("iomux lab: you are root, so JupyterLab is started with --allow-root", file=sys.stderr)
        arguments.append("--allow-root")
    try:
        from jupyterlab.labapp import main
    except ImportError:
        raise ImportError(f"JupyterLab is not installed: {install('lab')}") from None
    main(arguments)
    return 0


def _page(name: str) -> str:
    """A page's path below this folder, which JupyterLab shows. Raises ValueError if it is not there."""
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"there is no {name} in {Path.cwd()}: go to a clone's folder, or name another page")
    if not path.resolve().is_relative_to(Path.cwd()):
        raise ValueError(f"{name} is not below {Path.cwd()}: go to a folder that it is below")
    return path.resolve().relative_to(Path.cwd()).as_posix()


def _check_host(host: str) -> None:
    """Raise ValueError for an address that this machine can't listen on; JupyterLab would print where it found out."""
    try:
        listen(host).close()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ValueError(f"{why}: {host}: choose 127.0.0.1, or 0.0.0.0 for all addresses of this machine") from error


def _arguments(page: str, host: str, port: int) -> list[str]:
    """Its address is printed even at this log level, and stands alone then; one Ctrl-C is enough."""
    return [
        "--ServerApp.root_dir=.",
        f"--LabApp.default_url=/lab/tree/{quote(page)}",
        "--ServerApp.contents_manager_class=iomux.cli.lab_files.Files",
        f"--ServerApp.ip={host}",
        f"--ServerApp.port={port}",
        "--ServerApp.answer_yes=True",
        "--Application.log_level=WARN",
    ]
