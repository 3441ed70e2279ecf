"""A sorted set: members with scores, in the order of their scores, members of one score in the order of their bytes.

A dictionary finds a member's score, a sorted list finds a rank. Redis keeps a skip list, in which a change costs
O(log n); in the list it is found in O(log n) and then moves the pointers behind it, which for a million members is
some hundred microseconds. Source: redis.io, data types, sorted sets.
"""

from bisect import bisect_left, insort


class SortedSet:
    """Members by score.

    Example:
    >>> from iomux.protocols.resp.base.sorted_set import SortedSet
    >>> scores = SortedSet()
    >>> scores.put(b"b", 2.0), scores.put(b"a", 2.0), scores.put(b"c", 1.0), scores.put(b"c", 3.0)
    (None, None, None, None)
    >>> scores.order
    [(2.0, b'a'), (2.0, b'b'), (3.0, b'c')]
    """

    __slots__ = ("order", "scores")

    def __init__(self) -> None:
        self.scores: dict[bytes, float] = {}
        self.order: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self.order)

    def put(self, member: bytes, score: float) -> None:
        """Add a member, or change its score."""
        self.drop(member)
        self.scores[member] = score
        insort(self.order, (score, member))

    def drop(self, member: bytes) -> bool:
        """Take a member out; say whether it was there."""
        score = self.scores.pop(member, None)
        if score is None:
            return False
        del self.order[bisect_left(self.order, (score, member))]
        return True

    def rank(self, member: bytes) -> int | None:
        """How many members stand before this one; None if it is none."""
        score = self.scores.get(member)
        return None if score is None else bisect_left(self.order, (score, member))
