"""What does a runbook say of its own deeds in French: what it will do, what it saw, how it ended?

The shapes of what steps, guards, outcomes and runs record in English; rulings.py retells by them. A group whose name
begins with `rest` is a sentence itself; `looked` lists the checks that are not well.
"""

from __future__ import annotations

_LIVES = {"app": "l'application", "machine": "la machine", "server": "le serveur", "instance": "l'instance"}
_ITEM = r"[\w./-]+"
_STATE = "ok|warning|critical|unknown"

DEEDS: tuple[tuple[str, str], ...] = (
    # -- what will be done, and may it begin
    *(
        (
            rf"^restart {what} (?P<name>{_ITEM}) \((?P<number>\d+) of (?P<all>\d+)\)$",
            f"redémarrer {french} {{name}} ({{number}} sur {{all}})",
        )
        for what, french in _LIVES.items()
    ),
    *((rf"^restart {what} (?P<name>{_ITEM})$", f"redémarrer {french} {{name}}") for what, french in _LIVES.items()),
    (rf"^replace instance (?P<name>{_ITEM}) of (?P<group>{_ITEM})$", "remplacer l'instance {name} de {group}"),
    (r"^ready$", "prêt"),
    (r"^(?P<rest>(?:restart|replace) .+) may begin$", "{rest} : rien ne s'y oppose"),
    # -- what was seen of it
    (
        rf"^(?P<name>{_ITEM}) is (?P<state>\w+), (?P<ready>\d+) of (?P<all>\d+) instances ready, (?P<count>\d+) processes$",  # noqa: E501
        "{name} est « {state} », instances prêtes : {ready} sur {all}, processus : {count}",
    ),
    (r"^started anew$", "démarré de nouveau"),
    (
        rf"^(?P<ready>\d+) of (?P<all>\d+) instances of (?P<name>{_ITEM}) in service and healthy, (?P<item>{_ITEM}) is gone$",  # noqa: E501
        "{name} : {ready} instances sur {all} en service et saines, {item} est partie",
    ),
    (
        rf"^server (?P<name>{_ITEM}) is (?P<state>\w+), power state (?P<power>\w+), rebooted since$",
        "le serveur {name} est « {state} » (alimentation {power}), redémarré depuis",
    ),
    # -- how the service was
    (
        r"^(?P<rest_done>.+)\. Before: (?P<rest_before>.+)\. After: (?P<rest_after>.+)\.$",
        "{rest_done}. Avant : {rest_before}. Après : {rest_after}.",
    ),
    (
        rf"^(?P<name>{_ITEM}) is (?P<rest>{_STATE}) \((?P<count>\d+) checks\)$",
        "{name} {rest} (contrôles : {count})",
    ),
    (rf"^(?P<name>{_ITEM}) is (?P<rest>{_STATE}): (?P<looked>.+)$", "{name} {rest} : {looked}"),
    # -- why a run is where it is
    (r"^waits for an approval$", "attend une approbation"),
    (r"^answered$", "une réponse est arrivée"),
    (r"^goes on$", "reprend"),
    (r"^goes on after (?P<state>\w+)$", "reprend"),
    (r"^stopped by (?P<who>[^\s:]+) before: (?P<rest>.+)$", "arrêté par {who} avant : {rest}"),
    (r"^nobody decided in time$", "personne n'a décidé à temps"),
    (r"^cancelled in Prefect$", "annulé dans Prefect"),
    (r"^it crashed again after (?P<count>\d+) automatic resumes$", "interrompu encore après {count} reprises"),
    (
        r"^its process is gone again after (?P<count>\d+) automatic resumes$",
        "le processus a encore disparu après {count} reprises",
    ),
    (
        r"^asked (?P<count>\d+) times, and each time the plan changed: (?P<rest>.+)$",
        "demandé {count} fois, et le plan a changé chaque fois : {rest}",
    ),
    (
        r"^the doors work: (?P<who>.+) answered through (?P<doors>.+) after (?P<count>\d+) s; nothing was changed$",
        "les portes fonctionnent : réponse de {who} par {doors} après {count} s ; rien n'a été changé",
    ),
)
