"""The figures, one file a figure or a family; `iomux.plot` is their face."""
