"""The command line of each web server and each store of the comparison, and what it needs to be there.

Each is started like any other server (`iomux.start`), with one process for its requests, on a port of its own. Cost:
none; nothing is started here.
"""

import importlib.util
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).parent / "sources"
"""The folder of their programs."""
_HERE, _PYTHON = shlex.quote(str(SOURCES)), shlex.quote(sys.executable)
_ASGI = f"--app-dir {_HERE} --host 127.0.0.1 --port {{port}} --no-access-log --log-level error app:app"


class Other(NamedTuple):
    """A server of somebody else."""

    name: str
    line: str
    """Its command line; {port} is put in by `iomux.start`, @ by `command`."""
    needs: Sequence[str]
    """Programs, and modules of Python, without which it cannot be started."""

    def missing(self) -> list[str]:
        """Which of them are missing here.

        Example:
        >>> from iomux.course.peers.catalogue import WEB
        >>> [peer.missing() for peer in WEB if peer.name == "http.server"]
        [[]]
        """
        return [one for one in self.needs if not shutil.which(one) and not importlib.util.find_spec(one)]

    def command(self, folder: Path) -> str:
        """The command line for this folder of files, which also takes what the server writes."""
        return self.line.replace("@", shlex.quote(str(folder)))


WEB = (
    Other(
        "nginx",
        'sh -c \'sed -e "s,PORT,$1," -e "s,THERE,$2,g" "$3/nginx.conf" >"$2/nginx.conf" && '
        f'exec nginx -p "$2" -c "$2/nginx.conf"\' sh {{port}} @ {_HERE}',
        ["nginx"],
    ),
    Other(
        "uvicorn (httptools, uvloop)",
        f"env FOLDER=@ {_PYTHON} -m uvicorn --loop uvloop --http httptools {_ASGI}",
        ["uvicorn", "httptools", "uvloop"],
    ),
    Other("uvicorn (h11)", f"env FOLDER=@ {_PYTHON} -m uvicorn --http h11 {_ASGI}", ["uvicorn", "h11"]),
    Other(
        "granian",
        f"env FOLDER=@ {_PYTHON} -m granian --interface asgi --loop uvloop --no-ws --log-level error --host 127.0.0.1"
        f" --port {{port}} --working-dir {_HERE} app:app",
        ["granian"],
    ),
    Other("aiohttp", f"{_PYTHON} {_HERE}/aiohttp_app.py {{port}} @", ["aiohttp"]),
    Other("Node", f"node {_HERE}/node.js {{port}} @", ["node"]),
    Other("http.server", f"{_PYTHON} {_HERE}/standard.py {{port}} @", []),
)
STORES = (
    Other("redis-server", "redis-server --port {port} --bind 127.0.0.1 --save '' --appendonly no", ["redis-server"]),
    Other("uvloop, streams", f"{_PYTHON} {_HERE}/streams.py {{port}} uvloop", ["uvloop"]),
    Other("asyncio, streams", f"{_PYTHON} {_HERE}/streams.py {{port}}", []),
    Other("fakeredis", f"{_PYTHON} {_HERE}/fake.py {{port}}", ["fakeredis"]),
)
