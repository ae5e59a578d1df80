"""What is done to a database server, and what was seen of it, in French: steps, looks, proofs that a step took effect?

The shapes of what blocks/postgres/ and the providers' changes record in English; rulings.py retells by them. A group
whose name begins with `rest` is a sentence itself, one whose name begins with `list` is several between commas.
"""

from __future__ import annotations

_N = r"[^\s:;,]+"
_MOMENT = r"[\d-]+ [\d:.]+ UTC"
_ROLES = "primary|standby|fenced|stopped|closed to writes"
_KINDS = "operation|client_token|generation|started_after|gone"

DATABASES: tuple[tuple[str, str], ...] = (
    # -- what is done to one server
    (rf"^fence (?P<name>{_N})$", "isoler {name}"),
    (rf"^drain (?P<name>{_N})$", "vider {name} de ses écritures"),
    (rf"^release (?P<name>{_N})$", "libérer {name}"),
    (rf"^promote (?P<name>{_N})$", "promouvoir {name}"),
    (rf"^open (?P<name>{_N}) to writes$", "ouvrir {name} aux écritures"),
    (rf"^let (?P<name>{_N}) stand alone$", "laisser {name} écrire sans attendre de copie"),
    (rf"^let (?P<name>{_N}) follow (?P<other>{_N})$", "remettre {name} à la suite de {other}"),
    (
        rf"^let each commit of (?P<name>{_N}) wait for (?P<other>{_N})$",
        "faire attendre {other} à chaque écriture de {name}",
    ),
    (
        rf"^let each commit of (?P<name>{_N}) wait for (?P<other>{_N}) while that follows$",
        "faire attendre {other} à chaque écriture de {name}, tant que {other} suit",
    ),
    (rf"^save what (?P<name>{_N}) acknowledged alone$", "garder ce que {name} a confirmé seul"),
    (
        rf"^bring (?P<name>{_N}) back to (?P<moment>{_MOMENT}), beside its data$",
        "restaurer {name} au {moment}, à côté de ses données",
    ),
    (
        rf"^let (?P<folder>\S+) take the place of the data of (?P<name>{_N})$",
        "mettre {folder} à la place des données de {name}",
    ),
    (rf"^copy (?P<name>{_N}) as (?P<copy>{_N})$", "copier {name} sous le nom {copy}"),
    (
        rf"^restore the newest backup of (?P<name>{_N}) as (?P<copy>{_N})$",
        "restaurer la dernière sauvegarde de {name} sous le nom {copy}",
    ),
    (rf"^halt (?P<copy>{_N}) and count what was written on it$", "arrêter {copy} et compter ce qui y a été écrit"),
    (rf"^remove (?P<copy>{_N})$", "supprimer {copy}"),
    # -- what was seen of it
    (r"^primary$", "primaire"),
    (r"^stopped$", "arrêté"),
    (r"^closed to writes$", "fermé aux écritures"),
    *(
        (
            rf"^(?P<name>{_N}) is (?P<rest_role>{_ROLES}) on timeline (?P<timeline>\d+){more}{why}$",
            f"{{name}} est {{rest_role}}, ligne de temps {{timeline}}{dit_more}{dit_why}",
        )
        for more, dit_more in (("", ""), (r", (?P<list_more>[^;()]+)", ", {list_more}"))
        for why, dit_why in (
            ("", ""),
            (r" \((?P<rest_why>[^()]+)\)", " ({rest_why})"),
            (r" \((?P<rest_why>[^()]+)\), (?P<list_seen>[^;()]+)", " ({rest_why}), {list_seen}"),
        )
    ),
    (rf"^(?P<name>{_N}) cannot be seen: (?P<why>.+)$", "{name} est invisible : {why}"),
    (rf"^step (?P<key>[0-9a-f]+) of run (?P<run>{_N})$", "étape {key} de l'exécution {run}"),
    (rf"^(?P<name>{_N}) (?P<count>\d+) bytes behind$", "{name} à {count} octets derrière"),
    (rf"^(?P<count>\d+) bytes behind (?P<name>{_N})$", "à {count} octets derrière {name}"),
    (r"^no standby streaming$", "aucune copie ne suit"),
    (rf"^not seen by (?P<name>{_N})$", "{name} ne le voit pas"),
    (r"^(?P<count>\d+) writing transactions$", "{count} transactions en écriture"),
    (r"^its host does not answer$", "son hôte ne répond pas"),
    (r"^waits for nobody(?: yet)?$", "n'attend personne"),
    (rf"^waits for (?P<name>{_N})$", "attend {name}"),
    (r"^waits for nobody, unused slots: none$", "n'attend personne, aucune réserve de journal inutile"),
    (
        r"^waits for (?P<name>[^;]+), unused slots: (?P<slots>[^;]+)$",
        "attend {name}, réserves de journal inutiles : {slots}",
    ),
    (
        r"^(?P<some>\d+) of (?P<all>\d+) sequences looked at, none behind its column$",
        "séquences regardées : {some} sur {all}, aucune en retard sur sa colonne",
    ),
    (
        r"^(?P<some>\d+) of (?P<all>\d+) sequences looked at, behind: (?P<told>.+)$",
        "séquences regardées : {some} sur {all}, en retard : {told}",
    ),
    (r"^the host has written the file and told its digest$", "l'hôte a écrit le fichier et en a dit l'empreinte"),
    (
        r"^(?P<rows>\d+) row changes beyond, saved in (?P<where>\S+)$",
        "{rows} modifications au-delà, gardées dans {where}",
    ),
    # -- what proves that it was done
    (rf"^(?P<rest>.+) \((?P<rest_kind>{_KINDS}) (?P<reference>[^()]+)\)$", "{rest} ({rest_kind} {reference})"),
    (r"^operation$", "opération"),
    (r"^client_token$", "demande"),
    (r"^generation$", "version"),
    (r"^started_after$", "démarré depuis"),
    (r"^gone$", "parti"),
    (
        r"^(?P<door>\S+) did \w+ as (?P<id>\S+): (?P<rest>.+)$",
        "ordre {id} accompli par {door} : {rest}",
    ),
    (r"^(?P<door>\S+) released it as (?P<id>\S+)$", "libéré par {door} sous {id}"),
    (
        rf"^(?P<name>{_N}) is stopped and stays so, on timeline (?P<timeline>\d+) at (?P<position>\S+)$",
        "{name} est arrêté et le reste, ligne de temps {timeline} à {position}",
    ),
    (rf"^(?P<name>{_N}) was not fenced$", "{name} n'était pas isolé"),
    (rf"^(?P<name>{_N}) is released and runs$", "{name} est libéré et tourne"),
    (rf"^(?P<name>{_N}) runs$", "{name} tourne"),
    (rf"^(?P<name>{_N}) is stopped$", "{name} est arrêté"),
    (
        rf"^each commit of (?P<name>{_N}) waits for (?P<other>{_N}) while that follows$",
        "chaque écriture de {name} attend {other}, tant que {other} suit",
    ),
    (rf"^unused slots of (?P<name>{_N}) dropped: none$", "{name} n'avait aucune réserve de journal inutile"),
    (
        rf"^unused slots of (?P<name>{_N}) dropped: (?P<slots>.+)$",
        "réserves de journal inutiles de {name} supprimées : {slots}",
    ),
    (
        r"^(?P<rows>\d+) row changes in (?P<commits>\d+) transactions lie beyond (?P<position>\S+) on timeline (?P<timeline>\d+)$",  # noqa: E501
        "{rows} modifications en {commits} transactions au-delà de {position}, ligne de temps {timeline}",
    ),
    (
        rf"^(?P<name>{_N}) left timeline (?P<before>\d+) for (?P<now>\d+)$",
        "{name} a quitté la ligne de temps {before} pour la {now}",
    ),
    (rf"^(?P<name>{_N}) waits for nobody$", "{name} n'attend personne"),
    (rf"^(?P<name>{_N}) waits for (?P<other>{_N})$", "{name} attend {other}"),
    (
        rf"^(?P<name>{_N}) leads to (?P<value>\S+) since serial (?P<now>\d+), it was (?P<before>\d+)$",
        "{name} mène à {value} depuis le numéro de série {now}, avant : {before}",
    ),
    (r"^(?P<rest>.+), and to (?P<before>.+) before$", "{rest} (avant : {before})"),
    (r"^(?P<rest>.+), and was (?P<before>\S+) before$", "{rest} (avant : {before})"),
    (
        r"^Azure's activity log has our request to (?P<rest>.+) \((?P<status>\w+)\)$",
        "le journal d'activité d'Azure contient notre demande : {rest} ({status})",
    ),
    (
        rf"^Nova lists (?P<action>\w+) of (?P<name>{_N}) as (?P<request>\S+)$",
        "Nova indique {action} de {name} : {request}",
    ),
    (
        rf"^credential (?P<name>{_N}) of (?P<site>{_N}) was there before and is not any more$",
        "le droit {name} de {site} était en place et ne l'est plus",
    ),
    (
        rf"^credential (?P<name>{_N}) of (?P<site>{_N}) was not there before and is again$",
        "le droit {name} de {site} n'était plus en place et l'est de nouveau",
    ),
    (
        r"^Prefect runs (?P<name>\S+) as (?P<run>\S+), under the key of this step$",
        "Prefect exécute {name} : {run}, sous la clé de cette étape",
    ),
)
