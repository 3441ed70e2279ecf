"""The claims: recorded by the notebooks, found in the stored outputs, and every figure was measured."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest

import iomux
from iomux.course.claims import CLAIMS, MIME, PAGE, Record, find
from iomux.course.claims_table import ClaimsTable

FOLDER = Path(__file__).parents[2] / "notebooks"
MEETINGS = [(claim.number, digits) for claim in CLAIMS for digits in claim.notebooks]


@functools.cache
def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def page(digits: str) -> Path:
    (found,) = FOLDER.glob(f"{digits}_*.ipynb")
    return found


def calls(cell: dict[str, Any]) -> list[int]:
    """The claims that a cell records."""
    return [int(number) for number in re.findall(r"^iomux\.claim\(\s*(\d+),", "".join(cell["source"]), re.MULTILINE)]


def store(folder: Path, name: str, *outputs: dict[str, Any], count: int | None = 1) -> Path:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": count,
        "metadata": {},
        "source": [],
        "outputs": list(outputs),
    }
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": []}, cell]}))
    return path


def shown(record: Record) -> dict[str, Any]:
    return {"output_type": "execute_result", "data": record._repr_mimebundle_(), "metadata": {}, "execution_count": 1}


def record(number: int = 8, measured: str = "waited 4,711 µs") -> Record:
    return iomux.claim(number, lambda: measured, {"the copy is long": lambda: 1 > 2})


def told(table: ClaimsTable, number: int, digits: str) -> tuple[str, str]:
    (row,) = table.frame.query("number == @number and notebook.str.startswith(@digits)").itertuples()
    return str(row.measured), str(row.verdict)


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [((True,), "holds"), ((True, True), "holds"), ((False, False), "does not hold"), ((True, False), "half")],
)
def test_the_verdict_follows_from_what_was_seen(parts: tuple[bool, ...], verdict: str) -> None:
    seen = {str(number): lambda part=part: part for number, part in enumerate(parts)}
    made = iomux.claim(3, lambda: "5 µs", seen)
    assert made.verdict == verdict
    assert made.measured == "5 µs"
    assert [found for _, found in made.parts] == list(parts)


def test_a_claim_is_not_tried_where_a_need_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "poll")
    made = iomux.claim(3, lambda: pytest.fail("was measured"), {"it scans": lambda: pytest.fail("was tried")}, ["poll"])
    assert made.verdict.startswith("not tried here (poll: hidden")
    assert "measured" not in repr(made)
    assert made.verdict in made._repr_mimebundle_()["text/html"]


def test_a_doubtful_run_keeps_its_figures() -> None:
    made = iomux.claim(3, lambda: "5 µs", {"it scans": lambda: pytest.fail("was asked")}, doubt=lambda: "one core")
    assert made.verdict == "not to be told here (one core)"
    assert "5 µs" in repr(made)
    sure = iomux.claim(3, lambda: "5 µs", {"it scans": lambda: False}, doubt=lambda: "")
    assert sure.verdict == "does not hold"


def test_mistakes_are_clear_errors() -> None:
    with pytest.raises(LookupError, match="no claim 15: they go from 1 to 14"):
        iomux.claim(15, lambda: "", {"so": lambda: True})
    with pytest.raises(ValueError, match="claim 3 has no parts"):
        iomux.claim(3, lambda: "", {})


def test_a_record_says_claim_figures_and_verdict_in_every_form() -> None:
    bundle = iomux.claim(8, lambda: "a < b: 5 µs", {"x & y": lambda: True})._repr_mimebundle_()
    for form in ("text/plain", "text/html"):
        assert find(8).says in bundle[form]
        assert "holds" in bundle[form]
    assert "a &lt; b: 5 µs" in bundle["text/html"]
    assert "x & y: yes" in bundle["text/plain"]
    assert json.loads(json.dumps(bundle[MIME]))["verdict"] == "holds"


def test_a_record_is_found_in_the_stored_page(tmp_path: Path) -> None:
    store(tmp_path, "01_blocking", {"output_type": "stream", "name": "stdout", "text": ["x"]}, shown(record()))
    table = iomux.table_of_claims(tmp_path)
    assert told(table, 8, "01") == ("waited 4,711 µs", "does not hold")
    assert (8, "01_blocking") not in table.missing
    for form in (repr(table), table._repr_html_()):
        assert "waited 4,711 µs" in form
        assert find(14).says.partition(" ")[0] in form
        assert f"{record().machine}, {record().day} (01)" in form
    assert "href='01_blocking.ipynb'" in table._repr_html_()


def test_the_last_of_two_records_counts(tmp_path: Path) -> None:
    store(tmp_path, "01_blocking", shown(record(measured="old")), shown(record(measured="new")))
    assert told(iomux.table_of_claims(tmp_path), 8, "01")[0] == "new"


def test_a_page_without_a_record_says_why(tmp_path: Path) -> None:
    failed = {"output_type": "error", "ename": "NameError", "evalue": "x", "traceback": []}
    store(tmp_path, "01_blocking", failed)
    store(tmp_path, "02_nonblocking", count=None)
    store(tmp_path, "03_events")
    (tmp_path / "08_the_copy.ipynb").write_text("<<<<<<< HEAD")
    old = {"output_type": "execute_result", "data": {MIME: {"number": 9}}, "metadata": {}, "execution_count": 1}
    store(tmp_path, "09_asynchronous_io", old)
    table = iomux.table_of_claims(tmp_path)
    expected = {
        (2, "01"): "ended by an error (NameError)",
        (2, "02"): "not run yet",
        (4, "03"): "nothing recorded: run it again",
        (7, "08"): "could not be read (JSONDecodeError)",
        (9, "09"): "could not be read (TypeError)",
        (6, "10"): "not here",
    }
    assert {at: told(table, *at)[1] for at in expected} == expected
    assert len(table.missing) == len(MEETINGS)
    assert "not run yet" in repr(table)
    assert "not run yet" in table._repr_html_()


@pytest.mark.parametrize(("number", "digits"), MEETINGS)
def test_each_claim_is_recorded_where_it_is_met(number: int, digits: str) -> None:
    recording = [cell for cell in cells(page(digits), "code") if number in calls(cell)]
    assert len(recording) == 1
    assert "nbval-ignore-output" in recording[0]["metadata"]["tags"], "its output has measured figures"
    assert not [output for output in recording[0]["outputs"] if MIME not in output.get("data", {})]


def test_no_page_records_an_unlisted_claim() -> None:
    found = [
        (number, path.name[:2])
        for path in sorted(FOLDER.glob("*.ipynb"))
        for cell in cells(path, "code")
        for number in calls(cell)
    ]
    assert sorted(found) == sorted(MEETINGS)


def test_the_stored_pages_have_a_record_of_each_claim() -> None:
    assert iomux.table_of_claims(FOLDER).missing == []


def test_every_figure_of_the_table_comes_from_an_output(tmp_path: Path) -> None:
    measured = {row.record.measured for row in iomux.table_of_claims(FOLDER).rows if row.record}
    for path in FOLDER.glob("*.ipynb"):
        text = path.read_text()
        for stored in measured:
            text = text.replace(json.dumps(stored, ensure_ascii=False), '"nothing"')
        (tmp_path / path.name).write_text(text)
    without = iomux.table_of_claims(tmp_path)
    assert without.missing == []
    assert set(without.frame["measured"]) == {"nothing"}


def test_the_appendix_shows_the_table_of_the_stored_pages() -> None:
    outputs = [output for cell in cells(FOLDER / PAGE, "code") for output in cell["outputs"]]
    plain = ["".join(output.get("data", {}).get("text/plain", "")) for output in outputs]
    assert repr(iomux.table_of_claims(FOLDER)) in plain, f"store it again: python -m tests.regenerate notebooks/{PAGE}"
