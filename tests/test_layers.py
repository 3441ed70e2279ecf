"""The layers: each package imports what the table in CONTRIBUTING says, and there are no circular imports."""

import ast
import functools
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d+) \| (`.*?`) \|.*\|([\d, ]*)\|$", re.MULTILINE)
FILES = {path.relative_to(ROOT): path for path in (ROOT / "iomux").rglob("*.py")}
MODULES = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}


def imported(path: Path) -> set[Path]:
    """The files of iomux that a file imports anywhere, imports for type checking included."""
    found = set()
    for node in ast.walk(ast.parse(FILES[path].read_text())):
        if isinstance(node, ast.Import):
            found |= {MODULES[name.name] for name in node.names if name.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            full = (f"{node.module}.{name.name}" for name in node.names)
            found |= {MODULES[name if name in MODULES else node.module] for name in full}
    return found - {path}


@functools.cache
def imports() -> dict[Path, set[Path]]:
    return {path: imported(path) for path in FILES}


def layers() -> tuple[dict[Path, int], dict[int, set[int]]]:
    """The table: the layer of each package, and the layers that each layer imports from."""
    of_package: dict[Path, int] = {}
    below: dict[int, set[int]] = {}
    for number, packages, others in ROW.findall((ROOT / "CONTRIBUTING.md").read_text()):
        of_package |= {Path("iomux", package): int(number) for package in re.findall(r"`(.*?)`", packages)}
        below[int(number)] = {int(other) for other in others.split(",") if other.strip()}
    return {
        (Path("iomux") if package == Path("iomux/iomux") else package): n for package, n in of_package.items()
    }, below


def test_the_table_lists_exactly_the_packages() -> None:
    assert set(layers()[0]) == {path.parent for path in FILES}


def test_a_package_imports_exactly_from_the_layers_in_its_row() -> None:
    of_package, below = layers()
    seen: dict[int, set[int]] = {number: set() for number in below}
    for path, others in imports().items():
        for other in others:
            if other.parent != path.parent:
                here, there = of_package[path.parent], of_package[other.parent]
                assert there < here, f"{path} (layer {here}) imports {other} (layer {there})"
                seen[here].add(there)
    assert seen == below


def test_there_are_no_circular_imports() -> None:
    TopologicalSorter(imports()).prepare()  # raises CycleError, which names the cycle


def test_no_package_and_no_file_is_too_large() -> None:
    assert max(len(list(package.glob("*.py"))) for package in layers()[0]) <= 16
    assert {path for path in FILES if len(FILES[path].read_text().splitlines()) >= 200} == set()


def test_matplotlib_is_imported_only_where_figures_are_drawn() -> None:
    importing = re.compile(r"^\s*(import|from) matplotlib\b", re.MULTILINE)
    drawing = {path for path in FILES if importing.search(FILES[path].read_text())}
    assert drawing
    assert all(Path("iomux/figures") in path.parents for path in drawing)


def test_no_top_level_package_has_the_name_of_a_public_function() -> None:
    import iomux

    packages = {path.parts[1].removesuffix(".py") for path in FILES if path.parts[1] != "__init__.py"}
    assert {name for name in packages & set(iomux.__all__) if callable(getattr(iomux, name))} == set()
