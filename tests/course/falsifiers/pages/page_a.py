"""Worlds for the appendix, Claims and words."""

from types import SimpleNamespace

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "A_claims_and_words.ipynb"
RECORDED = "every notebook has a record of every claim that it meets"
NOT_ALL = "at least one claim does not hold as it stands"


def table(*verdicts: str, missing: tuple[tuple[int, str], ...] = ()) -> SimpleNamespace:
    """A table of claims with these verdicts."""
    return SimpleNamespace(missing=list(missing), frame=pd.DataFrame({"verdict": verdicts}))


WORLDS = (
    World(
        "a page was not run",
        "claims-verdict",
        {RECORDED: False, NOT_ALL: True},
        lambda: {"said": table("holds", "half", "not run yet", missing=((3, "05_poll"),))},
    ),
    World(
        "all that is often said is true",
        "claims-verdict",
        {RECORDED: True, NOT_ALL: False},
        lambda: {"said": table("holds", "holds", "not tried here (epoll: hidden)")},
    ),
)
