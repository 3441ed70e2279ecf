"""The items that only a wire can show: what becomes of a server's clients when packets are late, lost, or cut off.

On loopback every packet arrives at once, and no host is ever gone. Here the server and its clients are on hosts of
their own (`iomux.network`). An item changes a link and waits for what the kernel of the server's host then knows.
"""
