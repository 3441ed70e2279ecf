"""The files of a JupyterLab that `iomux lab` starts: loaded by JupyterLab only."""

import platform
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class Files(AsyncLargeFileManager):
    """JupyterLab's own, except that a notebook in Python is told to be of this Python's version.

    JupyterLab marks a notebook as unsaved, and saves it, when its kernel has another version than the file says:
    with any other Python than the author's it did so with every page that was only opened.
    """

    async def get(self, path: str, *arguments: Any, **named: Any) -> Any:
        """A file or folder, as JupyterLab's REST interface shows it."""
        model = await super().get(path, *arguments, **named)  # type: ignore[no-untyped-call]
        if model["type"] == "notebook" and model["content"]:
            language = model["content"]["metadata"].get("language_info", {})
            if language.get("name") == "python":
                language["version"] = platform.python_version()
        return model
