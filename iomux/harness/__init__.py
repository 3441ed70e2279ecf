"""What is measured, one noun a room; see `iomux`."""
