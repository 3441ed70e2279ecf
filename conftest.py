"""pytest for the whole project: nbval is told here, by an absolute path, what it may treat as equal."""

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Set nbval's rules; on the command line their path would depend on the folder pytest is started from."""
    config.option.nbval_sanitize_with = str(Path(__file__).parent / "tests" / "nbval.cfg")
