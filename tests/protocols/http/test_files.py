"""A site: files as they are, and nothing outside the folder, whatever the path says."""

import os
from pathlib import Path

import pytest

from iomux.protocols.http import site
from iomux.protocols.http.connection import Speaker
from iomux.protocols.http.files import PIECE_BYTES
from tests.protocols.http.said import NOW, Read, connection, get, read, said

LARGE = bytes(range(256)) * 1024  # four pieces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site, and a secret beside it."""
    root = tmp_path / "site"
    (root / "sub dir").mkdir(parents=True)
    (root / "index.html").write_text("<p>index")
    (root / "sub dir" / "index.html").write_text("<p>sub")
    (root / "a.txt").write_bytes(b"0123456789")
    (root / "empty").write_bytes(b"")
    (root / "large.bin").write_bytes(LARGE)
    (tmp_path / "secret").write_text("secret")
    return root


def one(factory: Speaker, target: str, *fields: str, method: str = "GET") -> Read:
    [answer] = read(said(factory, get(target, *fields, method=method)), heads=[0] if method == "HEAD" else [])
    return answer


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/", 200, b"<p>index"),
        ("/?query", 200, b"<p>index"),
        ("/a.txt", 200, b"0123456789"),
        ("/%61.txt", 200, b"0123456789"),
        ("//a.txt", 200, b"0123456789"),
        ("/./sub%20dir/../a.txt", 200, b"0123456789"),
        ("/sub%20dir/", 200, b"<p>sub"),
        ("/empty", 200, b""),
        ("/large.bin", 200, LARGE),
    ],
)
def test_a_file_byte_for_byte(folder: Path, target: str, status: int, body: bytes) -> None:
    answer = one(site(folder), target)
    assert (answer.status, answer.body) == (status, body)
    bare = one(site(folder), target, method="HEAD")
    assert (bare.fields, bare.body) == (answer.fields, b"")


@pytest.mark.parametrize(
    "target",
    ["/nothing", "/a.txt/", "/../secret", "/%2e%2e/secret", "/..%2fsecret", "/sub%20dir/../../secret", "/%00", "/link",
     "/link-folder/secret", "/fifo", "/a.txt%00", "/..", "/" + "a" * 300, "/sub%20dir%2findex.html", "/loop"],
)  # fmt: skip
def test_what_is_not_there_or_outside_is_not_found(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "link-folder").symlink_to(folder.parent)
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    assert one(site(folder), target).status == 404


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "a.txt")
    assert one(site(folder), "/link").body == b"0123456789"


def test_a_root_that_is_a_link_is_fine_and_its_neighbour_is_not_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "root").symlink_to(folder)
    (tmp_path / "site-2").mkdir()
    (tmp_path / "site-2" / "x").write_text("x")
    (folder / "out").symlink_to(tmp_path / "site-2" / "x")
    assert one(site(tmp_path / "root"), "/a.txt").body == b"0123456789"
    assert one(site(tmp_path / "root"), "/out").status == 404


def test_a_folder_is_redirected_to_its_slash_and_never_to_another_host(folder: Path) -> None:
    answer = one(site(folder), "//sub%20dir")
    assert (answer.status, answer.fields["location"]) == (301, "/sub%20dir/")


def test_a_name_need_not_be_utf_8(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xe9 name.txt")).write_text("bytes")
    assert one(site(folder), "/%FF%e9%20name.txt").body == b"bytes"


def test_no_right_to_read_is_403(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = site(folder)
    monkeypatch.setattr("iomux.protocols.http.files.os.open", denied)  # root may read everything
    assert one(factory, "/a.txt").status == 403


def denied(*arguments: object) -> int:
    raise PermissionError(13, "denied")


def test_a_lack_of_descriptors_is_503_and_not_404(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scarce(*arguments: object) -> int:
        raise OSError(24, "too many open files")

    factory = site(folder)
    monkeypatch.setattr("iomux.protocols.http.files.os.open", scarce)
    answer = one(factory, "/a.txt")
    assert (answer.status, answer.fields["retry-after"]) == (503, "1")


@pytest.mark.parametrize(("name", "error"), [("nothing", FileNotFoundError), ("a.txt", NotADirectoryError)])
def test_a_root_has_to_be_a_folder(folder: Path, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        site(folder / name)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_large_file_is_read_piece_by_piece_and_closed_on_every_way_out(folder: Path) -> None:
    before = descriptors()
    for taken in range(5):
        client = connection(site(folder))
        replies = client.feed(get("/large.bin") * 3, NOW)
        assert not isinstance(replies, bytes)
        pieces = [next(replies) for _ in range(taken)]
        assert descriptors() == before + 1
        assert all(len(piece) <= PIECE_BYTES for piece in pieces)
        replies.close()  # type: ignore[attr-defined]
        client.gone()
        assert descriptors() == before


def test_small_files_missing_ones_and_heads_keep_nothing_open(folder: Path) -> None:
    before = descriptors()
    client = connection(site(folder))
    for request in (
        get("/a.txt"),
        get("/none"),
        get("/large.bin", method="HEAD"),
        get("/sub%20dir"),
        get("/a.txt", "If-None-Match: *"),
    ):
        client.feed(request, NOW)
    assert descriptors() == before


@pytest.mark.parametrize("change", ["shorter", "rewritten", "empty"])
def test_a_file_that_changes_ends_short_and_is_logged(
    folder: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connection(site(folder))
    replies = client.feed(get("/large.bin") + get("/a.txt"), NOW)
    assert not isinstance(replies, bytes)
    got = next(replies) + next(replies)
    (folder / "large.bin").write_bytes(
        {"shorter": LARGE[:70_000], "rewritten": bytes(len(LARGE)), "empty": b""}[change]
    )
    os.utime(folder / "large.bin", (1, 1))  # as after a while: a clock tick may hide two changes
    got += b"".join(replies)
    assert client.over
    assert got.count(b"HTTP/1.1") == 1
    assert len(got.partition(b"\r\n\r\n")[2]) == PIECE_BYTES
    assert capsys.readouterr().err == "iomux: an answer ended short: 'large.bin' changed while it was sent\n"


def test_a_file_that_vanishes_is_sent_to_its_end(folder: Path) -> None:
    client = connection(site(folder))
    replies = client.feed(get("/large.bin"), NOW)
    assert not isinstance(replies, bytes)
    got = next(replies)
    (folder / "large.bin").unlink()
    assert read(got + b"".join(replies))[0].body == LARGE
    assert not client.over


def test_media_types(folder: Path) -> None:
    assert one(site(folder), "/").fields["content-type"] == "text/html; charset=utf-8"
    assert one(site(folder), "/large.bin").fields["content-type"] == "application/octet-stream"


def test_options_and_other_methods(folder: Path) -> None:
    assert one(site(folder), "/a.txt", method="OPTIONS").fields["allow"] == "GET, HEAD, OPTIONS"
    answer = one(site(folder), "/a.txt", method="DELETE")
    assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD, OPTIONS")
