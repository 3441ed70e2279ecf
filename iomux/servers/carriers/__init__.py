"""How the mechanisms that run no readiness loop carry a protocol object for each client (`iomux.servers.protocol`).

Each file here is the counterpart of the file of that name in `iomux.servers`, which serves a handler. What is decided
for one client (lazy replies, the end in stages, what is late) is decided in `protocol/conversation.py`; here it meets
a thread, a task, a transport or a ring.
"""
