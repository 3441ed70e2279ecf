"""HTTP's dates: always in GMT, in English, and in seconds; and what `Date` says, made once a second.

`strftime` would take the user's language, so the names are written out (RFC 9110, section 5.6.7).
"""

import calendar
import functools
import re
import time
from collections.abc import Callable

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_CLOCK} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_CLOCK} GMT",
        rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
    )
)
"""The form that is written, and two that are only read."""


@functools.lru_cache(maxsize=1024)
def written(seconds: int) -> bytes:
    """A moment, in seconds since 1970, as a field's value.

    Example:
    >>> from iomux.protocols.http.dates import read, written
    >>> written(784111777), read("Sunday, 06-Nov-94 08:49:37 GMT")
    (b'Sun, 06 Nov 1994 08:49:37 GMT', 784111777)
    """
    year, month, day, hour, minute, second, weekday, _, _ = time.gmtime(seconds)
    name = _MONTHS[month - 1]
    return f"{_DAYS[weekday]}, {day:02} {name} {year:04} {hour:02}:{minute:02}:{second:02} GMT".encode("ascii")


def read(value: str) -> int | None:
    """The seconds since 1970 of a date in one of the three forms; None if it is none (and then to be ignored)."""
    found = next(filter(None, (form.fullmatch(value) for form in _FORMS)), None)
    if not found or found["month"] not in _MONTHS:
        return None
    year = int(found["year"])
    if year < 100:  # a year that seems more than 50 years ahead is the past one
        year += 2000 if year + 2000 <= time.gmtime().tm_year + 50 else 1900
    month, clock = _MONTHS.index(found["month"]) + 1, (int(found[part]) for part in ("hour", "minute", "second"))
    day = int(found["day"])
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return calendar.timegm((year, month, day, *clock, 0, 0, 0))


class Stamp:
    """The `Date` field, made anew when `now`, in seconds of time.monotonic(), is in another second.

    wall: reads the clock that the field shows; a protocol decides nothing by it.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._until = 0.0
        self._line = b""

    def line(self, now: float) -> bytes:
        """The field's line, with its end."""
        if now >= self._until:
            self._line = b"Date: %b\r\n" % written(int(self._wall()))
            self._until = int(now) + 1.0  # last: another thread that sees it sees the new line
        return self._line
