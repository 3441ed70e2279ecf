"""How fair a server is to other clients while one floods it: `trial.flooding` says how that is seen."""

from iomux.conformance.trial.clients import ask, connect
from iomux.conformance.trial.flooding import Flooder, Turn, flood_is_fair
from iomux.conformance.trial.items import ONE_AT_A_TIME, item
from iomux.conformance.trial.subject import Subject, processes, warm_up

_TURN = b"my turn?"
_PIECE = bytes(256 * 1024)


@item(
    "flood",
    points=3,
    rule="a client that sends without pause does not starve those that send little",
    sent="while the server is stopped (SIGSTOP), one client sends a flood, then two others a small message; then the "
    "server continues (SIGCONT), and the flood goes on",
    hint="How long does your server stay with a client that always has more to read? Read a bounded amount, then "
    "serve the others; the rest will be reported again, if you ask in the right way.",
    man="epoll(7) (Possible pitfalls: starvation)",
    exempt=ONE_AT_A_TIME,
)
def flood(subject: Subject) -> None:
    """Test fairness to one older and one newer client than the flooder."""
    processes(subject)  # without them the server can't be stopped
    with connect(subject) as older, connect(subject) as flooder, connect(subject) as newer:
        with warm_up("hundred"):
            for client in (older, flooder, newer):
                ask(client, b"in", "one of three clients")
        turn = Turn(_TURN, _TURN, served="hundred")
        flood_is_fair(subject, Flooder(flooder, _PIECE, served="bulk"), [older, newer], turn)
