"""What does a runbook say of its own deeds in French: what it will do, what it saw, how it ended?

The shapes of what steps, guards, outcomes and runs record in English; rulings.py retells by them. A group whose name
begins with `rest` is a sentence itself.
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
    (
        rf"^(?P<name>{_ITEM}) is (?P<power>PowerState/\w+|[\w ]+), (?P<state>ProvisioningState/\w+)$",
        "{name} est « {power} », {state}",
    ),
    (r"^started anew$", "démarré de nouveau"),
    (r"^nothing shows a restart yet$", "rien ne montre encore un redémarrage"),
    (r"^accepted, but what ran before still runs$", "accepté, mais ce qui tournait avant tourne encore"),
    (rf"^(?P<item>{_ITEM}) was not terminated yet$", "{item} n'est pas encore arrêtée"),
    (
        rf"^(?P<ready>\d+) of (?P<all>\d+) instances of (?P<name>{_ITEM}) in service and healthy, (?P<item>{_ITEM}) is gone$",  # noqa: E501
        "{name} : {ready} instances sur {all} en service et saines, {item} est partie",
    ),
    (
        rf"^(?P<ready>\d+) of (?P<all>\d+) instances of (?P<name>{_ITEM}) in service and healthy without it$",
        "{name} : {ready} instances sur {all} en service et saines sans elle",
    ),
    (
        rf"^(?P<ready>\d+) of (?P<all>\d+) instances of (?P<name>{_ITEM}) in service and healthy, (?P<item>{_ITEM}) is (?P<state>\S+)$",  # noqa: E501
        "{name} : {ready} instances sur {all} en service et saines, {item} est « {state} »",
    ),
    (
        rf"^server (?P<name>{_ITEM}) is (?P<state>\w+) and was not rebooted yet$",
        "le serveur {name} est « {state} », pas encore redémarré",
    ),
    (
        rf"^the reboot of server (?P<name>{_ITEM}) failed, it is (?P<state>\w+)$",
        "le redémarrage du serveur {name} a échoué, il est « {state} »",
    ),
    (r"^cannot be seen at the moment: (?P<rest>.+)$", "invisible en ce moment : {rest}"),
    (
        rf"^server (?P<name>{_ITEM}) is (?P<state>\w+), power state (?P<power>\w+), rebooted since(?:, \w+)?$",
        "le serveur {name} est « {state} » (alimentation {power}), redémarré depuis",
    ),
    # -- servers and names that a move changes
    (rf"^start server (?P<name>{_ITEM})$", "démarrer le serveur {name}"),
    (rf"^stop server (?P<name>{_ITEM})$", "arrêter le serveur {name}"),
    (rf"^resize server (?P<name>{_ITEM}) to (?P<size>{_ITEM})$", "passer le serveur {name} à la taille {size}"),
    (rf"^evacuate server (?P<name>{_ITEM})$", "reconstruire le serveur {name} sur un autre hôte"),
    (
        rf"^lead (?P<name>{_ITEM}) to (?P<site>{_ITEM}) \((?P<value>\S+)\)$",
        "faire mener {name} vers {site} ({value})",
    ),
    (r"^(?P<rest>(?:start|stop|resize|evacuate|lead) .+) may begin$", "{rest} : rien ne s'y oppose"),
    *(
        (
            rf"^server (?P<name>{_ITEM}) is (?P<state>\w+){task}, power state (?P<power>\d+), size (?P<size>{_ITEM}){host}$",  # noqa: E501
            f"le serveur {{name}} est « {{state}} »{dit_task}, alimentation {{power}}, taille {{size}}{dit_host}",
        )
        for task, dit_task in (("", ""), (r" \((?P<task>[\w-]+)\)", " ({task})"))
        for host, dit_host in (("", ""), (r", its host is (?P<host>\w+)", ", son hôte est « {host} »"))
    ),
    (r"^Nova says that (?P<action>\w+) failed$", "selon Nova, {action} a échoué"),
    (
        rf"^(?P<name>{_ITEM}) leads to (?P<value>.+), time to live (?P<count>\d+) s$",
        "{name} mène à {value}, durée de vie {count} s",
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
    (rf"^(?P<name>{_ITEM}) is (?P<rest_state>{_STATE}): (?P<rest>.+)$", "{name} {rest_state} : {rest}"),
    (
        rf"^(?P<name>{_ITEM}) was restarted, and (?P<span>[\d:]+) later it is still not well: (?P<rest>.+)$",
        "{name} a été redémarré, et {span} plus tard ne va toujours pas bien : {rest}",
    ),
    (
        r"^the restart did not mend it: look at its incident; a retry of this run only looks again\.?$",
        "le redémarrage n'a pas suffi : voir son incident ; réessayer ne fait que regarder de nouveau",
    ),
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
