"""`iomux.check`, `check_chat`, `check_redis`, `check_http`: test a server item by item, and report.

Each item starts the server afresh and runs its clients in a separate process with a time limit; several items run side
by side. So whatever a student's server does (loops for ever, exits, forks, prints, closes its listener) is seen and
reported. Cost: some 15 s for a correct server on two cores, and no more than `SECONDS` for one that fails.
"""

import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from iomux import servers
from iomux.conformance.evidenced import as_seen, with_evidence
from iomux.conformance.families import CHAT, ECHO, over_a_wire
from iomux.conformance.http.site import fill_folder, site_of
from iomux.conformance.http.stages import STAGED as HTTP
from iomux.conformance.http.stages import on_site
from iomux.conformance.judging import with_manners
from iomux.conformance.redis.stages import STAGED as REDIS
from iomux.conformance.report import Report
from iomux.conformance.targets import target_in_folder, target_with_protocol
from iomux.conformance.trying import try_all
from iomux.protocols.resp import store
from iomux.servers.protocol import Factory

SECONDS, HTTP_SECONDS = 25.0, 60.0
"""How long a check goes on when an item has failed: a notebook's cell under nbgrader has 30 s, time-outs are long."""
NAMES = tuple(ECHO)
"""The items, in the order in which they are tried."""
WIRE_NAMES = tuple(over_a_wire(wire=False, lets_go_s=None))
"""Those that only a wire can show."""
POINTS = {name: item.points for name, item in ECHO.items()}
"""What each item is worth, also for a server that cannot be tried."""
STAGED_NAMES = {"http": tuple(HTTP), "redis": tuple(REDIS)}


def check(
    target: str | servers.Serve,
    only: str | Iterable[str] | None = None,
    progress: bool = True,
    seconds: float = SECONDS,
    port: int | None = None,
    evidence: bool = True,
    *,
    wire: bool = False,
    lets_go_s: float | None = None,
) -> Report:
    """Test whether a server does all that a correct echo server does, and report item by item.

    target: a registered name (`iomux.names()`); a function `serve(listener, handler=...)`, also one defined in a
    notebook's cell, or of another form; `file.py:function`; a command line that starts a server in any language, with
    `{port}` where its port goes or its own port in the program; or `host:port` of a server that runs already on this
    machine. port: for what makes its own listener: the port to give it, or which of its ports is meant. only: the name
    of an item, or several (`NAMES`). progress: show a bar with the items that were tried. seconds: how long the check
    goes on once an item has failed: what was not tried by then is "not seen". A server that fails nowhere has the time
    that it needs. evidence: whether to look, after a failure, for the shortest conversation that fails and for how the
    server is built: some 3 s, which a program that reads only `passed` or `seen` can save.

    wire: whether to try what only a wire can show, too (`WIRE_NAMES`), with the server and its clients on hosts of
    `iomux.network`. It is left out unless asked for: it needs rights that many machines do not give, and a mark out of
    100 is to be the same on all; the three items are worth 4 points each on top. lets_go_s: within how many seconds the
    server promises to let go of a client whose host is gone, up to 120. Without a promise that item is "not seen": a
    right server may promise nothing. The wire takes some 2 s, and that item as long as the promise, or 5 s more if it
    fails, so `seconds` has to be longer by that.

    An item that can't be tried on a target is "not seen", never passed. The report's text has no timings. Raises
    LookupError for an unknown server or item, TypeError and ValueError for an invalid target, promise, or address where
    nothing listens, and ValueError if `only` is empty.

    Example:
    >>> report = iomux.check("poll", only=["echoes", "sizes"], progress=False)
    >>> report.passed, report.earned == report.points
    (True, True)
    """
    gather = partial(with_evidence, chat=False) if evidence else None
    items, wanted = ECHO | over_a_wire(wire, lets_go_s), NAMES if only is None and not wire else only
    return try_all(items, "echo", target, wanted, progress, seconds, port, gather)


