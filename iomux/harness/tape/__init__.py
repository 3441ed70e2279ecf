"""What a server does for a script's clients: recorded sockets and pollers."""
