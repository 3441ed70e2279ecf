"""A function of a cell is sent with its locks, pollers, queues and files, which are made anew where it runs."""

import itertools
import pickle
import select
import selectors
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue, SimpleQueue
from typing import Any

import pytest

import iomux
from iomux.processes.named.by_value import dumps


def again(value: Any) -> Any:
    return pickle.loads(dumps(value))


def test_what_can_not_be_copied_is_made_anew() -> None:
    lock, jobs = threading.Lock(), Queue[int]()
    with lock:
        assert again(lock).acquire(blocking=False)
    with again(threading.RLock()), again(threading.Condition()), again(threading.Semaphore(2)):
        pass
    again(jobs).put(1)
    again(SimpleQueue()).put(1)
    assert not again(threading.Event()).is_set()
    with again(selectors.DefaultSelector()) as selector, again(ThreadPoolExecutor(3)) as pool:
        assert not selector.get_map()
        assert pool.submit(sum, (1, 2)).result() == 3
    assert again(select.poll()).poll(0) == []
    assert vars(again(threading.local())) == {}


def test_a_file_that_is_written_to_is_opened_again(tmp_path: Path) -> None:
    for mode in ("w", "ab"):
        with open(tmp_path / mode, mode) as file:
            file.write(b"1" if "b" in mode else "1")
            file.flush()
            with again(file) as other:
                other.write(b"2" if "b" in mode else "2")
            assert (tmp_path / mode).read_bytes() == b"12"


def test_what_is_shared_stays_shared() -> None:
    lock = threading.Lock()
    first, second = again((lock, threading.Condition(lock)))
    with first:
        assert not second.acquire(blocking=False)


def test_a_counter_goes_on_where_it_is() -> None:
    for counter in (itertools.count(), itertools.count(5), itertools.count(0.5, -2), itertools.count(2**70, 3)):
        next(counter)
        sent = again(counter)
        assert [next(sent), next(sent)] == [next(counter), next(counter)]


def test_a_socket_is_refused_by_its_name() -> None:
    with socket.socket() as sock, pytest.raises(TypeError, match="socket"):
        dumps(sock)


def cell(text: str) -> Any:
    """The function `serve` of a notebook's cell: of a module that no other process can import."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(text, names)
    return names["serve"]


def test_a_server_of_a_cell_may_have_a_lock_and_a_selector() -> None:
    serve = cell(
        "import selectors, threading\n"
        "LOCK, WATCHED = threading.Lock(), selectors.DefaultSelector()\n"
        "def serve(listener):\n"
        "    WATCHED.register(listener, selectors.EVENT_READ)\n"
        "    while True:\n"
        "        with LOCK:\n"
        "            ready = WATCHED.select()\n"
        "        for key, _ in ready:\n"
        "            if key.fileobj is listener:\n"
        "                WATCHED.register(listener.accept()[0], selectors.EVENT_READ)\n"
        "            elif data := key.fileobj.recv(4096):\n"
        "                key.fileobj.sendall(data)\n"
        "            else:\n"
        "                WATCHED.unregister(key.fileobj)\n"
        "                key.fileobj.close()\n"
    )
    with iomux.start(serve) as server, socket.create_connection(server.address, timeout=20) as client:
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
