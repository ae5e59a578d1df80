"""How does a customer read a number, an hour, a duration, a list?

The rule: one reader, one language, one time zone. Whoever writes to people takes a `Voice` and says
things by their key in the catalogue of messages; an unknown key is our mistake and fails loudly.
Blanks keep figures and units on one line (no-break spaces), "3,5 %" and "23 h 14" in French, "3.5 %"
and "23:14" in English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from blocks.slack.messages import TEXTS
from blocks.slack.sentences import Retold, in_french, names_in_french

NO_BREAK = "\u00a0"
_LIMIT = re.compile(r"(?P<operator>[<>]=?) (?P<value>-?\d+(?:\.\d+)?) (?P<unit>\S+)")
_MONTHS = {
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    "fr": (
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
}
_BYTES = {"en": ("B", "kB", "MB", "GB", "TB"), "fr": ("o", "Ko", "Mo", "Go", "To")}
_DAY = {"en": "d", "fr": "j"}


@dataclass(frozen=True, slots=True)
class Voice:
    """Speaks one language ("en" or "fr"; others are answered in English) in one IANA time zone."""

    language: str = "en"
    time_zone: str = "UTC"

    def say(self, key: str, **blanks: str) -> str:
        """The text of `key` with its blanks filled."""
        return TEXTS[key].forms(self.language)[1].format(**blanks)

    def say_count(self, key: str, count: int, **blanks: str) -> str:
        """The text of `key` in the form that `count` asks for; fills {count} too. French counts 0 and 1 as one."""
        singular = count in {0, 1} if self._tongue == "fr" else count == 1
        return TEXTS[key].forms(self.language)[0 if singular else 1].format(count=self.number(count), **blanks)

    # -- numbers ---------------------------------------------------------------------------------

    def number(self, value: float, digits: int | None = None) -> str:
        """1234.5 -> "1,234.5" or "1 234,5"; without `digits`, three significant figures and no trailing zeros."""
        written = f"{value:,.{_digits(value) if digits is None else digits}f}"
        if digits is None and "." in written:
            written = written.rstrip("0").rstrip(".")
        if self._tongue == "fr":
            written = written.replace(",", " ").replace(".", ",").replace(" ", NO_BREAK)
        return written

    def percent(self, value: float, digits: int | None = None) -> str:
        """3.5 -> "3.5 %" or "3,5 %"."""
        return f"{self.number(value, digits)}{NO_BREAK}%"

    def quantity(self, value: float, unit: str) -> str:
        """A measurement as people read it; `unit` is a `Unit` value ("ms", "s", "d", "%", "count", "bytes", "/s")."""
        if unit == "count":
            return self.number(value)
        if unit == "bytes":
            return self._bytes(value)
        if unit == "s" and abs(value) >= 120:  # noqa: PLR2004 - two minutes: from here on seconds are hard to read
            return self.span(timedelta(seconds=value))
        return f"{self.number(value)}{NO_BREAK}{_DAY[self._tongue] if unit == 'd' else unit}"

    def limit(self, text: str) -> str:
        """A limit as the catalogue writes it ("> 1.5 %") with the reader's decimals and units."""
        found = _LIMIT.fullmatch(text)
        if found is None:
            return text.replace(" ", NO_BREAK)
        return f"{found['operator']}{NO_BREAK}{self.quantity(float(found['value']), found['unit'])}"

    def _bytes(self, value: float) -> str:
        power = 0
        while abs(value) >= 1000 and power < 4:  # noqa: PLR2004 - steps of the decimal prefixes
            value, power = value / 1000, power + 1
        return f"{self.number(value)}{NO_BREAK}{_BYTES[self._tongue][power]}"

    # -- times -----------------------------------------------------------------------------------

    def clock(self, at: datetime) -> str:
        """23:14 or 23 h 14, where the reader is."""
        there = self.local(at)
        if self._tongue == "fr":
            return f"{there.hour}{NO_BREAK}h{NO_BREAK}{there.minute:02d}"
        return f"{there:%H:%M}"

    def clock_s(self, at: datetime) -> str:
        """23:14:05 or 23 h 14 min 05 s, where the reader is."""
        there = self.local(at)
        if self._tongue == "fr":
            return f"{self.clock(at)}{NO_BREAK}min{NO_BREAK}{there.second:02d}{NO_BREAK}s"
        return f"{there:%H:%M:%S}"

    def day(self, at: datetime) -> str:
        """23 November or 23 novembre (1er for the first)."""
        there = self.local(at)
        first = "er" if self._tongue == "fr" and there.day == 1 else ""
        return f"{there.day}{first}{NO_BREAK}{_MONTHS[self._tongue][there.month - 1]}"

    def moment(self, at: datetime) -> str:
        """Day and hour, where the reader is."""
        joint = " à " if self._tongue == "fr" else " at "
        return f"{self.day(at)}{joint}{self.clock(at)}"

    def span(self, duration: timedelta) -> str:
        """45 s, 27 min, 3 h 05 min, 2 d 4 h: two units at most. A negative one (clocks disagree) is zero."""
        seconds = max(0, round(duration.total_seconds()))
        if seconds < 60:  # noqa: PLR2004 - a minute
            return f"{seconds}{NO_BREAK}s"
        minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86400
        if days:
            parts = [f"{days} {_DAY[self._tongue]}", *([f"{hours} h"] if hours else [])]
        elif hours:
            parts = [f"{hours} h", *([f"{minutes:02d} min"] if minutes else [])]
        else:
            parts = [f"{minutes} min"]
        return " ".join(parts).replace(" ", NO_BREAK)

    def local(self, at: datetime) -> datetime:
        """The same instant on the reader's clock."""
        return at.astimezone(ZoneInfo(self.time_zone))

    # -- recorded sentences ------------------------------------------------------------------------

    def retell(self, sentence: str) -> str:
        """A sentence recorded in English, in the reader's language as far as its shape is known."""
        return self._retold(sentence).text

    def retell_whole(self, sentence: str) -> str | None:
        """The same, or None when a piece of it would stay in another language than the reader's."""
        retold = self._retold(sentence)
        return retold.text if retold.is_whole else None

    def retell_names(self, names: str) -> str:
        """'health, certificate and 2 more' in the reader's language."""
        return names_in_french(names) if self._tongue == "fr" else names

    def _retold(self, sentence: str) -> Retold:
        if self._tongue != "fr":
            return Retold(sentence, is_whole=True)
        return in_french(
            sentence, self.measurement, lambda text: self.number(float(text.replace(",", "")), _places(text))
        )

    def measurement(self, name: str) -> str:
        """A measurement's name in the reader's language; one that we do not know is passed on."""
        return self.say(f"measurement.{name}") if f"measurement.{name}" in TEXTS else name

    # -- lists -----------------------------------------------------------------------------------

    def listing(self, names: Sequence[str], most: int = 8) -> str:
        """Names as "a, b and c"; beyond `most`, "a, b and 5 more"."""
        if len(names) > most:
            left = len(names) - most
            return self.say_count("incident.more", left, names=", ".join(names[:most]))
        if len(names) < 2:  # noqa: PLR2004 - nothing to join
            return "".join(names)
        return self.say("list.and", first=", ".join(names[:-1]), last=names[-1])

    @property
    def _tongue(self) -> str:
        return "fr" if self.language == "fr" else "en"


def _places(text: str) -> int:
    """Decimals of a number as it was written."""
    return len(text.partition(".")[2])


def _digits(value: float) -> int:
    """Decimals that show three significant figures of a number."""
    size = abs(value)
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3  # noqa: PLR2004 - powers of ten
