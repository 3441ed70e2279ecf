"""The package as a whole: fast to import, one list of dependencies, documented, without outside references."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest
import yaml

import iomux
from iomux.system.features import DISTRIBUTION

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {
    "playwright-python": "playwright",
    "python-build": "build",
    "redis-py": "redis",
    "valkey-py": "valkey",
}  # conda-forge's name, if it differs from PyPI's
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

PROCESSES = (
    "iomux.processes.child",
    "iomux.processes.child, iomux.harness.timeline.server",
    "iomux.processes.worker_main, iomux.harness.load.plan",
    "iomux.processes.worker_main, iomux.harness.timeline.client",
)


def requirement(text: str) -> tuple[str, frozenset[str]]:
    """Name and bounds, without the marker for a system and with one spelling (PEP 503)."""
    found = re.match(r"([A-Za-z0-9._-]+)\s*([^;]*)", text)
    assert found
    name = re.sub(r"[-_.]+", "-", found[1]).lower()
    return name, frozenset(bound.strip() for bound in found[2].split(",") if bound.strip())


def test_environment_and_pyproject_list_the_same_packages() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    found = (requirement(entry) for entry in environment["dependencies"] if isinstance(entry, str))
    conda = {CONDA_NAMES.get(name, name): bounds for name, bounds in found}
    # The exact least version of Python: repo2docker ignores a bound, and would take a version that is too old.
    assert conda.pop("python") == {PROJECT["requires-python"].replace(">=", "=")}
    assert conda.pop("pip") == frozenset()
    extras = PROJECT["optional-dependencies"].values()
    assert conda == dict(
        requirement(entry) for entry in [*PROJECT["dependencies"], *(e for extra in extras for e in extra)]
    )
    assert environment["channels"] == ["conda-forge"]
    assert {"pip": ["-e ."]} in environment["dependencies"]


def test_the_citation_matches_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    authors = " and ".join(author["name"] for author in citation["authors"])
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
    assert citation["keywords"] == PROJECT["keywords"]
    assert re.search(rf"^Copyright \(c\) \d{{4}} {authors}$", (ROOT / "LICENSE").read_text(), re.MULTILINE)
    assert f"*{citation['title']}*, version {PROJECT['version']}" in (ROOT / "README.md").read_text()


def test_what_is_installed_has_one_name_everywhere() -> None:
    assert PROJECT["name"] == DISTRIBUTION
    for name in ("CITATION.cff", "README.md", "README.zh.md"):
        text = (ROOT / name).read_text()
        assert DISTRIBUTION in text, name
        assert "iomux[" not in text, name
    assert iomux.__version__ == PROJECT["version"]


def test_each_link_of_the_description_for_an_index_leads_somewhere_from_there() -> None:
    described = metadata(DISTRIBUTION)
    assert described["Description-Content-Type"] == "text/markdown"
    text = described.json["description"]
    assert "## The notebooks" in text
    assert re.findall(r"\]\((?!https?:|#)[^)\s]+\)", str(text)) == []


def test_the_wheel_gets_each_file_beside_the_sources() -> None:
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["iomux"]
    held = {path.relative_to(ROOT).as_posix() for glob in globs for path in (ROOT / "iomux").glob(glob)}
    done = subprocess.run(["git", "ls-files", "-z", "iomux"], cwd=ROOT, capture_output=True, text=True, check=True)
    beside = {name for name in done.stdout.split("\0") if name and not name.endswith(".py")}
    assert "iomux/py.typed" in beside
    assert beside - held == set()


def test_import_loads_no_heavy_package() -> None:
    heavy = {"pandas", "numpy", "scipy", "matplotlib", "tqdm", "psutil", "cloudpickle"}
    script = f"import iomux, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("modules", PROCESSES)
def test_a_worker_process_loads_no_heavy_package(modules: str) -> None:
    heavy = {"pandas", "numpy", "scipy", "matplotlib", "tqdm", "psutil", "cloudpickle", "asyncio"}
    script = f"import {modules}, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", iomux.__all__)
def test_public_names_exist_and_are_documented(name: str) -> None:
    assert getattr(iomux, name).__doc__


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = iomux.nonsense  # type: ignore[attr-defined]


def modules() -> list[str]:
    return [
        found.name for found in pkgutil.walk_packages(iomux.__path__, "iomux.") if not found.name.endswith("__main__")
    ]


@pytest.mark.parametrize("module", modules())
def test_every_module_and_public_name_has_a_docstring_and_no_file_is_long(module: str) -> None:
    source = Path(importlib.import_module(module).__file__ or "")
    if source.read_text():
        tree = ast.parse(source.read_text())
        assert ast.get_docstring(tree)
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        methods = [node for outer in classes if not outer.name.startswith("_") for node in outer.body]
        bare = [
            node.name
            for node in [*tree.body, *methods]
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
        assert not bare, "public names without a docstring"
    assert len(source.read_text().splitlines()) <= 220


def test_the_console_script_is_installed() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("iomux"), "--help"], capture_output=True, text=True, check=True
    )
    assert "serve" in done.stdout


def test_the_names_and_imports_in_the_list_of_the_library_exist() -> None:
    table = (ROOT / "docs" / "library.md").read_text().partition("## Servers")[0]
    names = re.findall(r"^\| \[`(iomux[.\w]+)", table, re.MULTILINE)
    assert len(names) > 25
    for name in names:
        module, _, last = name.rpartition(".")
        line = name if name.split(".")[1] in iomux.__all__ else f"from {module} import {last}"
        script = f"import iomux; {line}"
        assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0, script


def test_the_project_refers_to_nothing_outside_itself() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        file = ROOT / name
        if file.suffix in {".py", ".md", ".ipynb", ".toml", ".yml", ".c"} and file.exists():
            text = file.read_text()
            assert "/" + "root/" not in text, name
            assert "/" + "work/" not in text, name
            assert "../" + "shared" not in text, name
