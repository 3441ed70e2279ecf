"""SCAN: all keys in small portions, with nothing kept for the client but the cursor that it sends.

What it promises: a key that is there from the first call to the last is returned, however many come and go meanwhile.
Redis walks its hash table with a cursor of reversed bits. A Python dictionary shows no buckets, so keys are put in the
order of a checksum of their bytes, and the cursor is the next checksum. The order is made when a scan begins, used by
all scans under way, and given up when one ends: a key that was there at the beginning of a scan is in it, and also in
any later one as long as the key is there. Cost: sorting all keys at each beginning. Source: redis.io, command SCAN.
"""

from bisect import bisect_left
from collections.abc import Collection
from zlib import crc32


class Scanner:
    """The order of one database's keys for all scans under way.

    Example:
    >>> from iomux.protocols.resp.base.scanning import Scanner
    >>> scanner, keys = Scanner(), {b"a", b"b", b"c"}
    >>> cursor, first = scanner.portion(keys, 0, 2)
    >>> end, rest = scanner.portion(keys, cursor, 2)
    >>> end, sorted(first + rest)
    (0, [b'a', b'b', b'c'])
    """

    def __init__(self) -> None:
        self._order: list[tuple[int, bytes]] = []

    def portion(self, keys: Collection[bytes], cursor: int, count: int) -> tuple[int, list[bytes]]:
        """Some `count` of the keys from the cursor on, and the next cursor, 0 at the end."""
        if cursor == 0 or not self._order:
            self._order = sorted((crc32(key) + 1, key) for key in keys)
        begin = bisect_left(self._order, (cursor, b""))
        end = begin + count
        while end < len(self._order) and self._order[end][0] == self._order[end - 1][0]:
            end += 1  # one cursor for all keys of a checksum
        found = [key for _, key in self._order[begin:end] if key in keys]
        if end < len(self._order):
            return self._order[end][0], found
        self._order = []
        return 0, found
