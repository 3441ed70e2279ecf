"""The errors that a command ends in: their text is what the client sees, behind a minus sign."""


class Refused(Exception):
    """A command cannot be done. text: the error's code and sentence, as redis-server words it."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


WRONG_TYPE = b"WRONGTYPE Operation against a key holding the wrong kind of value"
NOT_AN_INTEGER = b"ERR value is not an integer or out of range"
NOT_A_FLOAT = b"ERR value is not a valid float"
SYNTAX = b"ERR syntax error"
NO_SUCH_KEY = b"ERR no such key"
