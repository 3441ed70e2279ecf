"""`iomux.check_http` on right servers: plain, strange, in another language; and what a report of it says."""

import shutil
from pathlib import Path

import pytest

import iomux
from iomux.conformance.http.site import PAGE, fill_folder
from iomux.conformance.http.stages import STAGED
from tests.students.web import RIGHT, web_file
from tests.support.web import serving, tried

PRESSED = ("thousand", "descriptor-limit", "newcomer", "half-head", "drip", "goodbye")
"""Items that wait, or limit the server: they are tried side by side, each on a server of its own."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(fill_folder(tmp_path_factory.mktemp("web")))


def test_the_points_are_a_hundred_and_each_item_names_its_source_and_a_command() -> None:
    assert sum(item.points for item in STAGED.values()) == 100
    assert next(iter(STAGED)) == "get"
    assert [item.stage[0] for item in STAGED.values()] == sorted(item.stage[0] for item in STAGED.values())
    assert {item.stage[0] for item in STAGED.values()} == set("ABCDE")
    for item in STAGED.values():
        assert "RFC " in item.man
        assert max(map(len, item.run)) <= 84, "a report's line has 95 columns"


def test_a_right_server_passes_every_item(folder: str, tmp_path: Path) -> None:
    with serving(web_file(tmp_path), folder) as subject:
        outcomes = {name: tried(name, subject, folder) for name in STAGED if name not in PRESSED}
    assert {name: outcome.seen for name, outcome in outcomes.items() if outcome.status != "passed"} == {}


def test_a_right_server_under_pressure_passes_and_the_report_has_stages(tmp_path: Path) -> None:
    report = iomux.check_http(f"{web_file(tmp_path)}:serve", only=PRESSED, progress=False, seconds=120)
    assert [result.name for result in report.results if result.status != "passed"] == []
    assert f"E under pressure: {len(PRESSED)} of {len(PRESSED)}" in str(report)


@pytest.mark.parametrize("habit", RIGHT)
def test_a_right_server_with_habits_is_not_accused(habit: str, folder: str, tmp_path: Path) -> None:
    some = [*list(STAGED)[list(RIGHT).index(habit) :: len(RIGHT)], "keep-alive", "pipelined"]
    with serving(web_file(tmp_path, RIGHT[habit]), folder) as subject:
        outcomes = {name: tried(name, subject, folder) for name in some if name not in PRESSED}
    assert {name: outcome.seen for name, outcome in outcomes.items() if outcome.status == "failed"} == {}


NODE = """
const http = require("http"), fs = require("fs"), path = require("path");
const root = process.env.IOMUX_FOLDER;
http.createServer((asked, answer) => {
  let decoded;
  try { decoded = decodeURIComponent(asked.url.split("?")[0]); }
  catch (error) { answer.writeHead(400); return answer.end(); }
  const name = path.join(root, path.normalize("/" + decoded));
  if (name.includes("\0")) { answer.writeHead(404); return answer.end(); }
  fs.readFile(name, (error, data) => {
    if (error) { answer.writeHead(404); return answer.end(); }
    answer.writeHead(200, {"Content-Length": data.length});
    answer.end(asked.method == "HEAD" ? undefined : data);
  });
}).listen(+process.argv[2], "127.0.0.1");
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_a_server_in_another_language_finds_the_folder_in_its_environment(tmp_path: Path) -> None:
    (tmp_path / "server.js").write_text(NODE)
    some = ["get", "head", "not-found", "outside", "chunked-body"]
    assert iomux.check_http(f"node {tmp_path}/server.js {{port}}", only=some, progress=False).failed == ()


def test_a_server_that_runs_already_is_asked_for_a_page_of_its_own(folder: str, tmp_path: Path) -> None:
    with serving(web_file(tmp_path), folder) as subject:
        address = f"127.0.0.1:{subject.address[1]}"
        report = iomux.check_http(address, only=["get", "outside", "host"], progress=False, path=PAGE)
        with pytest.raises(ValueError, match="name a page of it, as in path="):
            iomux.check_http(address, progress=False)
    assert (report.failed, report.not_seen) == ((), ("outside",))


def test_what_is_no_path_or_item_or_takes_no_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="give the path of a page"):
        iomux.check_http("poll", path="page.html")
    with pytest.raises(LookupError, match="choose from get, head"):
        iomux.check_http("poll", only="echoes")
    with pytest.raises(ValueError, match="leave protocol out"):
        iomux.check_http("true {port}", protocol=lambda folder: None)  # type: ignore[arg-type,return-value]


def test_an_echo_server_is_no_web_server_and_the_report_shows_where() -> None:
    report = iomux.check_http("poll", only=["get", "head"], progress=False)
    assert report.earned == 0
    said = str(report)
    assert "due:  HTTP/1.1 200 OK" in said
    assert "came: GET /page.html" in said
    assert "^ byte 0 is wrong: 'G' (0x47) instead of 'H' (0x48)" in said
    assert "curl -v 127.0.0.1:PORT/page.html" in said
    assert "read: RFC 9112" in said
    assert "A first words: 0 of 2" in report.to_markdown()
    assert "does not answer a GET" in report["head"].seen
