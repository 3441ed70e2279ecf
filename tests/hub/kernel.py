"""One user's kernel, behind the hub's proxy: cells go in and outputs come out over a websocket, as from JupyterLab.

The messages are those of jupyter_client's "Messaging in Jupyter" (execute_request, stream, display_data, error,
execute_reply, status), as JSON, which a single-user server passes on.
"""

import contextlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import websocket

from tests.hub.running import Hub
from tests.support.notebooks import read

_CELL_SECONDS = 120.0


class CellFailed(AssertionError):
    """A cell raised an error that its notebook does not expect; the message is its traceback."""


class Kernel:
    """A running kernel of a user."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._session = uuid.uuid4().hex

    def run(self, source: str, may_fail: bool = False) -> str:
        """Run a cell, and return the text that it printed. Raises CellFailed."""
        sent = self._send(source)
        text, failed = "", ""
        while True:
            message = json.loads(self._channel.recv())
            kind, content = message["header"]["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != sent:
                continue
            if kind == "stream" and content["name"] == "stdout":
                text += content["text"]
            elif kind == "error":
                failed = "\n".join(content["traceback"])
            elif kind == "status" and content["execution_state"] == "idle":
                break
        if failed and not may_fail:
            raise CellFailed(f"{source}\n{failed}")
        return text

    def run_notebook(self, path: Path) -> str:
        """Run all cells of a notebook, and return all that they printed. Raises CellFailed at the first that fails."""
        cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
        return "".join(
            self.run(cell.source, may_fail="raises-exception" in cell.metadata.get("tags", [])) for cell in cells
        )

    def _send(self, source: str) -> str:
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": "execute_request", "session": self._session, "version": "5.3"}
        content = {"code": source, "silent": False, "allow_stdin": False, "stop_on_error": True}
        message = {"header": header | {"username": "", "date": ""}, "parent_header": {}, "metadata": {}}
        self._channel.send(json.dumps(message | {"content": content, "channel": "shell", "buffers": []}))
        return number


@contextlib.contextmanager
def kernel(hub: Hub, user: str, token: str, path: str) -> Iterator[Kernel]:
    """A kernel for the notebook at `path` of the user's folder, as JupyterLab opens it; shut down on leaving."""
    wanted = {"path": path, "type": "notebook", "name": path, "kernel": {"name": "python3"}}
    session = hub.ask(f"user/{user}/api/sessions", token, "POST", wanted)
    address = hub.url.replace("http", "ws", 1) + f"user/{user}/api/kernels/{session['kernel']['id']}/channels"
    channel = websocket.create_connection(address, _CELL_SECONDS, header={"Authorization": f"token {token}"})
    try:
        yield Kernel(channel)
    finally:
        channel.close()
        hub.ask(f"user/{user}/api/sessions/{session['id']}", token, "DELETE")
