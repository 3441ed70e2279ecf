"""Worlds for 04, select."""

from types import SimpleNamespace

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "04_select.ipynb"


def grown(cost: dict[int, float]) -> pd.DataFrame:
    """A sweep in which a request costs this much processor time, by connections."""
    rows = [(count, us, us) for count, us in cost.items() for _ in range(3)]
    return pd.DataFrame(rows, columns=["connections", "cpu_us_per_request", "p50_us"])


WORLDS = (
    World(
        "clients are lost",
        "442618c6",
        {"all 500 clients were served, and none got a wrong byte": False, "one thread served all 500 clients": False},
        lambda: {"crowd": SimpleNamespace(unserved=1, errors=0), "threads": 2},
    ),
    World(
        "a request costs the same among any number",
        "e3f75c46",
        {
            "a request among 1,000 takes twice the processor time": False,
            "1,000 connections add 1.5 times as much as 300": False,
        },
        lambda: {"grown": grown({1: 10, 300: 10, 600: 10, 1_000: 10})},
    ),
)
