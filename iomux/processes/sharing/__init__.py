"""What several processes share: an address, with its listeners and who is woken for a client, and a moment.

Nothing here starts a process; `iomux.processes.group` does.
"""
