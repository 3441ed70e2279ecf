"""Servers observed by the harness: their sockets, pollers and `select` calls are wrapped before they begin."""
