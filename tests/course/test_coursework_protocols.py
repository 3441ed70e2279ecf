"""Notebooks 14 and 15: the model solutions pass their stages, and the pages fold them out."""

import inspect
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest

import iomux
from iomux.conformance.http import stages as http_stages
from iomux.conformance.redis import stages as redis_stages
from iomux.course.coursework import small_redis, small_redis_keys, web

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SLOW = {"real-clients", "dead-keys"}
"""Tried by the tests of the checks themselves, and of the library's protocols; here they would take seconds."""


def stage(items: dict[str, Any], letters: str) -> list[str]:
    return [name for name, item in items.items() if item.stage[0] in letters and name not in SLOW]


@pytest.fixture(scope="module")
def reports() -> dict[str, iomux.Report]:
    """Both checks at once: most of a check is waiting."""
    with ThreadPoolExecutor() as pool:
        of_web = pool.submit(
            iomux.check_http, "poll", only=stage(http_stages.STAGED, "AB"), protocol=web.site, progress=False
        )
        of_redis = pool.submit(
            iomux.check_redis, small_redis.serve, only=stage(redis_stages.STAGED, "AB"), progress=False
        )
        return {"web": of_web.result(), "redis": of_redis.result()}


@pytest.mark.parametrize("name", ["web", "redis"])
def test_a_model_solution_gets_all_points_of_its_stages(reports: dict[str, iomux.Report], name: str) -> None:
    reports[name].raise_if_failed()
    assert reports[name].earned == reports[name].points


@pytest.mark.parametrize(
    ("page", "things"),
    [
        ("14_a_web_server.ipynb", [web.Visitor, web.parse, web.within, web.head, web.message, web.Site, web.site]),
        ("15_a_redis_in_an_evening.ipynb", [small_redis.Client, small_redis.take_command, small_redis.Store]),
        ("15_a_redis_in_an_evening.ipynb", [small_redis_keys.Keys, small_redis_keys.set_, small_redis_keys.expire]),
    ],
)
def test_the_page_folds_out_the_solution_that_is_tested(page: str, things: list[Any]) -> None:
    notebook: Any = nbformat.read(NOTEBOOKS / page, as_version=4)  # type: ignore[no-untyped-call]
    folded = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown" and "<details>" in c.source)
    for thing in things:
        assert inspect.getsource(thing).strip() in folded
