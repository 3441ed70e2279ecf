"""The C programs do the same work as what they are compared with."""

import pytest

import iomux
from tests.c.loading import c_load
from tests.c.programs import CServer, compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler (cc, gcc or clang)")


def test_the_c_server_echoes_and_ends_with_its_owner() -> None:
    with iomux.start(CServer()) as server:
        result = iomux.load(server, connections=20, duration=0.2)
        assert result.errors == {}
        assert result.requests > 20
        assert result.cpu_us_per_request is not None
        assert "C epoll" in repr(server)


@pytest.mark.parametrize("spin", [False, True])
def test_the_c_client_loads_a_python_server_and_its_run_is_judged_as_any_other(spin: bool) -> None:
    with iomux.start("poll") as server:
        result = c_load(server, connections=20, active=5, duration=0.3, warmup=0.05, spin=spin)
    assert result.requests == len(result.response_ns) > 20
    assert 0 < result.p50_us < result.max_us
    assert result.requests_per_s == pytest.approx(result.requests / 0.3, rel=0.2)
    assert 0 < (result.cpu_us_per_request or 0) < 1e6 / result.requests_per_s * 1.05, "of one thread"
    assert "5 active of 20 connections, 64 bytes, closed loop" in str(result)


def test_the_c_client_takes_replies_in_pieces() -> None:
    with iomux.start("poll") as server:
        result = c_load(server, connections=20, size=65536, duration=0.2, warmup=0.05, spin=True)
    assert result.requests > 20


def test_a_server_that_the_c_client_does_not_fill_is_told() -> None:
    with iomux.start("poll") as server:
        result = c_load(server, connections=1, duration=0.2, spin=True)
    assert result.generator_bound or result.disturbed, "on a busy machine the client does not get its core"


def test_the_c_client_compares_each_reply() -> None:
    with iomux.start("poll", handler=bytes.swapcase) as server, pytest.raises(RuntimeError, match="wrong reply"):
        c_load(server, connections=2, duration=0.2)
