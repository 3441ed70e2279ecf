"""`iomux.check_http` on a protocol object that a mechanism carries, and on functions that are given the folder."""

import sys
from pathlib import Path

import pytest

import iomux
from iomux.conformance.http.site import BLANKS, SECRET_NAME, fill_folder
from iomux.processes.named.in_folder import with_folder
from iomux.processes.named.ways import Called, Way, way_to_call
from iomux.protocols import http
from tests.support.commands import iomux_command

SOME = ["get", "head", "outside", "pipelined", "cut-anywhere", "upload-refused", "bad-length", "owed"]


def test_the_protocol_of_ours_passes_on_a_mechanism_and_the_report_has_its_name() -> None:
    report = iomux.check_http("poll", only=SOME, protocol=http.site, progress=False)
    report.raise_if_failed()
    assert (report.target, report.earned, report.notes) == ("poll", report.points, ())


def test_a_server_of_one_client_at_a_time_is_exempt_from_what_needs_two() -> None:
    result = iomux.check_http("blocking", only="slow-reader", protocol=http.site, progress=False)["slow-reader"]
    assert result.status == "failed"
    assert "one client at a time" in result.exempt


def serve_from(listener: object, folder: str) -> None: ...
def serve_at(host: str, port: int, docroot: str) -> None: ...


def test_a_function_gets_the_folder_as_its_last_parameter() -> None:
    assert way_to_call(serve_from).arguments == ("listener", "folder")
    assert way_to_call(serve_at).arguments == ("host", "port", "folder")
    got = list[object]()
    Called(lambda listener, folder: got.append(folder), Way(("listener", "folder")), "/srv")(None)  # type: ignore[arg-type]
    assert got == ["/srv"]


def test_elsewhere_nobody_gives_it_a_folder_and_the_error_says_so() -> None:
    with pytest.raises(TypeError, match=r"serve_from takes a folder: iomux\.check_http gives it one"):
        Called(serve_from, way_to_call(serve_from))(None)  # type: ignore[arg-type]


def test_the_folder_is_quoted_in_a_command_line_where_it_has_to_be() -> None:
    assert with_folder("x {port} {folder}", "/srv/my site") == "x {port} '/srv/my site'"


def test_the_folder_has_a_name_with_blanks_and_lies_beside_a_secret(tmp_path: Path) -> None:
    folder = fill_folder(tmp_path)
    assert (folder / BLANKS).is_file()
    assert (folder.parent / SECRET_NAME).is_file()
    assert (folder / "big.bin").stat().st_size == 10 << 20


def test_the_command_checks_a_web_server_and_refuses_a_page_of_anything_else() -> None:
    served = f"{sys.executable} -m http.server --bind 127.0.0.1 --directory {{folder}} {{port}}"
    done = iomux_command("check", "--http", served, "--only", "get,host")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{served}: 1 of 2 items passed, 3 of 5 points\n")
    wrong = iomux_command("check", "poll", "--path", "/page.html")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "it goes with --http" in wrong.stderr
