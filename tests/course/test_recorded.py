"""A page's tables: measured where that can be, recorded elsewhere, and then said to be."""

import re
from pathlib import Path

import pandas as pd
import pytest

from iomux.course import recorded
from tests.record import COMMAND

PAGE_RECORD = Path(__file__).parents[2] / "notebooks" / recorded.RECORD


def some_times() -> pd.DataFrame:
    return pd.DataFrame({"what": ["one", "two"], "s": [1.23456, None]})


def test_what_was_measured_and_saved_is_read_where_it_cannot_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = recorded.measured(some_times, needs="queues")
    assert here["s"][0] == 1.23456
    assert "RECORDED" not in here.attrs["machine"]
    recorded.save(tmp_path / "kept.json", "on a day")
    monkeypatch.setenv("IOMUX_WITHOUT", "queues")
    there = recorded.measured(some_times, needs="queues", record=tmp_path / "kept.json")
    assert there["s"][0] == 1.235
    assert there["s"].isna().tolist() == [False, True]
    assert there.attrs["machine"].startswith("RECORDED on ")
    assert "on a day; not measured here" in there.attrs["machine"]


def test_a_table_that_was_not_recorded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept.json").write_text('{"machine": "m", "recorded": "r", "tables": {"others": {}}}')
    monkeypatch.setenv("IOMUX_WITHOUT", "queues")
    with pytest.raises(LookupError, match="has no table 'some_times': it has others"):
        recorded.measured(some_times, needs="queues", record=tmp_path / "kept.json")


def test_each_table_of_the_wires_page_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (PAGE_RECORD.parent / "16_a_wire_between_them.ipynb").read_text()
    monkeypatch.setenv("IOMUX_WITHOUT", "network")
    names = set(re.findall(r"measured\((\w+)\)", page))
    assert len(names) >= 10
    for name in names:
        table = recorded.measured(type(name, (pd.DataFrame,), {}), record=PAGE_RECORD)
        assert len(table) > 0
        assert table.attrs["machine"].startswith("RECORDED on ")
        assert f"{COMMAND} wire" in table.attrs["machine"]
