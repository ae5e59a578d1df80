"""What does a sentence that was recorded in English say in the customer's language?

Decisions are recorded in one language, so that log, journal and evidence agree; people are told in
theirs. The shapes of our own sentences are known and are retold here, piece by piece; a piece that is
not known (words of a server, of a cloud) is passed on as it came, never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w.])")
_PIECES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), french)
    for pattern, french in (
        (r"^flapping: (?P<rest>.+)$", "instable : {rest}"),
        (r"^recovered after (?P<span>\w+): (?P<rest>.+)$", "rétabli après {span} : {rest}"),
        (r"^recovered after (?P<span>\w+)$", "rétabli après {span}"),
        (r"^explained by (?P<name>[\w.:/-]+): (?P<rest>.+)$", "expliqué par {name} : {rest}"),
        (r"^explained by (?P<name>[\w.:/-]+)$", "expliqué par {name}"),
        (r"^the measurement is valid again after (?P<span>\w+)$", "la mesure est de nouveau valable, après {span}"),
        (
            r"^the budget is no longer spent too fast after (?P<span>\w+)$",
            "le budget n'est plus dépensé trop vite, après {span}",
        ),
        (r"^(?P<name>[\w.:/-]+) is no longer in the catalogue$", "{name} n'est plus dans le catalogue"),
        (r"^all (?P<count>\d+) checks ok$", "les {count} contrôles sont bons"),
        (r"^nothing checks this service$", "rien ne contrôle ce service"),
        (r"^not measured yet$", "pas encore mesuré"),
        (r"^not measured: (?P<rest>.+)$", "non mesuré : {rest}"),
        (r"^and (?P<count>\d+) more$", "et {count} autres"),
        (r"^(?P<name>\w+) was not measured, so its limit says nothing$", "{name:m} non mesuré : sa limite ne dit rien"),
        (
            r"^(?P<name>\w+) (?P<value>.+) at or over the limit of (?P<limit>.+)$",
            "{name:m} {value} atteint ou dépasse la limite de {limit}",
        ),
        (
            r"^(?P<name>\w+) (?P<value>.+) over the limit of (?P<limit>.+)$",
            "{name:m} {value} au-dessus de la limite de {limit}",
        ),
        (
            r"^(?P<name>\w+) (?P<value>.+) at or under the limit of (?P<limit>.+)$",
            "{name:m} {value} au plus à la limite de {limit}",
        ),
        (
            r"^(?P<name>\w+) (?P<value>.+) under the limit of (?P<limit>.+)$",
            "{name:m} {value} sous la limite de {limit}",
        ),
        (r"^(?P<name>\w+) (?P<value>[\d,.]+ ?\S*) \(limit (?P<limit>[^)]+)\)$", "{name:m} {value} (limite {limit})"),
        (r"^(?P<check>[a-z0-9-]+): (?P<rest>.+)$", "{check} : {rest}"),
    )
)
_VALUES = ("value", "limit", "count")


def in_french(sentence: str, measurement: Callable[[str], str], number: Callable[[str], str]) -> str:
    """The sentence retold; `measurement` names a measurement, `number` writes a figure."""
    return "; ".join(_retell(piece, measurement, number) for piece in sentence.split("; "))


def _retell(piece: str, measurement: Callable[[str], str], number: Callable[[str], str]) -> str:
    for pattern, french in _PIECES:
        found = pattern.match(piece)
        if found is None:
            continue
        said = {name: _fill(name, value, measurement, number) for name, value in found.groupdict().items()}
        if "{name:m}" in french:
            said["measured"] = measurement(found["name"])
        return french.replace("{name:m}", "{measured}").format(**said)
    return piece


def _fill(name: str, value: str, measurement: Callable[[str], str], number: Callable[[str], str]) -> str:
    if name == "rest":
        return _retell(value, measurement, number)
    return _NUMBER.sub(lambda match: number(match[0]), value) if name in _VALUES else value
