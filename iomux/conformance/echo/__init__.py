"""The items of an echo server."""
