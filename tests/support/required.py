"""Tests that need more than the README's command installs: skipped with the reason, or failed where required."""

import os
from typing import NoReturn

import pytest


def do_without(what: str, install: str, variable: str) -> NoReturn:
    """Skip the test for want of something, or fail if an environment variable says that such tests are required."""
    reason = f"{what} is missing: {install}"
    if os.environ.get(variable) == "required":
        pytest.fail(f"{variable}=required, but {reason}", pytrace=False)
    pytest.skip(reason)
