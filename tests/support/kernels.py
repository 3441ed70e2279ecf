"""A notebook kernel of a test's own. It has no port, for the reason that conftest.py gives."""

import contextlib
import tempfile
from collections.abc import Iterator

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

Kernel = tuple[KernelManager, BlockingKernelClient]


@contextlib.contextmanager
def running_kernel() -> Iterator[Kernel]:
    """Start a kernel, wait until it answers, and end it afterwards if the test has not."""
    with tempfile.TemporaryDirectory(prefix="iomux-k-") as folder:
        manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{folder}/kernel")
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            yield manager, client
        finally:
            client.stop_channels()
            if manager.has_kernel:
                manager.shutdown_kernel(now=True)
