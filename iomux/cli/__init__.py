"""The command `iomux`: `main` runs it, `parser` is its grammar, the rest does what its commands say."""
