"""`python -m iomux`: the same as the command `iomux`."""

import sys

from iomux.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
