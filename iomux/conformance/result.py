"""The result of one item of a check."""

from dataclasses import dataclass, field

from iomux.conformance.evidence.gathering import Evidence
from iomux.conformance.trial.outcome import Status


@dataclass(frozen=True)
class Result:
    """One item of a report: the rule that was tested, what the clients sent, what they saw.

    Example:
    >>> result = iomux.check("poll", only="echoes", progress=False)["echoes"]
    >>> result.status, result.earned == result.points
    ('passed', True)
    """

    name: str
    """The item's name, as for the argument `only` of `iomux.check`."""
    status: Status
    """"passed", "failed", or "not seen": it could not be tried."""
    points: int
    """What the item is worth: a result earns its points by passing."""
    rule: str
    """What a correct server does."""
    sent: str
    """What the clients did."""
    seen: str
    """What the clients saw, if the item did not pass; the same words for the same fault."""
    hint: str
    """For the student: where to look for the cause, without the code of a solution."""
    man: str
    """Manual pages to read."""
    exempt: str = ""
    """Why a server of this I/O model can't pass; empty if it could."""
    detail: dict[str, object] = field(default_factory=dict)
    """Figures of this run, which differ from run to run."""
    cause: str = ""
    """A key of the cause, if it is known: results with the same one fail for the same reason."""
    by_machine: bool = False
    """Whether it was not seen because of this machine, and not because of the server."""
    evidence: Evidence = field(default_factory=Evidence)
    """What a student can follow and do again, if the item failed."""
    stage: str = ""
    """The heading under which it stands, where a check goes in stages."""
    run: tuple[str, ...] = ()
    """The lines of a command that shows the same with another program; PORT stands for the server's port."""

    @property
    def earned(self) -> int:
        """Its points if it passed, else 0."""
        return self.points if self.status == "passed" else 0
