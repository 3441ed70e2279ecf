"""An interrupted sweep keeps what was measured, by a real SIGINT: in a script, on the command line, in a notebook."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

import iomux
from tests.support.clients import DEADLINE, all_gone, eventually
from tests.support.commands import on_terminal
from tests.support.kernels import Kernel, running_kernel

SWEEP = 'iomux.sweep(["poll", "select"], [1, 3], repeats=200, duration=0.2, warmup=0, progress=False, again=0)'
SCRIPT = f"""
import sys, iomux
from iomux.harness.load import sweep as module

run = module._run

def told(*arguments):
    row = run(*arguments)
    print("done", flush=True)
    return row

module._run = told
try:
    {SWEEP}
except KeyboardInterrupt as interrupt:
    print(interrupt)
    print(interrupt.frame.to_json(orient="records"), interrupt.frame.attrs["partial"], sep="\\n")
    raise
"""


def test_a_script_gets_the_runs_that_were_done_and_ends_as_interrupted() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as script:
        assert script.stdout is not None
        assert [script.stdout.readline() for _ in range(5)] == ["done\n"] * 5
        started = psutil.Process(script.pid).children(recursive=True)
        script.send_signal(signal.SIGINT)
        out, _ = script.communicate(timeout=DEADLINE)
    *more, said, rows, partial = out.splitlines()
    frame = json.loads(rows)
    count = len(frame)
    assert 5 + len(more) - count in (0, 1), "the last one may not be in the table yet when it is told"
    where = "sys.last_value.frame has them, or the exception's .frame where you catch it"
    assert said == f"{count} of 800 runs were done: {where}"
    assert [row["repeat"] for row in frame] == [number // 4 for number in range(count)]
    assert all(row["p50_us"] > 0 for row in frame)
    assert partial == "True"
    assert script.returncode == -signal.SIGINT
    assert all_gone(started)


def interrupted(command: list[str], ready: str = "", count: int = 0) -> "subprocess.CompletedProcess[str]":
    """Interrupt a command when its bar shows `ready`, or it has started so many processes; nothing of it is left."""
    with on_terminal(*command) as (running, shown):
        seen, started = shown(ready) if ready else "", set[psutil.Process]()

        def enough() -> bool:
            started.update(psutil.Process(running.pid).children(recursive=True))
            return len(started) > count

        assert eventually(enough)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
        seen += shown("")
    assert all_gone(list(started))
    return subprocess.CompletedProcess(command, running.returncode, out.decode(), seen.replace("\r\n", "\n"))


def test_bench_outputs_what_it_has_and_ends_with_status_130(tmp_path: Path) -> None:
    saved, table = tmp_path / "rows.json", tmp_path / "rows.csv"
    options = ["--connections", "1,3", "--repeats", "200", "--duration", "0.3"]
    done = interrupted(["bench", "poll", *options, "--csv", str(table), "--save", str(saved)], " 3/400 ")
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    count = int(done.stderr.splitlines()[-1].partition("interrupted: ")[2].split()[0])
    assert done.stderr.endswith(f"iomux bench: interrupted: {count} of 400 runs were done, and are output\n")
    assert "measured on" in done.stdout
    assert len(table.read_text().splitlines()) == 1 + count
    content = json.loads(saved.read_text())
    assert content["attrs"]["partial"] is True
    assert len(content["rows"]) == count >= 3


def test_bench_json_is_one_array_when_interrupted_too() -> None:
    options = ["--connections", "2", "--repeats", "200", "--duration", "0.3", "--json"]
    done = interrupted(["bench", "poll", *options], count=12)  # four a run, and one that is disturbed is repeated
    assert done.returncode == 130
    assert json.loads(done.stdout)


NOTED = """
import pathlib, sys, iomux
from iomux.harness.load import sweep as module

run, runs = module._run, []

def noted(*arguments):
    if runs:  # the first is in the table
        pathlib.Path({path!r}).touch()
    runs.append(run(*arguments))
    return runs[-1]

module._run = noted
"""


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with running_kernel() as fresh:
        yield fresh


def test_in_a_notebook_the_next_cell_has_the_frame(kernel: Kernel, tmp_path: Path) -> None:
    manager, client = kernel
    client.execute_interactive(NOTED.format(path=str(tmp_path / "done")), timeout=60)
    identity = client.execute(SWEEP)
    pid = manager.provisioner.process.pid  # type: ignore[union-attr]
    assert eventually((tmp_path / "done").exists)
    manager.interrupt_kernel()
    assert client.get_shell_msg(timeout=60)["content"]["ename"] == "KeyboardInterrupt", identity
    said: list[str] = []
    assert eventually(lambda: _was_run(client, said)), "the kernel never took the next cell"
    assert "True True" in "".join(said)
    assert eventually(lambda: not psutil.Process(pid).children(recursive=True))


def _was_run(client: BlockingKernelClient, said: list[str]) -> bool:
    """Run the next cell; False if the kernel refused it, as it does for a moment after a cell that has failed."""
    reply = client.execute_interactive(
        "print(len(sys.last_value.frame) > 0, sys.last_value.frame.attrs['partial'])",
        timeout=60,
        output_hook=lambda message: said.append(message["content"].get("text", "")),
    )
    return bool(reply["content"]["status"] != "aborted")


def test_without_a_finished_run_the_frame_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("iomux.harness.load.sweep._run", stopped)
    with pytest.raises(KeyboardInterrupt, match=r"^0 of 3 runs were done$") as caught:
        iomux.sweep("poll", 1, progress=False)
    assert caught.value.frame.empty  # type: ignore[attr-defined]


def test_a_whole_sweep_is_not_partial() -> None:
    frame = iomux.sweep("poll", 1, repeats=1, duration=0.05, warmup=0, progress=False)
    assert frame.attrs["partial"] is False
    assert iomux.pass_along("poll", pairs=4, active=1, writes=4, runs=1, progress=False).attrs["partial"] is False
