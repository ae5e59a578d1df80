"""What does a sentence about what was done say in French: a restart, a look before and after, where a run stands?

Patterns and their French, for rulings.py. A group whose name begins with `rest` is retold itself; states are in
the provider's own words, which its console shows too.
"""

from __future__ import annotations

import re

_NAME = r"[\w./:-]+"
DOINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), french)
    for pattern, french in (
        # -- the whole report, and errors with their next step
        (
            r"^(?P<rest_done>.+)\. Before: (?P<rest_before>.+)\. After: (?P<rest_after>.+)\.$",
            "{rest_done}. Avant : {rest_before}. Après : {rest_after}.",
        ),
        (r"^(?P<rest>.+)\. Next: (?P<rest_next>.+?)\.?$", "{rest}. Ensuite : {rest_next}."),
        # -- what is to be done
        (rf"^restart app (?P<name>{_NAME})$", "redémarrer l'application {name}"),
        (rf"^restart machine (?P<name>{_NAME})$", "redémarrer la machine {name}"),
        (rf"^restart server (?P<name>{_NAME})$", "redémarrer le serveur {name}"),
        (
            rf"^restart instance (?P<name>{_NAME}) \((?P<number>\d+) of (?P<all>\d+)\)$",
            "redémarrer l'instance {name} ({number} sur {all})",
        ),
        (rf"^replace instance (?P<name>{_NAME}) of (?P<group>{_NAME})$", "remplacer l'instance {name} de {group}"),
        (r"^ready$", "prêt"),
        (r"^(?P<rest>.+) may begin$", "{rest} peut commencer"),
        # -- what was seen of it
        (
            rf"^(?P<name>{_NAME}) is (?P<state>\w+), (?P<ready>\d+) of (?P<all>\d+) instances ready, (?P<count>\d+) processes$",  # noqa: E501
            "{name} : {state}, {ready} instances prêtes sur {all}, {count} processus",
        ),
        (
            rf"^(?P<name>{_NAME}) is (?P<power>PowerState/\w+|[\w ]+), (?P<state>ProvisioningState/\w+)$",
            "{name} : {power}, {state}",
        ),
        (r"^started anew$", "redémarrage fait"),
        (r"^nothing shows a restart yet$", "rien ne montre encore un redémarrage"),
        (r"^accepted, but what ran before still runs$", "accepté, mais ce qui tournait avant tourne encore"),
        (
            rf"^(?P<rest>\d+ of \d+ instances of {_NAME} in service and healthy), (?P<name>{_NAME}) is gone$",
            "{rest}, {name} n'y est plus",
        ),
        (
            rf"^(?P<rest>\d+ of \d+ instances of {_NAME} in service and healthy), (?P<name>{_NAME}) is (?P<state>\S+)$",
            "{rest}, {name} est {state}",
        ),
        (
            rf"^(?P<count>\d+) of (?P<all>\d+) instances of (?P<group>{_NAME}) in service and healthy( without it)?$",
            "{count} instances de {group} sur {all} en service et saines",
        ),
        (rf"^(?P<name>{_NAME}) was not terminated yet$", "{name} n'est pas encore arrêtée"),
        (
            rf"^server (?P<name>{_NAME}) is (?P<state>\w+), power state (?P<power>\d+), rebooted since(, \w+)?$",
            "serveur {name} : {state}, alimentation {power}, redémarré depuis",
        ),
        (
            rf"^server (?P<name>{_NAME}) is (?P<state>\w+) and was not rebooted yet$",
            "serveur {name} : {state}, pas encore redémarré",
        ),
        (
            rf"^the reboot of server (?P<name>{_NAME}) failed, it is (?P<state>\w+)$",
            "le redémarrage du serveur {name} a échoué, il est {state}",
        ),
        (r"^cannot be seen at the moment: (?P<rest>.+)$", "invisible en ce moment : {rest}"),
        # -- how a service was by its own checks
        (
            rf"^(?P<name>{_NAME}) is (?P<rest_state>ok|warning|critical|unknown) \((?P<count>\d+) checks\)$",
            "{name} : {rest_state} ({count} contrôles)",
        ),
        (
            rf"^(?P<name>{_NAME}) is (?P<rest_state>ok|warning|critical|unknown): (?P<rest>.+)$",
            "{name} : {rest_state}, {rest}",
        ),
        (
            rf"^(?P<name>{_NAME}) was restarted, and (?P<span>[\d:]+) later it is still not well: (?P<rest>.+)$",
            "{name} a été redémarré et {span} plus tard ne va toujours pas bien : {rest}",
        ),
        (
            r"^the restart did not mend it: look at its incident; a retry of this run only looks again$",
            "le redémarrage n'a pas suffi : voir son incident ; réessayer ne fait que regarder de nouveau",
        ),
        # -- where a run stands
        (r"^waits for an approval$", "attend une approbation"),
        (r"^answered$", "une réponse est arrivée"),
        (r"^nobody decided in time$", "personne n'a décidé à temps"),
        (r"^goes on after waiting$", "repart après l'approbation"),
        (r"^goes on after (?P<state>\w+)$", "repart ({state})"),
        (rf"^stopped by (?P<name>{_NAME}) before: (?P<rest>.+)$", "arrêté par {name} avant : {rest}"),
        (
            r"^(?P<rest>.+) again after (?P<count>\d+) automatic resumes$",
            "{rest}, malgré {count} reprises automatiques",
        ),
        (r"^it crashed$", "le processus a disparu"),
        (r"^its process is gone$", "le processus a disparu"),
        (r"^it never began$", "le processus n'a jamais commencé"),
        (
            rf"^(?P<name>{_NAME}) is being changed by (?P<what>.+)$",
            "{name} est déjà en cours de modification par {what}",
        ),
    )
)
