"""asyncio's four interfaces on two loops keep the contract of a server, whatever their process freed before."""

import platform
import resource
import socket
import sys
from collections.abc import Callable, Iterator

import pytest

import iomux
from iomux.conformance.check import NAMES
from iomux.processes.server import Server
from iomux.servers.forms.form import Form, forms
from iomux.system.procfs import page_faults
from tests.servers.test_contract import FAULTS, ends_its_own_connection, handler, odd_reply
from tests.servers.test_limits import assert_waiting_clients_are_served
from tests.support.checks import check, saw_all
from tests.support.clients import ask, connect, receive
from tests.support.required import takes_long

FORMS = forms()
QUEUEING = [form for form in FORMS if form.loop == "asyncio" or form.interface == "sock_recv"]  # libuv closes them
MIB = 1 << 20
NEVER_LEFT_OUT = ("echoes", "half-close", "back-pressure", "flood")


def name(form: Form) -> str:
    return form.__name__.replace(" ", "-")


def limited_form(form: Form, descriptors: int) -> Callable[..., None]:
    """A form that may open no more than `descriptors`."""

    def serve(listener: socket.socket) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        form(listener)

    return serve


@pytest.fixture(scope="module", params=FORMS, ids=name)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each form, with the handler of the contract's tests."""
    with iomux.start(request.param, handler=handler) as running:
        yield running


@pytest.mark.parametrize("fault", FAULTS)
def test_a_handler_that_fails_ends_its_own_connection(server: Server, fault: str) -> None:
    assert ends_its_own_connection(server, f"fault {fault}".encode())


@pytest.mark.parametrize("kind", ["none", "text", "released"])
def test_a_reply_that_is_not_bytes_ends_its_own_connection(server: Server, kind: str) -> None:
    assert ends_its_own_connection(server, f"odd {kind}".encode())


@pytest.mark.parametrize("kind", ["backwards", "wide"])
def test_a_bytes_like_reply_arrives_whole(server: Server, kind: str) -> None:
    expected = bytes(memoryview(odd_reply(kind)))
    with connect(server.address) as client:
        client.sendall(f"odd {kind}".encode())
        assert receive(client, len(expected)) == expected


@pytest.mark.parametrize("form", QUEUEING, ids=name)
def test_clients_waiting_at_the_descriptor_limit_are_served_when_one_is_free(form: Form) -> None:
    assert_waiting_clients_are_served(limited_form(form, 40))


@takes_long
@pytest.mark.parametrize("form", FORMS, ids=name)
def test_a_form_passes_the_items_of_its_share(form: Form) -> None:
    """The four in which the forms differ, and of the others one in as many as there are forms."""
    share = NAMES[FORMS.index(form) :: len(FORMS)]
    report = check(form, [item for item in NAMES if item in share + NEVER_LEFT_OUT])
    assert report.failed == (), str(report)
    saw_all(report)


def test_a_form_is_named_by_its_loop_and_its_interface() -> None:
    assert {form.__name__ for form in FORMS} >= {"asyncio Protocol", "asyncio streams", "asyncio sock_recv"}
    assert [form.__name__ for form in forms(MIB)] == [f"{form.__name__}, 1 MiB freed" for form in FORMS]


def test_forms_of_a_loop_that_is_missing_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "uvloop")
    assert {form.loop for form in forms()} == {"asyncio"}


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="the threshold is that of glibc's malloc")
def test_a_block_freed_before_spares_asyncio_the_page_faults_of_each_request() -> None:
    fresh, freed = (faults(Form("asyncio", "Protocol", size)) for size in (0, MIB))
    assert freed < 50, "a hundred requests"
    if sys.version_info < (3, 14):  # which has no new mapping for each, with the same glibc
        assert fresh > 50, "a page of a new mapping for each request"


def faults(form: Form) -> int:
    """How often the kernel had to give the server a page while it answered a hundred requests."""
    with iomux.start(form) as server, connect(server.address) as client:
        assert ask(client, b"in") == b"in"
        before = page_faults(server.pid)
        assert all(ask(client, b"%d" % number) == b"%d" % number for number in range(100))
        return page_faults(server.pid) - before
