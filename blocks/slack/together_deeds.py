"""What do several platforms on one card say in French: who goes, who does not and why, and who holds room?

The shapes of what is recorded in English; rulings.py retells by them. A group whose name begins with `rest` is a
sentence itself.
"""

from __future__ import annotations

_N = r"[^\s:;,]+"

TOGETHER: tuple[tuple[str, str], ...] = (
    (
        rf"^begin the (?P<rest_kind>{_N}) of (?P<name>{_N}) to (?P<site>{_N})$",
        "lancer : {rest_kind} de {name} vers {site}",
    ),
    (
        rf"^the (?P<rest_kind>{_N}) of (?P<name>{_N}) to (?P<site>{_N}) is begun \(run (?P<run>{_N})\)$",
        "{rest_kind} de {name} vers {site} : lancée (exécution {run})",
    ),
    (
        rf"^(?P<name>{_N}) of (?P<customer>{_N}) \(priority (?P<number>\d+)\) waits: in (?P<site>{_N}) (?P<rest>.+)$",
        "{name} de {customer} (priorité {number}) attend : à {site} {rest}",
    ),
    (rf"^(?P<name>{_N}) does not go: (?P<rest>.+)$", "{name} n'en fait pas partie : {rest}"),
    (
        rf"^(?P<name>{_N}) does not go on the common approval: (?P<rest>.+)$",
        "{name} ne part pas sur l'approbation commune : {rest}",
    ),
    (
        rf"^approved with others in run (?P<run>{_N}): (?P<rest>.+)$",
        "approuvé avec d'autres (exécution {run}) : {rest}",
    ),
    (rf"^there is no room for (?P<name>{_N}) any more: (?P<rest>.+)$", "plus de place pour {name} : {rest}"),
    (r"^ \(others hold room: (?P<list>[^)]+)\)$", " (place tenue par : {list})"),
    (
        rf"^the (?P<rest_kind>switchover|failover|failback|point-in-time-restore) of (?P<name>{_N})$",
        "{rest_kind} de {name}",
    ),
    (
        rf"^of that (?P<list>[^;]+) are held for the (?P<rest_kind>{_N}) of (?P<name>{_N}) \((?P<state>\w+)\)$",
        "dont {list} tenus pour : {rest_kind} de {name}",
    ),
    (
        rf"^the catalogue does not say what (?:it|{_N}) needs in (?P<site>{_N})$",
        "le catalogue ne dit pas ce qu'il lui faut à {site}",
    ),
    (
        rf"^nobody can say what (?P<site>{_N}) can still take: (?P<rest>.+)$",
        "nul ne peut dire ce que {site} peut encore accueillir : {rest}",
    ),
    (
        rf"^nobody can say what (?P<site>{_N}) can still take, so (?P<name>{_N}) cannot go there$",
        "nul ne peut dire ce que {site} peut encore accueillir, {name} ne peut donc pas y aller",
    ),
    (
        rf"^(?P<name>{_N}) is being changed by (?P<rest_kind>{_N}) of (?P<what>{_N}) \(run (?P<run>{_N})(?:, .+)?\)$",
        "{name} est déjà en cours de modification : {rest_kind} de {what} (exécution {run})",
    ),
    (
        r"^one card takes (?P<count>\d+) platforms, ask for it on another$",
        "une carte porte {count} plateformes : la demander sur une autre",
    ),
    (
        r"^of those who decide about .+ only (?P<count>\d+) decide about all of them, and (?P<need>\d+) are needed$",
        "trop peu de personnes décident pour toutes : {count}, il en faut {need}",
    ),
    (
        r"^no rule says who may approve (?P<what>\S+) on (?P<name>\S+), so nobody may$",
        "aucune règle ne dit qui approuve {what} sur {name} : personne ne le peut",
    ),
    (r"^it could not be looked at, by a defect of vigie$", "impossible à examiner, par un défaut de vigie"),
    (rf"^(?P<name>{_N}) has no recovery plan(?:, so it is not moved anywhere)?$", "{name} n'a pas de plan de reprise"),
    (r"^Prefect has no platform '(?P<name>.+)'$", "plateforme inconnue : {name}"),
)
