"""Programs written by others speak to our web server and our store: if these are happy, so is the world."""

import re
from collections.abc import Iterator

import pytest

from tests.protocols.http import clients as web
from tests.protocols.outside import Client, output, table
from tests.protocols.resp import clients as store


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, object]]:
    with web.served() as found, store.served() as more:
        yield {**found, **more}


@pytest.mark.parametrize("client", [*web.CLIENTS, *store.CLIENTS], ids=lambda client: client.command)
def test_a_program_is_happy(client: Client, places: dict[str, object]) -> None:
    if not client.is_here:
        pytest.skip(f"{client.module or client.program} is not installed")
    assert re.search(client.passed, output(client, places))


def test_the_table_tells_who_is_unhappy_and_who_is_not_here(capsys: pytest.CaptureFixture[str]) -> None:
    happy, unhappy = Client("echo {word}", r"\Ahello\n\Z", ""), Client("echo {word}", "welcome", "")
    places = {"word": "hello"}
    assert table([happy], places)
    assert not table([happy, unhappy], places)
    assert not table([Client("no-such-program", "")], places)
    assert not table([Client("echo {word}", "hello", "", module="no_such_module")], places)
    words = [line.split("  ")[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert words == ["passed", "passed", "FAILED", "not here -", "not here -"]
