"""`iomux.check_redis` on right stores: redis-server, a slow one, one in JavaScript that knows a few commands only."""

import shutil
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import iomux
from iomux.cli.main import main
from iomux.conformance.redis.stages import STAGED
from iomux.conformance.redis.talk import KEYS
from iomux.conformance.targets import target_of
from iomux.conformance.trial.outcome import Outcome, try_item
from iomux.protocols.resp import store
from tests.students.wrong_stores import right, wrong

NODE = f"node {Path(__file__).parents[2] / 'students/store.mjs'} {{port}}"
REDIS = "redis-server --bind 127.0.0.1 --port {port} --save '' --appendonly no"
LONG = ("thousand", "flood", "slow-subscriber", "dead-keys", "unread")
MANY_PIECES = ("every-cut", "byte-by-byte", "counted", "stays", "pipeline")
SLEEPS = "        data = self.socket.recv(65536)\n"


def tried(target: str, names: Iterable[str]) -> dict[str, Outcome]:
    """The outcome of each item; one server for all, without the keys of the item before."""
    found = {}
    with target_of(target).run() as running:
        for name in names:
            found[name] = try_item(STAGED[name], running.subject)
            with socket.create_connection(running.subject.address) as client:
                client.sendall(f"DEL {' '.join(KEYS)}\r\n".encode())
                client.recv(100)
    return found


def failed(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: one.seen for name, one in outcomes.items() if one.status == "failed"}


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server here (Debian: redis-server)")
def test_redis_passes_all_but_what_it_does_otherwise() -> None:
    """Its clients' answers have no bound, and a half-close drops what is owed: both are its choice."""
    outcomes = tried(REDIS, (name for name in STAGED if name not in LONG))
    assert set(failed(outcomes)) == {"half-close"}
    assert {one.status for name, one in outcomes.items() if name != "half-close"} == {"passed"}


@pytest.mark.skipif(not shutil.which("node"), reason="no node here (Debian: nodejs)")
def test_a_store_that_knows_few_commands_is_told_which_are_missing() -> None:
    outcomes = tried(NODE, (name for name in STAGED if name not in {*LONG, "large", "endless-line", "half-close"}))
    assert set(failed(outcomes)) == {"expires", "conditions", "quotes"}, "it knows SET without options, and no quotes"
    unknown = {name for name, one in outcomes.items() if one.seen.startswith("this store does not know ")}
    assert unknown == {"past", "incr", "overflow", "append", "mget", "hello", "quit", "publish", "subscribers-gone"}
    assert outcomes["mget"].seen == "this store does not know MGET: it answered -ERR unknown command"


def test_a_slow_store_with_small_reads_is_right(tmp_path: Path) -> None:
    program = tmp_path / "slow.py"
    assert right().count(SLEEPS) == 1
    program.write_text(right().replace(SLEEPS, "        time.sleep(0.0005)\n        data = self.socket.recv(7)\n"))
    names = [name for name, item in STAGED.items() if item.stage[0] in "ABCD"]
    skipped = {*LONG, *MANY_PIECES, "large", "endless-line"}
    outcomes = tried(f"{sys.executable} {program} {{port}}", (name for name in names if name not in skipped))
    assert {one.status for one in outcomes.values()} == {"passed"}, failed(outcomes)


def test_a_report_goes_stage_by_stage_and_names_what_shows_the_same(tmp_path: Path) -> None:
    program = tmp_path / "store.py"
    program.write_text(wrong("lambda client, words: bulk(words[1])", "lambda client, words: bulk(words[1][::-1])"))
    command = f"{sys.executable} {program} {{port}}"
    report = iomux.check_redis(command, only=["ping", "echo", "incr"], progress=False)
    assert report.failed == ("echo",)
    assert report["echo"].evidence.window[0].startswith("sent: *2")
    assert report["echo"].evidence.window[-1].endswith("byte 6 is wrong: '\\xff' (0xff) instead of '\\x00' (0x00)")
    for text in (str(report), report.to_markdown(), report.to_junit(), report._repr_html_()):
        assert all(part in text for part in ("A first words", "C values", "cat -v", "Bulk strings"))
    assert "A first words: 1 of 2\n" in str(report)


def test_a_registered_server_carries_the_librarys_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "poll", "--redis", "--only", "ping,pipeline,hello"]) == 0
    assert capsys.readouterr().out.startswith("poll: 3 of 3 items passed")


def test_a_program_has_a_protocol_of_its_own() -> None:
    with pytest.raises(ValueError, match="has a protocol of its own: leave protocol out"):
        iomux.check_redis("redis-server --port {port}", protocol=store, progress=False)
