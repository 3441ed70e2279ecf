"""Servers as they are found in the field get the verdict that is due; `python -m tests.field` tries all of them."""

import pytest

from tests.field.table import OURS, Input
from tests.field.trying import as_due, try_input
from tests.support.required import LONG


@pytest.mark.parametrize(
    "tried", [one for one in OURS if one.quick][:: 1 if LONG else 3], ids=lambda one: str(one.name)
)
def test_a_server_of_the_field_gets_the_verdict_that_it_is_due(tried: Input) -> None:
    verdict = try_input(tried, tried.only or None)
    assert as_due(tried, verdict), f"{verdict.given}\n{verdict.text}"
