"""The examples in the docstrings of the package's parts run, those that are in no reference too."""

import doctest
import importlib
import pkgutil

import pytest

import iomux
from iomux.protocols import http

MODULES = sorted(found.name for found in pkgutil.iter_modules(http.__path__, f"{http.__name__}."))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name), extraglobs={"iomux": iomux}).failed == 0


def test_there_are_some() -> None:
    assert len(MODULES) > 10
