"""Each verdict of the course turns to the opposite in a world where it must, and none is without such a world."""

import importlib
import pkgutil

import pytest

from iomux.course.verdicts import not_tried
from tests.course.falsifiers import pages
from tests.course.falsifiers.world import FOLDER, World, said, stored

MODULES = [importlib.import_module(f"{pages.__name__}.{found.name}") for found in pkgutil.iter_modules(pages.__path__)]
WORLDS = [(module.PAGE, world) for module in MODULES for world in module.WORLDS]
PAGES = sorted(path.name for path in FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize(("page", "world"), [pytest.param(*pair, id=f"{pair[0][:3]}{pair[1].name}") for pair in WORLDS])
def test_in_this_world_the_verdict_is_another(page: str, world: World) -> None:
    if why_not := not_tried(world.needs):
        pytest.skip(why_not)
    heard = said(page, world)
    assert {text: heard.get(text, "not said") for text in world.answers} == dict(world.answers)


@pytest.mark.parametrize("page", PAGES)
def test_no_verdict_of_the_page_is_without_a_world_in_which_it_is_another(page: str) -> None:
    now = stored(page)
    tried = {(world.cell, text) for of, world in WORLDS if of == page for text in world.answers}
    flipped = {
        (world.cell, text)
        for of, world in WORLDS
        if of == page
        for text, answer in world.answers.items()
        if now.get((world.cell, text)) is not answer
    }
    assert not sorted(f"{cell}: {text}" for cell, text in tried - now.keys()), "the stored page has no such verdict"
    assert not sorted(f"{cell}: {text}" for cell, text in now.keys() - flipped), "these have no falsifier"
