"""Commands of two words, as CLIENT SETNAME."""

from iomux.protocols.resp.base.refused import Refused
from iomux.protocols.resp.base.replies import Reply
from iomux.protocols.resp.base.session import Arguments, Commands, Handler, Session


def fits(count: int, wanted: int) -> bool:
    """Whether a number of arguments, the names included, is what is wanted; -n: n or more."""
    return count == wanted if wanted > 0 else count >= -wanted


def subcommands(name: bytes, commands: Commands) -> Handler:
    """The command of that name, which does the one that its first argument names."""

    def command(session: Session, arguments: Arguments) -> Reply:
        second = arguments[1].lower()
        if second not in commands:
            shown = (arguments[1][:128], name.upper())
            raise Refused(b"ERR unknown subcommand '%b'. Try %b HELP." % shown)
        handler, wanted = commands[second]
        if not fits(len(arguments), wanted):
            raise Refused(b"ERR wrong number of arguments for '%b|%b' command" % (name, second))
        return handler(session, arguments)

    return command
