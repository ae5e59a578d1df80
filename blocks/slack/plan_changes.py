"""What changed between the plan on the card and the one made again, in French?

The shapes of what tasks/approvals/ records in English; rulings.py retells by them. A group whose name begins with
`rest` is a sentence itself.
"""

from __future__ import annotations

CHANGES: tuple[tuple[str, str], ...] = (
    (r"^no longer: (?P<rest>[^;]+)$", "n'y est plus : {rest}"),
    (r"^new: (?P<rest>[^;]+)$", "nouveau : {rest}"),
    (
        r'^(?P<rest>[^";]+): the card said "(?P<rest_then>[^"]*)", which is not known any more$',
        "{rest} : la carte disait « {rest_then} », ce qui n'est plus connu",
    ),
    (
        r'^(?P<rest>[^";]+): the card said "(?P<rest_then>[^"]*)", now it is "(?P<rest_now>[^"]*)"$',
        "{rest} : la carte disait « {rest_then} », maintenant « {rest_now} »",
    ),
    (
        r'^(?P<rest>[^";]+): now "(?P<rest_now>[^"]*)", of which the card said nothing$',
        "{rest} : maintenant « {rest_now} », dont la carte ne disait rien",
    ),
    (
        r"^(?P<rest>[^;]+): the card allowed (?P<rest_then>at most [^;,]+), which is not asked for any more$",
        "{rest} : la carte admettait {rest_then}, ce qui n'est plus demandé",
    ),
    (
        r"^(?P<rest>[^;]+): the card allowed (?P<rest_then>at most [^;,]+), now it would be (?P<rest_now>at most [^;,]+)$",  # noqa: E501
        "{rest} : la carte admettait {rest_then}, maintenant ce serait {rest_now}",
    ),
    (
        r"^(?P<rest>[^;]+): now (?P<rest_now>at most [^;,]+), of which the card said nothing$",
        "{rest} : maintenant {rest_now}, dont la carte ne disait rien",
    ),
    (r"^at most (?P<most>[\d.]+|inf)(?: (?P<rest>\S+))?$", "au plus {most} {rest}"),
    (
        r"^(?P<name>candidate|subject|platform|action) was (?P<then>[^;,]+), is (?P<now>[^;,]+)$",
        "{name} : {then} sur la carte, maintenant {now}",
    ),
    (
        r"^(?P<rest>[^;]+) is (?P<value>[\d.]+|inf) rows now, approved was (?P<rest_most>at most [^;]+)$",
        "{rest} : {value} lignes maintenant, {rest_most} étaient approuvées",
    ),
)
