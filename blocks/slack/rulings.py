"""What does a sentence about an approval or a run say in French?

Decisions are recorded in English, so that log, journal and card agree. The shapes of our own sentences are known
here; a reason that a person typed, and a sentence that is not ours, go through as they came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from blocks.slack.database_deeds import DATABASES
from blocks.slack.deeds import DEEDS
from blocks.slack.drill_deeds import DRILLS
from blocks.slack.move_deeds import MOVES
from blocks.slack.plan_changes import CHANGES
from blocks.slack.site_deeds import SITE_DEEDS
from blocks.slack.voice import NO_BREAK, Voice

_NAME = r"[^\s:]+"
_WHERE = r"[\w./:-]+|the catalogue|the credential blocks|the quota of [\w-]+"
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), french)
    for pattern, french in (
        (r"^already granted(?: at (?P<time>\S+) UTC)?(?:: (?P<rest>.+))?$", "déjà approuvé ({rest})"),
        (r"^already rejected(?: at (?P<time>\S+) UTC)?(?:: (?P<rest>.+))?$", "déjà refusé ({rest})"),
        (r"^already expired(?: at (?P<time>\S+) UTC)?(?:: (?P<rest>.+))?$", "déjà expiré ({rest})"),
        (r"^already void(?: at (?P<time>\S+) UTC)?(?:: (?P<rest>.+))?$", "devenu caduc ({rest})"),
        (r"^expired at (?P<time>\S+) UTC: ask again$", "expiré à {time} UTC : redemander"),
        (rf"^(?P<who>{_NAME}) may not decide about (?P<what>[^.]+)$", "{who} ne peut pas décider pour {what}"),
        (
            rf"^(?P<who>{_NAME}) may not break the glass for (?P<what>[^.]+)$",
            "{who} ne peut pas briser la glace pour {what}",
        ),
        (rf"^(?P<who>{_NAME}) answered at (?P<time>\S+) UTC through .+$", "{who} a déjà répondu à {time} UTC"),
        (
            rf"^(?P<who>{_NAME}) asked for this and cannot approve it himself$",
            "{who} l'a demandé et ne peut pas l'approuver lui-même",
        ),
        (r"^one of these may: (?P<what>.+)$", "l'une de ces personnes le peut : {what}"),
        (r"^approvals\.yaml names nobody who may$", "approvals.yaml ne nomme personne qui le puisse"),
        (r"^a one-time code is needed for this answer$", "cette réponse demande le code à usage unique"),
        (r"^type '(?P<what>.+)' to confirm$", "taper « {what} » pour confirmer"),
        (
            r"^breaking the glass needs a reason of at least (?P<count>\d+) characters: it is reviewed tomorrow$",
            "briser la glace demande un motif d'au moins {count} caractères : il sera relu demain",
        ),
        (
            r"^this one-time code was used before(?:(?::|\. Next:) wait for the next one)?$",
            "ce code a déjà servi : attendre le suivant",
        ),
        (r"^the name or its one-time code is wrong$", "le nom ou son code est faux"),
        (
            rf"^(?P<count>\d+) wrong codes were given for (?P<who>{_NAME})$",
            "{count} codes faux donnés pour {who} : attendre",
        ),
        (rf"^this Slack account is linked to (?P<who>{_NAME})$", "ce compte Slack est déjà relié à {who}"),
        (r"^approved by (?P<who>.+) and (?P<what>.+)$", "approuvé par {who} et {what}"),
        (r"^approved by (?P<who>.+)$", "approuvé par {who}"),
        (rf"^rejected by (?P<who>{_NAME})(?:: (?P<rest>.+))?$", "refusé par {who} ({rest})"),
        (rf"^glass broken by (?P<who>{_NAME})(?:: (?P<rest>.+))?$", "glace brisée par {who} ({rest})"),
        (r"^the plan changed before it was decided$", "le plan a changé avant la décision"),
        (r"^nobody decided before (?P<time>\S+) UTC$", "personne n'a décidé avant {time} UTC"),
        (
            rf"^recorded: (?P<who>{_NAME}) approves, (?P<count>\d+) of (?P<what>\d+) needed$",
            "{who} approuve, {count} sur {what} nécessaires",
        ),
        (r"^this button belongs to another message$", "ce bouton appartient à un autre message"),
        (r"^this Slack account is linked to nobody$", "ce compte Slack n'est relié à personne : /vigie link"),
        (r"^the question is empty$", "la question est vide"),
        (rf"^(?P<who>{_NAME}) may not steer (?P<what>.+)$", "{who} ne peut pas agir sur {what}"),
        *CHANGES,
        (r"^granted: (?P<rest>.+)$", "{rest}"),
        (r"^rejected: (?P<rest>.+)$", "{rest}"),
        (r"^(?P<what>\w+) → (?P<rest>.+)$", "{what} → {rest}"),
        (
            rf"^(?P<rest>.+) \((?P<rest_where>{_WHERE})\)\. Next: (?P<rest_next>.+)$",
            "{rest} ({rest_where}). Ensuite : {rest_next}",
        ),
        (r"^(?P<rest>.+) at (?P<what>[\w-]+)\. Next: (?P<rest_next>.+)$", "{rest} ({what}). Ensuite : {rest_next}"),
        (r"^(?P<rest>.+)\. Next: (?P<rest_next>.+)$", "{rest}. Ensuite : {rest_next}"),
        (
            r"^is the phone's clock right\? Who never enrolled runs: (?P<what>.+)$",
            "l'heure du téléphone est-elle juste ? Qui n'a pas encore de code lance : {what}",
        ),
        (
            r"^wait (?P<count>\d+) minutes; if that was not you, tell security$",
            "attendre {count} minutes ; si ce n'était pas vous, prévenir la sécurité",
        ),
        (r"^the catalogue$", "le catalogue"),
        (r"^the credential blocks$", "les blocs d'accès"),
        (r"^the quota of (?P<site>[\w-]+)$", "le quota de {site}"),
        *DEEDS,
        *SITE_DEEDS,
        *DRILLS,
        *DATABASES,
        *MOVES,
    )
)
_JOINT = "; "
_PLACED = re.compile(rf"(?P<what>.+) \((?P<where>{_WHERE})\)")
_DECIMAL = re.compile(r"(?P<whole>-?\d+)\.(?P<decimals>\d+)(?P<unit> ?[a-z%]*)")
_EMPTY = re.compile(r" \(\)$")


def retell(voice: Voice, sentence: str) -> str:
    """The sentence in the reader's language as far as its shape is known."""
    if voice.language != "fr":
        return sentence
    for shape, french in _SHAPES:
        found = shape.match(sentence)
        if found is not None:
            pieces = {name: _piece(voice, name, piece or "") for name, piece in found.groupdict().items()}
            return _EMPTY.sub("", french.format(**pieces))
    if _JOINT in sentence:
        return _joined(retell(voice, piece) for piece in sentence.split(_JOINT))
    said, placed = voice.retell(sentence), _PLACED.fullmatch(sentence)
    if said != sentence or placed is None:
        return said
    return f"{retell(voice, placed['what'])} ({retell(voice, placed['where'])})"


def _piece(voice: Voice, name: str, piece: str) -> str:
    if name.startswith("rest"):
        return retell(voice, piece) if piece else piece
    if name.startswith("list"):
        return ", ".join(retell(voice, each) for each in piece.split(", "))
    decimal = _DECIMAL.fullmatch(piece)
    return f"{decimal['whole']},{decimal['decimals']}{decimal['unit']}" if decimal else piece


def _joined(pieces: Iterable[str]) -> str:
    return f"{NO_BREAK}; ".join(pieces)
