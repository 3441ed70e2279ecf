"""What plain `pytest` runs in this project, by conftest.py: the notebooks too, and five workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.required import takes_long

pytestmark = takes_long

pytest.importorskip("nbval")
pytest.importorskip("xdist")
ROOT = Path(__file__).parents[1]


def printed(*arguments: str) -> str:
    """What pytest prints in the top folder; as if it were not itself run by a worker."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_cells_of_a_notebook_are_tests_and_those_of_its_translation_are_not() -> None:
    found = printed("--collect-only", "-q", "notebooks")
    assert "\nnotebooks/A_claims_and_words.ipynb::Cell 0\n" in found
    assert "zh/" not in found


def test_five_workers_run_them() -> None:
    assert "5 workers [1 item]" in printed("tests/test_layers.py::test_no_package_and_no_file_is_too_large")
