"""The figures of `iomux.harness.copying`: what copying costs, and which of the processor's times it takes."""
