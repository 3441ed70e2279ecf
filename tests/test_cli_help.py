"""The help of the command line: examples that can be typed, in a narrow terminal too; and what was probably meant."""

import re
import shlex
from pathlib import Path

import pytest

from iomux.cli.main import main
from iomux.cli.parser import parse, parser
from tests.support.commands import iomux_command

COMMANDS = [[], *([name] for name in re.findall(r"^    (\w+) ", parser().format_help(), re.MULTILINE))]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_each_command_shows_examples_that_it_would_take(
    command: list[str], columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*command, "--help"])
    examples = re.findall(r"^  iomux (.*)$", capsys.readouterr().out.partition("examples:\n")[2], re.MULTILINE)
    assert len(examples) >= 2
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])
        if words[-1] != "--help":
            parse(words)


MEANT = [
    (["serve", "epol"], "did you mean epoll? "),
    (["bench", "poll", "epoll_et"], "did you mean epoll-et? "),
    (["soak", "async"], "did you mean asyncio? "),
    (["chekc", "poll"], "did you mean check? "),
    (["bench", "poll", "--conections", "1"], "did you mean --connections? "),
    (["bench", "poll", "--conections=1"], "did you mean --connections? "),
    (["bench", "poll", "--rate", "9", "--arrivals", "poison"], "did you mean poisson? "),
    (["bench", "epol", "--ring", "8,2,5"], "did you mean epoll? "),
    (["check", "poll", "--only", "halfclose"], "did you mean half-close? "),
    (["check", "poll", "--redis", "--only", "pong"], "did you mean ping? "),
    (["serve", "poll", "--processes", "2", "--sharing", "reusport"], "did you mean reuseport? "),
]


@pytest.mark.parametrize(("arguments", "meant"), MEANT)
def test_a_slip_is_told_what_was_probably_meant(arguments: list[str], meant: str) -> None:
    done = iomux_command(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert meant in done.stderr


def test_a_function_of_a_file_is_suggested(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def serve_poll(listener):\n    pass\n")
    done = iomux_command("check", f"{file}:serve_pol")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "did you mean serve_poll? " in done.stderr


def test_what_is_like_nothing_is_told_nothing() -> None:
    assert "did you mean" not in iomux_command("serve", "kqueue").stderr
