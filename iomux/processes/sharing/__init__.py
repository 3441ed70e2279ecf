"""How several processes serve one address: whose the listeners are, who is woken, and how many clients each accepted.

Nothing here starts a process; `iomux.processes.group` does.
"""
