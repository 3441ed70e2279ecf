"""Run a command with io_uring forbidden, as by a container's seccomp filter.

    python -m tests.denied ERRNO COMMAND...

Every io_uring_setup of the command and of its child processes fails with that errno.
"""

import os
import sys

from iomux.system.confine import forbid
from iomux.system.io_uring_abi import SETUP

UNDER_SECCOMP = __name__

if __name__ == "__main__":
    forbid([SETUP], int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
