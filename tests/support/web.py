"""Try items of `iomux.check_http` in this process, on a server that is started as a program: quicker than a check."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import iomux
from iomux.conformance.http.site import PAGE, Site
from iomux.conformance.http.stages import on_site
from iomux.conformance.trial.outcome import Outcome, try_item
from iomux.conformance.trial.subject import Subject


@contextlib.contextmanager
def serving(file: str, folder: str) -> Iterator[Subject]:
    """Run a file of `tests.students.web` on a listener of ours; ended in the end."""
    with iomux.listen() as listener:
        listener.set_inheritable(True)
        command = [sys.executable, "-I", "-S", file, str(listener.fileno()), folder]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        address = listener.getsockname()[:2]
    try:
        yield Subject(address, process.pid)
    finally:
        process.kill()
        process.wait()


def tried(name: str, subject: Subject, folder: str) -> Outcome:
    """The outcome of one item."""
    return try_item(on_site(Site(PAGE, folder))[name], subject)
