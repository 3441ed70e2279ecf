"""Tests that need more than the README's command installs, or more time: skipped with the reason, or failed or run."""

import os
from typing import NoReturn

import pytest

LONG = bool(os.environ.get("IOMUX_LONG"))
"""Whether all is wanted, however long it takes: then a sample of what is alike becomes all of it."""
takes_long = pytest.mark.skipif(not LONG, reason="takes minutes: IOMUX_LONG=1 .venv/bin/pytest tests")


def do_without(what: str, install: str, variable: str) -> NoReturn:
    """Skip the test for want of something, or fail if an environment variable says that such tests are required."""
    reason = f"{what} is missing: {install}"
    if os.environ.get(variable) == "required":
        pytest.fail(f"{variable}=required, but {reason}", pytrace=False)
    pytest.skip(reason)
