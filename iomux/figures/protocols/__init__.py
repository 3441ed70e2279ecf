"""Figures of protocols under real clients."""
