"""What a correct server does, item by item, and how a server of anybody's is tried for it; see `iomux.check`."""
