"""Where a request's time goes: traced sockets at both ends."""
