"""The C programs do the same work as what they are compared with."""

import pytest

import iomux
from tests.c.programs import CServer, c_client, compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler (cc, gcc or clang)")


def test_the_c_server_echoes_and_ends_with_its_owner() -> None:
    with iomux.start(CServer()) as server:
        result = iomux.load(server, connections=20, duration=0.2)
        assert result.errors == {}
        assert result.requests > 20
        assert result.cpu_us_per_request is not None
        assert "C epoll" in repr(server)


def test_the_c_client_loads_a_python_server() -> None:
    with iomux.start("poll") as server:
        figures = c_client(server.address, connections=20, active=5, size=64, seconds=0.3)
    assert figures.requests > 20
    assert figures.p50_us > 0
