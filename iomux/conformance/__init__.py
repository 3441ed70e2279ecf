"""Conformance tests: what a correct server does, and trials of whether a given server does it; see `iomux.check`."""
