"""The grammar of a request's head, as regular expressions: one match validates a whole head.

A head that is parsed line by line costs Python a few calls for each field, and a browser sends twelve. The regular
expression's machine is written in C and looks at each byte once: all repetitions are possessive (`*+`), so nothing is
tried twice, and no head takes longer than its length. Two expressions are enough:

- `PLAIN` is the head of nearly every request: HTTP/1.1, a path, one Host, no body, no condition, nothing that changes
  the connection. Fields that could are looked for in the same pass (`SPECIAL`), and then it does not match.
- `HEAD` is any valid head. Then the fields are taken apart, as a dictionary.

What matches neither is malformed, and `refusal` says in which way. Sources: RFC 9112, sections 2 to 5; RFC 9110,
sections 5.5 and 5.6; RFC 3986, section 3.
"""

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
"""One character of a method or of a field's name (RFC 9110, section 5.6.2)."""
LONGEST_TARGET = 8000
"""Most bytes of a request's target: the least that RFC 9112, section 3, recommends for a request line."""
MOST_FIELDS = 100


def _run(characters: bytes) -> bytes:
    """Any number of these, or of bytes written as `%` and two digits, which are rare: they cost no branch."""
    return b"[%b]*+(?:%%[0-9A-Fa-f]{2}[%b]*+)*+" % (characters, characters)


PATH = rb"/" + _run(rb"!$&-;=@-\[\]_a-z|~")
"""A path as browsers write it: `[`, `]` and `|` are not encoded, though RFC 3986 asks for it."""
QUERY = rb"(?:\?" + _run(rb"!$&-;=?-~") + rb")?+"
"""A query, in which browsers leave some more as it is."""
_NAME = rb"0-9A-Za-z\-._~!$&'()*+,;="
AUTHORITY = rb"(?:(?:[" + _NAME + rb"]|%[0-9A-Fa-f]{2})" + _run(_NAME) + rb"|\[[0-9A-Fa-f:.]++\])(?::[0-9]{0,5}+)?+"
"""A host and an optional port (RFC 3986, section 3.2.2; empty is no valid http host, RFC 9110, section 4.2.1)."""
VALUE = rb"[\t -~\x80-\xff]*+"
"""A field's value with the blanks around it: no other control characters (RFC 9110, section 5.5)."""
_FIELD = TOKEN + rb"++:" + VALUE + rb"\r\n"

SPECIAL = (
    rb"(?:[Hh](?i:ost:)|[Cc](?i:onnection:(?! keep-alive\r)|ontent-length:)|[Tt](?i:ransfer-encoding:)|[Ee](?i:xpect:)"
    rb"|[Ii](?i:f-)|[Rr](?i:ange:))"
)
"""The fields that say where a request ends, to whom it goes, whether the connection stays, and on what condition."""
_BEGINS_NONE = rb"[!#$%&'*+\-.^_`|~0-9ABDFGJ-QSU-Zabdfgj-qsu-z]"
"""A character that none of their names begins with, so that most fields need no second look."""
_NAME_OF_ORDINARY = rb"(?:" + _BEGINS_NONE + TOKEN + rb"*+|(?!" + SPECIAL + rb")" + TOKEN + rb"++)"
_ORDINARY = rb"(?:" + _NAME_OF_ORDINARY + rb":" + VALUE + rb"\r\n){0,%d}+" % (MOST_FIELDS // 3)
_HOST = rb"[Hh](?i:ost):[ \t]*+" + AUTHORITY + rb"[ \t]*+\r\n"
_CLOSE = rb"([Cc]onnection: close\r\n" + _ORDINARY + rb")?+"

PLAIN = re.compile(
    rb"([A-Z]{1,20}+) (" + PATH + QUERY + rb") HTTP/1\.1\r\n"
    rb"(" + _ORDINARY + _CLOSE + _HOST + _ORDINARY + _CLOSE + rb")\r\n"
)
"""Method, target and fields of a request without a body, and its Connection field before or behind Host, if it is the
last request."""
is_plain, begins_plain = PLAIN.fullmatch, PLAIN.match
"""Looked up here, once: Python does not remember where an imported object's method is."""
HEAD = re.compile(
    rb"(" + TOKEN + rb"{1,20}+) (\S++) HTTP/1\.([0-9])\r\n((?:" + _FIELD + rb"){0,%d}+)\r\n" % MOST_FIELDS
)
"""Method, target, minor version and fields of any request."""
FIELD = re.compile(rb"([^:\n]++):[ \t]*+([^\r]*+)\r\n")
"""One field of those that `HEAD` has validated: the name, and the value with the blanks behind it."""
END = re.compile(rb"\n\r?\n")
"""The end of a head, also of one whose lines end wrongly."""
BLANK_LINES = re.compile(rb"(?:\r\n)*+")
"""What is passed over in front of a request (RFC 9112, section 2.2)."""
ORIGIN = re.compile(PATH + QUERY)
ABSOLUTE = re.compile(rb"https?://(" + AUTHORITY + rb")(" + PATH + QUERY + rb"|" + QUERY + rb")", re.IGNORECASE)
"""The authority and the rest of a target in absolute form (RFC 9112, section 3.2.2)."""
HOST = re.compile(AUTHORITY)
