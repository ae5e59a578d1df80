"""What does a sentence that was recorded in English say in the customer's language?

Decisions are recorded in one language, so that log, journal and evidence agree; people are told in
theirs. The shapes of our own sentences are known and are retold here, piece by piece (those of the probes:
findings.py); a piece that is not known is passed on as it came, and the caller is told that it was, so
that it can say the facts instead where it has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from blocks.slack.findings import FINDINGS
from blocks.slack.readiness_told import READINESS_SHAPES

_NO_BREAK = "\u00a0"
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w.])")
_PIECES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), french)
    for pattern, french in (
        (r"^flapping: (?P<rest>.+)$", "instable : {rest}"),
        (r"^no way back yet: (?P<rest>.+)$", "pas encore de retour possible : {rest}"),
        (r"^recovered after (?P<span>\w+): (?P<rest>.+)$", "rétabli après {span} : {rest}"),
        (r"^recovered after (?P<span>\w+)$", "rétabli après {span}"),
        (r"^explained by (?P<name>[\w.:/-]+): (?P<rest>.+)$", "expliqué par {name} : {rest}"),
        (r"^explained by (?P<name>[\w.:/-]+)$", "expliqué par {name}"),
        (r"^the measurement is valid again after (?P<span>\w+)$", "la mesure est de nouveau valable, après {span}"),
        (
            r"^all that can move out of (?P<name>\S+) is down \((?P<names>.+)\)$",
            "tout ce qui peut quitter {name} est en panne ({names})",
        ),
        (
            r"^look at the way out, it changes nothing: (?P<code>vigie plan .+)$",
            "voir comment en sortir, sans rien changer : {code}",
        ),
        (r"^ok$", "bon"),
        (r"^warning$", "à surveiller"),
        (r"^critical$", "critique"),
        (r"^unknown$", "inconnu"),
        (
            r"^the error budget of (?P<span>\w+) is spent (?P<value>\S+) times too fast \(limit (?P<limit>\S+)\): (?P<rest>.+)$",  # noqa: E501
            "le budget d'erreur de {span} est consommé {value} fois trop vite (limite {limit}) : {rest}",
        ),
        (
            r"^(?P<bad_count>\d+) of (?P<all_count>\d+) samples bad in (?P<span>\w+), (?P<rest>.+)$",
            "{bad_count} mesures mauvaises sur {all_count} en {span}, {rest}",
        ),
        (r"^(?P<value>\d+) % of it left$", "il en reste {value} %"),
        (r"^overspent by (?P<value>[\d,]+) %$", "dépassé de {value} %"),
        (r"^(?P<names>.+): was read but is not declared$", "{names} : mesuré sans être déclaré"),
        (r"^(?P<names>.+): does not have exactly one reading$", "{names} : pas exactement une mesure"),
        (r"^(?P<names>.+): says neither what .*$", "{names} : ni mesure ni raison de son absence"),
        (r"^(?P<names>.+): is in a unit its kind does not have$", "{names} : une unité qui n'est pas la sienne"),
        (r"^(?P<names>.+): is outside the plausible range$", "{names} : une valeur impossible"),
        (r"^(?P<names>.+): has no time$", "{names} : une mesure sans heure"),
        (r"^(?P<names>.+): is not fresh \(.*\)$", "{names} : une mesure trop vieille, ou venue du futur"),
        (r"^(?P<names>.+): took an impossible time$", "{names} : une durée impossible"),
        (r"^the measurement could not be judged: .*$", "la mesure n'a pas pu être jugée"),
        (
            r"^the budget is no longer spent too fast after (?P<span>\w+)$",
            "le budget n'est plus dépensé trop vite, après {span}",
        ),
        (r"^(?P<name>[\w.:/-]+) is no longer in the catalogue$", "{name} n'est plus dans le catalogue"),
        (r"^all (?P<count>\d+) checks ok$", "les {count} contrôles sont bons"),
        (r"^nothing checks this service$", "rien ne contrôle ce service"),
        (r"^not measured yet$", "pas encore mesuré"),
        (r"^not measured: (?P<rest>.+)$", "non mesuré : {rest}"),
        (r"^and 1 more$", "et un autre"),
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
        (r"^(?P<name>[a-z_]+) (?P<value>-?\d[\d,.]*(?: (?:ms|s|d|%|/s|[KMGT]?i?B))?)$", "{name:m} {value}"),
        (
            r"^(?P<names>[a-z0-9-]+(?:, [a-z0-9-]+)*(?: and \d+ more)?): (?P<rest>.+)$",
            "{names} : {rest}",
        ),
    )
)
_UNITS: Final = {
    "d": "j",
    "B": "o",
    "KiB": "Kio",
    "MiB": "Mio",
    "GiB": "Gio",
    "TiB": "Tio",
    "days": "jours",
    "hours": "heures",
    "min": "min",
}
_LIST: Final = tuple(
    (re.compile(english), french)
    for english, french in (
        (r" and 1 more\b", " et un autre"),
        (r" and (\d+) more\b", r" et \1 autres"),
        (r" or ", " ou "),
        (r"(?<=\S) on (?=\S)", " sur "),
    )
)
_FIGURE = re.compile(r"(?P<number>\d) ?(?P<unit>[A-Za-z]+)\b")


class Retold(NamedTuple):
    """`is_whole` is False when a piece of it was not known and stands there as it came."""

    text: str
    is_whole: bool


def in_french(sentence: str, measurement: Callable[[str], str], number: Callable[[str], str]) -> Retold:
    """The sentence retold; `measurement` names a measurement, `number` writes a figure."""
    pieces = [_retell(piece, measurement, number) for piece in sentence.split("; ")]
    return Retold(f"{_NO_BREAK}; ".join(piece.text for piece in pieces), all(piece.is_whole for piece in pieces))


def _retell(piece: str, measurement: Callable[[str], str], number: Callable[[str], str]) -> Retold:
    for pattern, french in (*READINESS_SHAPES, *_PIECES[:-1], *FINDINGS, _PIECES[-1]):
        found = pattern.match(piece)
        if found is None:
            continue
        rest = _retell(found["rest"], measurement, number) if "rest" in found.groupdict() else Retold("", is_whole=True)
        said = {name: _fill(name, value, number) for name, value in found.groupdict(default="").items()}
        said["rest"] = rest.text
        if "{name:m}" in french:
            said["measured"] = measurement(found["name"])
        return Retold(french.replace("{name:m}", "{measured}").format(**said), rest.is_whole)
    return Retold(piece, is_whole=not piece)


def _fill(name: str, value: str, number: Callable[[str], str]) -> str:
    if name in {"value", "limit"} or name.startswith("span"):
        return _FIGURE.sub(_unit, _NUMBER.sub(lambda match: number(match[0]), _FIGURE.sub(_apart, value)))
    if name == "count" or name.endswith("_count"):
        return number(value)
    return names_in_french(value) if name == "names" else value


def names_in_french(names: str) -> str:
    """'health, certificate and 2 more' -> 'health, certificate et 2 autres'."""
    for pattern, french in _LIST:
        names = pattern.sub(french, names)
    return names


def _apart(match: re.Match[str]) -> str:
    """'27min' and '2.5 s' -> a figure, a space, a unit."""
    return f"{match['number']} {match['unit']}"


def _unit(match: re.Match[str]) -> str:
    return f"{match['number']}{_NO_BREAK}{_UNITS.get(match['unit'], match['unit'])}"
