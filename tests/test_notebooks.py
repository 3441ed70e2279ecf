"""The form of each notebook, which nbval does not check; `pytest --nbval` tries that they run."""

import re
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from tests.regenerate import FIGURE, README, caption, first_figure, said_seconds, time_told, with_caption
from tests.support.notebooks import read

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.name[0].isdigit()]
"""All but the appendix, in which things are looked up."""
LONGEST_CELL = 10
EXERCISE = re.compile(r"^\*\*Exercise (\d) \((\w+)[^)]*\)\.\*\*", re.MULTILINE)
FOLDED = re.compile(r"<details><summary>(.*?)</summary>\n\n(.*?)\n\n</details>", re.DOTALL)
QUESTION = re.compile(
    r"^\*\*Question to take along\.\*\* .*\?.*\n\n(?=<details><summary>An answer</summary>)", re.MULTILINE
)


def prose(path: Path) -> str:
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def part(path: Path, begin: str, end: str) -> str:
    return prose(path).partition(begin)[2].partition(end)[0]


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks() -> None:
    names = [path.name for path in NOTEBOOKS]
    assert "00_start_here.ipynb" in names
    assert "07_latency_against_concurrency.ipynb" in names


def test_the_readme_shows_the_figure_that_the_notebook_drew() -> None:
    notebook = read(FOLDER / "07_latency_against_concurrency.ipynb")
    assert FIGURE.read_bytes() == first_figure(notebook)
    readme = README.read_text()
    assert f"notebooks/{FIGURE.name}" in readme
    assert "mark: median of" in caption(notebook).lower()
    assert caption(notebook) in readme
    assert with_caption(readme, caption(notebook)) == readme, "the README's caption is that of the notebook's figure"


def test_a_page_that_took_over_twice_what_it_says_is_named() -> None:
    assert time_told("01.ipynb", 59, said=30) == "01.ipynb: 59 s"
    assert "over twice what its Time line says, 30 s" in time_told("01.ipynb", 61, said=30)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestForm:
    def test_was_run_once_from_top_to_bottom(self, path: Path) -> None:
        cells = code(read(path))
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        assert all(cell.source.strip() for cell in cells)

    def test_no_output_is_an_unexpected_error(self, path: Path) -> None:
        for cell in code(read(path)):
            for output in cell.outputs:
                assert output.output_type != "error" or "raises-exception" in cell.metadata.get("tags", [])
                assert output.get("name") != "stderr", f"wrote to stderr: {output.get('text')}"

    def test_kernel_is_python3_named_as_jupyterlab_names_it(self, path: Path) -> None:
        """With another display name JupyterLab marks a notebook as changed as soon as it is opened."""
        kernel = read(path).metadata.kernelspec
        assert (kernel.name, kernel.display_name) == ("python3", "Python 3 (ipykernel)")

    def test_is_stored_byte_for_byte_as_jupyterlab_saves_it(self, path: Path) -> None:
        """So saving it unchanged changes nothing; what a reader's other Python changes is in cli/lab_files.py."""
        assert nbformat.writes(read(path)) + "\n" == path.read_text(encoding="utf-8")  # type: ignore[no-untyped-call]

    def test_cells_are_short(self, path: Path) -> None:
        for cell in code(read(path)):
            assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source

    def test_prose_stands_before_every_run_of_cells(self, path: Path) -> None:
        kinds = [cell.cell_type for cell in read(path).cells]
        assert kinds[0] == "markdown"
        assert kinds[-1] == "markdown"
        assert "code code code" not in " ".join(kinds)

    def test_links_have_existing_targets(self, path: Path) -> None:
        for cell in read(path).cells:
            if cell.cell_type == "markdown":
                for link in cell.source.split("](")[1:]:
                    target = link.partition(")")[0].partition("#")[0]
                    assert target.startswith("https://") or (FOLDER / target).exists(), target

    def test_no_cell_is_skipped(self, path: Path) -> None:
        tags = {tag for cell in code(read(path)) for tag in cell.metadata.get("tags", [])}
        assert tags <= {"nbval-ignore-output", "raises-exception"}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
class TestLesson:
    def test_follows_the_template(self, path: Path) -> None:
        text = prose(path)
        assert text.startswith("# ")
        parts = ("**You will learn**", "**You should know**", "**Time**", "Predict", "## Exercises", "## Summary")
        for wanted in (*parts, "**Question to take along.**"):
            assert wanted in text, wanted
        assert [text.index(wanted) for wanted in parts] == sorted(text.index(wanted) for wanted in parts)

    def test_the_time_to_run_is_said_in_words_that_are_compared_when_it_is_stored(self, path: Path) -> None:
        assert 5 <= said_seconds(read(path)) <= 120

    def test_exercises_go_from_predict_to_build(self, path: Path) -> None:
        text = part(path, "## Exercises", "## Summary")
        found = EXERCISE.findall(text)
        assert 2 <= len(found) == text.count("**Exercise ") <= 4
        assert [int(number) for number, _ in found] == list(range(1, len(found) + 1))
        assert {"predict", "build"} <= {kind for _, kind in found}

    def test_the_answers_are_folded_and_say_where_the_code_is(self, path: Path) -> None:
        text = part(path, "## Exercises", "## Summary")
        ((_, answers),) = (fold for fold in FOLDED.findall(text) if fold[0] == "Answers")
        assert len(re.findall(r"^\d\. ", answers, re.MULTILINE)) == text.count("**Exercise ")
        assert "](../iomux/solutions/" in answers
        assert "solutions" not in FOLDED.sub("", text), "solutions must be folded"

    def test_ends_with_a_question_and_a_folded_answer(self, path: Path) -> None:
        assert len(QUESTION.findall(part(path, "## Summary", "\x00"))) == 1

    def test_some_output_is_compared(self, path: Path) -> None:
        compared = [
            c for c in code(read(path)) if "nbval-ignore-output" not in c.metadata.get("tags", []) and c.outputs
        ]
        assert len(compared) >= 3, "verdicts are printed and compared"


def test_the_kernels_that_run_them_have_no_port_that_a_server_could_have_taken_before() -> None:
    nbval = pytest.importorskip("nbval.kernel")
    manager, client = nbval.start_new_kernel(kernel_name="python3")
    try:
        ports = psutil.Process(manager.provisioner.process.pid).net_connections("tcp")
        assert len(ports) <= 1, "its debugger has taken one itself"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
