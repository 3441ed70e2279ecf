"""The items in the order of their stages, and on the site that is to be tried."""

from dataclasses import replace
from functools import partial
from typing import Any

from iomux.conformance.http import bodies, cutting, letting_go, limits, reading, refusals, staying, targets, words
from iomux.conformance.http.items import HTTP_ITEMS
from iomux.conformance.http.site import Site
from iomux.conformance.trial.items import Item, Trial

_FAMILIES = (words, staying, targets, cutting, bodies, refusals, reading, limits, letting_go)
_BY_FAMILY = [one for file in _FAMILIES for one in HTTP_ITEMS.values() if one.trial.__module__ == file.__name__]
STAGED = {one.name: one for one in sorted(_BY_FAMILY, key=lambda one: one.stage)}
"""Every item by its name, in the order in which a report has them."""


def on_site(site: Site) -> dict[str, Item]:
    """The items, each with the site that it is tried on."""
    return {name: replace(one, trial=_tried_on(one, site)) for name, one in STAGED.items()}


def _tried_on(one: Item, site: Site) -> Trial:
    trial: Any = one.trial
    return partial(trial, site=site)
