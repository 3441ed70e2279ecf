"""Other people's loops: each program is correct and waits in epoll; the command that records them all."""
