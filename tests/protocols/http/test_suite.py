"""The suite over our own servers, where everything is right; and over wrong ones, where it has to say so."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import iomux
from iomux.protocols.http import application, site
from tests.protocols.http.suite import case, judge
from tests.protocols.http.suite.peers import echo
from tests.protocols.http.suite.talk import Address, Heard

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def score(address: Address, cases: tuple[case.Case, ...] = judge.CASES) -> list[str]:
    return [
        f"{v.word} {v.case.name}: {v.outcome}" for v in judge.run(address, cases, patience=20.0) if v.word != "right"
    ]


def test_everything_is_right_with_a_function() -> None:
    with iomux.start("epoll", protocol=application(echo)) as server:
        assert score(server.address) == []


def test_everything_is_right_with_files(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>hello")
    with iomux.start("epoll", protocol=site(tmp_path)) as server:
        assert score(server.address) == []


def test_no_two_cases_have_one_name() -> None:
    names = Counter(found.name for found in judge.CASES)
    assert [name for name, times in names.items() if times > 1] == []
    assert len(names) > 300


def polite(data: bytes) -> bytes:
    """Answers each empty line with 200, whatever stands in front of it."""
    return OK * data.count(b"\r\n\r\n")


@pytest.fixture
def naive() -> Iterator[Address]:
    with iomux.listen() as listener:

        def serve(sock: socket.socket) -> None:
            with sock:
                while data := sock.recv(1 << 20):
                    sock.sendall(polite(data))

        def accept() -> None:
            try:
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_that_takes_everything_is_wrong(naive: Address) -> None:
    wanted = {"no Host", "two Hosts", "two lengths", "a length and chunks", "Date is there", "nothing behind close"}
    chosen = tuple(found for found in judge.CASES if found.name in wanted)
    assert len(chosen) == len(wanted)
    verdicts = {found.case.name: found.word for found in judge.run(naive, chosen, patience=0.2)}
    assert set(verdicts.values()) == {"wrong"}


REFUSED, TAKEN = case.refused("x", "y", b""), case.taken("x", "y", b"", "200 200")
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("found", "heard", "word"),
    [
        (REFUSED, Heard(["400"]), "right"),
        (REFUSED, Heard([]), "doubtful"),
        (REFUSED, Heard(["400", "200"]), "doubtful"),
        (REFUSED, Heard(["200", "200"]), "wrong"),
        (REFUSED, Heard([], waited=True), "wrong"),
        (TAKEN, Heard(["200"], head=HEAD + b"Connection: close\r\n"), "right"),
        (TAKEN, Heard(["200"], head=HEAD), "wrong"),
        (case.taken("x", "y", b"", echoes=b"a"), Heard(["200", "200"], head=HEAD, body=b"b"), "wrong"),
        (case.Case("x", "y", b"", "200", needs=("^date:",)), Heard(["200"], head=HEAD), "wrong"),
        (case.Case("x", "y", b"", "200", lacks=("^date:",)), Heard(["200"], head=HEAD + b"Date: x\r\n"), "wrong"),
    ],
)  # fmt: skip
def test_the_judge(found: case.Case, heard: Heard, word: str) -> None:
    assert judge.judge(found, heard).word == word
