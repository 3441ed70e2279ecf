"""The runs of a benchmark: a disturbed one is repeated, as a sweep does, and what speaks against the others is told."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from iomux.figures.look.notes import doubts
from iomux.harness.load.result import LoadResult
from iomux.harness.load.rounds import Repeats

_AGAIN = 1  # as often as a sweep repeats a run


class Runs:
    """What is said of a benchmark's runs, by the name of what they measure."""

    def __init__(self, planned: int) -> None:
        """planned: how many runs there will be; at most a quarter as many are added."""
        self._tries = Repeats(_AGAIN, planned)
        self._said: dict[str, list[str]] = defaultdict(list)
        self._dropped: Counter[str] = Counter()

    def of(self, name: str, run: Callable[[], LoadResult]) -> LoadResult:
        """The result of `run`, called again if the machine disturbed it. Its doubts are kept."""
        before = self._tries.dropped
        result = self._tries.undisturbed(run, lambda result: result.disturbed)
        self._dropped[name] += self._tries.dropped - before
        self.note(name, result.doubts)
        return result

    def note(self, name: str, said: Sequence[str]) -> None:
        """Keep the doubts of a run that cannot be repeated by itself."""
        self._said[name].append("; ".join(said))

    def doubts(self, *names: str) -> Iterator[str]:
        """A line for each of these whose runs are in doubt or were repeated; for all without a name."""
        for name in names or self._said:
            frame = pd.DataFrame({"doubts": self._said[name]})
            frame.attrs["doubtful"] = self._dropped[name]
            if words := doubts(frame):
                yield f"    {name}: {words}"
