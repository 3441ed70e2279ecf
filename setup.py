"""What pyproject.toml can't say: a wheel holds the notebooks, and the README's links lead somewhere from an index.

In a clone the notebooks lie beside the package, where git has them; an editable installation uses those.
"""

import shutil
import sys
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from iomux.course import notebook, own_copy  # noqa: E402  the package that is built


class BuildWithNotebooks(build_py):
    """Build the package, and put the files of the course into it, where `iomux.course.notebook` looks for them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib, notebook.SHIPPED.relative_to(HERE))
            shutil.rmtree(folder, ignore_errors=True)  # pages of a former build
            for path in own_copy.files(HERE):
                there = folder / path.relative_to(HERE)
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, there)


def description() -> str:
    """The README for a package index: its links lead to the repository, if pyproject.toml names one, or are words."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    repository = project.get("urls", {}).get("Repository", "").rstrip("/")

    def address(link: str) -> str:
        return repository and f"{repository}/{'raw' if link.endswith('.png') else 'blob'}/HEAD/{link}"

    return own_copy.relink((HERE / "README.md").read_text(encoding="utf-8"), address)


setup(
    cmdclass={"build_py": BuildWithNotebooks},
    long_description=description(),
    long_description_content_type="text/markdown",
)