def check_chat(
    target: str | servers.Serve,
    only: str | Iterable[str] | None = None,
    progress: bool = True,
    seconds: float = SECONDS,
    port: int | None = None,
    evidence: bool = True,
) -> Report:
    """Test whether a chat room does all that a correct one does, and report item by item.

    Arguments and report are those of `iomux.check`; the items are `iomux.conformance.chat.room.CHAT_ITEMS`. A room that
    greets, tells who joins, asks for a name, or passes on whole lines is tried with that, and the report's notes name
    it. Raises LookupError for an unknown server or item, TypeError and ValueError for an invalid target, or an address
    where nothing listens, and ValueError if `only` is empty. Cost: some 12 s for a correct room.

    Example:
    >>> from iomux.course.coursework.chat import serve_chat
    >>> iomux.check_chat(serve_chat, only="passes-on", progress=False).passed
    True
    """
    gather = partial(with_evidence, chat=True) if evidence else None
    report = try_all(CHAT, "pass messages on", target, only, progress, seconds, port, gather)
    return with_manners(report, target, next(iter(CHAT)))


def check_redis(
    target: str | servers.Serve,
    only: str | Iterable[str] | None = None,
    progress: bool = True,
    seconds: float = SECONDS,
    port: int | None = None,
    evidence: bool = True,
    *,
    protocol: Callable[[], Factory] | None = None,
) -> Report:
    """Test in stages whether a server speaks Redis' protocol as a correct one does, from one PING to a flood.

    Arguments, report and errors are those of `iomux.check`; the items are `iomux.conformance.redis.stages.STAGED`; one
    whose command is unknown is "not seen". protocol: makes what the server carries; by default, if it is registered,
    `iomux.protocols.resp.store`. Keys begin with "iomux:" and are deleted at an address. Cost: some 20 s.

    Example:
    >>> iomux.check_redis("epoll", only=["ping", "set-get", "pipeline"], progress=False).passed
    True
    """
    under_test = target_with_protocol(target, port, protocol, ours=store)
    return try_all(REDIS, "answer PING", under_test, only, progress, seconds, port, as_seen if evidence else None)


def check_http(
    target: str | servers.Serve,
    only: str | Iterable[str] | None = None,
    progress: bool = True,
    seconds: float = HTTP_SECONDS,
    port: int | None = None,
    evidence: bool = True,
    *,
    path: str | None = None,
    protocol: Callable[[str], Factory] | None = None,
) -> Report:
    """Test in stages whether a web server speaks HTTP/1.1 as a correct one does, and report item by item.

    The server is to serve a folder that the check makes (`iomux.conformance.http.site`). A command line has its path in
    place of `{folder}`, as in "python3 server.py {port} {folder}"; a function has it as a parameter,
    `serve(listener, folder)`; all find it in the environment as IOMUX_FOLDER. protocol: for a server that carries a
    protocol object: makes the factory from the folder, as `iomux.protocols.http.site` does. path: a page of a server
    that serves something else, such as one that runs already: what only the folder can show is "not seen" then.

    Other arguments and the report are those of `iomux.check`; the items are `iomux.conformance.http.stages.STAGED`.
    What an RFC leaves to the server is right either way. Raises LookupError for an unknown server or item, TypeError
    and ValueError for an invalid target or path, and ValueError if `only` is empty. Cost: some 30 s, and 100 s where
    nobody is let go sooner (the items half-head, drip and goodbye).

    Example:
    >>> served = "python3 -m http.server --bind 127.0.0.1 --directory {folder} {port}"
    >>> report = iomux.check_http(served, only=["get", "head", "outside"], progress=False)
    >>> report.passed
    True
    """
    with tempfile.TemporaryDirectory(prefix="iomux-http-") as around:
        folder = str(fill_folder(Path(around)))
        items, gather = on_site(site_of(path, folder)), as_seen if evidence else None
        under_test = target_in_folder(target, folder, port, protocol, elsewhere=path is not None)
        return try_all(items, "answer a GET", under_test, only, progress, seconds, port, gather)
