"""What does a move to another site say in French: its steps, what may be lost, who confirms a fence, why not?

The shapes of what tasks/recovery/ records in English; rulings.py retells by them. A group whose name begins with `rest`
is a sentence itself, one whose name begins with `list` is several between commas.
"""

from __future__ import annotations

from blocks.slack.credential_deeds import CREDENTIALS
from blocks.slack.together_deeds import TOGETHER

_N = r"[^\s:;,]+"
_ROWS, _SPAN = r"[\d.]+", r"[\w.]+"
_MOMENT = r"[\d-]+ [\d:.]+ UTC"
_VERBS = {
    "fence-database": "isoler la base",
    "drain-database": "vider la base",
    "release-database": "libérer la base",
    "promote-database": "promouvoir la base",
    "restore-database": "remettre à un instant la base",
    "adopt-restored": "mettre en place la base restaurée",
    "open-database": "ouvrir aux écritures la base",
    "stand-alone": "laisser seule la base",
    "follow-database": "remettre à la suite la base",
    "protect-database": "protéger la base",
    "protect-while-followed": "protéger, tant que sa copie suit, la base",
    "save-beyond": "garder les lignes de",
    "stop-worker": "arrêter la tâche",
    "stop-service": "arrêter",
    "stop-machine": "éteindre",
    "revoke-credential": "retirer le droit",
    "grant-credential": "rendre le droit",
    "shift-traffic": "détourner le trafic",
    "close-traffic": "fermer le trafic",
}
_STEPS = {
    "fence": "isoler {name} à {site}",
    "drain": "vider {name} de ses écritures à {site}",
    "release": "libérer {name} à {site}",
    "promote": "promouvoir {name} à {site}",
    "count and save what only": "compter et garder ce que seul {name} possède à {site}",
    "verify": "vérifier {name} à {site}",
    "stop worker": "arrêter la tâche {name} à {site}",
    "start worker": "démarrer la tâche {name} à {site}",
    "stop": "arrêter {name} à {site}",
    "start": "démarrer {name} à {site}",
    "recycle": "renouveler {name} à {site}",
    "switch off": "éteindre {name} à {site}",
    "switch on": "allumer {name} à {site}",
    "prove": "prouver {name} à {site}",
}

MOVES: tuple[tuple[str, str], ...] = (
    # -- what is measured, and where clients are sent
    (r"^rows$", "lignes"),
    (r"^sends (?P<rest>\d+ % to .+)$", "envoie {rest}"),
    (rf"^(?P<share>\d+ %) to (?P<site>{_N})$", "{share} vers {site}"),
    (rf"^(?P<share>\d+ %) to (?P<site>{_N}), (?P<rest>\d+ % to .+)$", "{share} vers {site}, {rest}"),
    # -- what else one could do
    (
        r"^a dead primary is left by a failover: (?P<what>.+)$",
        "un primaire mort appelle une bascule d'urgence : {what}",
    ),
    (
        r"^start a switchover, which loses nothing: (?P<what>.+)$",
        "lancer une bascule planifiée, qui ne perd rien : {what}",
    ),
    (
        rf"^a (?P<rest_kind>{_N}) to (?P<site>{_N}) is not over \((?P<what>vigie runs show \w+)\): see it through$",
        "{rest_kind} vers {site} : pas encore terminé ({what}), à mener à son terme",
    ),
    (
        rf"^(?P<name>{_N}) runs in (?P<site>{_N}) already \((?P<rest_kind>{_N}) (?P<what>\w+)\): served there, nothing is to be done$",  # noqa: E501
        "{name} est déjà à {site} ({rest_kind} {what}) : si les clients y sont servis, rien à faire",
    ),
    (
        r"^a promotion needs a standby: mend it, or restore a backup to a point in time$",
        "une promotion demande une copie : la réparer, ou restaurer une sauvegarde à un instant",
    ),
    (
        rf"^(?P<name>{_N}) is active in (?P<site>{_N}): there is nothing to bring home$",
        "{name} est active à {site} : rien à ramener",
    ),
    (r"^to move it away start a switchover$", "pour la déplacer, lancer une bascule planifiée"),
    # -- the steps of a plan
    (rf"^count and save what only (?P<name>{_N}) in (?P<site>{_N}) has$", _STEPS["count and save what only"]),
    (r"^prove (?P<name>\S+) in (?P<site>\S+)$", _STEPS["prove"]),
    *(
        (rf"^{verb} (?P<name>{_N}) in (?P<site>{_N})$", french)
        for verb, french in _STEPS.items()
        if verb not in {"prove", "count and save what only"}
    ),
    (rf"^open (?P<name>{_N}) in (?P<site>{_N}) to writes$", "ouvrir {name} à {site} aux écritures"),
    (
        rf"^restore (?P<name>{_N}) in (?P<site>{_N}) as of (?P<moment>{_MOMENT}), beside its data$",
        "restaurer {name} à {site} au {moment}, à côté de ses données",
    ),
    (
        rf"^let (?P<name>{_N}) in (?P<site>{_N}) be as of (?P<moment>{_MOMENT}), closed; what was there is kept$",
        "remettre {name} à {site} au {moment}, fermé aux écritures ; ce qui y était est gardé",
    ),
    (rf"^let (?P<name>{_N}) in (?P<site>{_N}) stand alone$", "laisser {name} à {site} écrire sans attendre de copie"),
    (rf"^let (?P<name>{_N}) in (?P<site>{_N}) follow$", "remettre {name} à {site} à la suite de l'autre site"),
    (
        rf"^let each commit of (?P<name>{_N}) in (?P<site>{_N}) wait for its standby$",
        "faire attendre la copie à chaque écriture de {name} à {site}",
    ),
    (
        rf"^let each commit of (?P<name>{_N}) in (?P<site>{_N}) wait for its standby while that follows$",
        "faire attendre la copie à chaque écriture de {name} à {site}, tant qu'elle suit",
    ),
    (rf"^resize (?P<name>{_N}) in (?P<site>{_N}) to (?P<size>\S+)$", "passer {name} à {site} en {size}"),
    (rf"^send (?P<share>\d+) % of (?P<name>{_N}) to (?P<site>{_N})$", "envoyer {share} % de {name} vers {site}"),
    (rf"^send nobody of (?P<name>{_N}) to (?P<site>{_N}) any more$", "n'envoyer plus personne de {name} vers {site}"),
    # -- the plan's own steps: what a person wrote goes through as it came
    (r"^ask a person: (?P<text>.+)$", "demander à quelqu'un : {text}"),
    (
        r"^(?P<text>.+): (?P<method>[A-Z]+) (?P<url>\S+) answers (?P<status>[\d/]+) \[(?P<mark>[0-9a-f]{8})\]$",
        "{text} : {method} {url} répond {status} [{mark}]",
    ),
    (
        r"^(?P<text>.+): run (?P<name>\S+/\S+)(?: with (?P<given>.+))? \[(?P<mark>[0-9a-f]{8})\]$",
        "{text} : lancer {name} [{mark}] {given}",
    ),
    (rf"^step (?P<name>{_N})$", "étape {name}"),
    (r"^can be done$", "faisable"),
    (r"^nobody could look whether it can be done$", "personne n'a pu voir si c'est faisable"),
    (r"^Prefect has no deployment (?P<name>\S+)$", "Prefect n'a pas de déploiement {name}"),
    (
        r"^(?P<name>\S+) asks for an approval of its own and may change a platform: it is no step of another move$",
        "{name} demande sa propre approbation et peut changer une plateforme : ce n'est pas une étape d'une bascule",
    ),
    (r"^(?P<name>\S+) has no parameter (?P<given>.+)$", "{name} n'a pas de paramètre {given}"),
    (r"^(?P<name>\S+) cannot be started without (?P<given>.+)$", "{name} ne peut être lancé sans {given}"),
    (r"^waits for a person: (?P<text>.+)$", "attend quelqu'un : {text}"),
    (rf"^(?P<who>{_N}) says no: (?P<text>.+)$", "{who} dit non : {text}"),
    (rf"^(?P<who>{_N}) says no$", "{who} dit non"),
    (r"^nobody answered in time: (?P<text>.+)$", "personne n'a répondu à temps : {text}"),
    (r"^nobody answered in time$", "personne n'a répondu à temps"),
    (r"^(?P<who>.+) said that it is done$", "{who} dit que c'est fait"),
    (
        r"^(?P<who>.+) said that it is done; it cannot be read back$",
        "{who} dit que c'est fait ; cela ne peut être relu",
    ),
    (r"^(?P<url>https?://\S+) answered as expected in (?P<ms>\d+) ms$", "{url} a répondu comme prévu en {ms} ms"),
    (r"^run (?P<run>\S+) of (?P<name>\S+) ended well$", "l'exécution {run} de {name} s'est bien terminée"),
    (
        r"^run (?P<run>\S+) of (?P<name>\S+) ended as (?P<state>\w+)(?:: (?P<why>.+))?$",
        "l'exécution {run} de {name} s'est terminée « {state} » {why}",
    ),
    # -- fences, by item, and who confirms them
    *(
        (rf"^(?P<platform>{_N}/)?{verb}:(?P<name>{_N}):(?P<site>{_N})$", f"{{platform}}{french} {{name}} à {{site}}")
        for verb, french in _VERBS.items()
    ),
    (r"^confirmed by its host$", "confirmé par son hôte"),
    (r"^confirmed by its provider$", "confirmé par son fournisseur"),
    (r"^confirmed by the switch$", "confirmé par l'aiguillage"),
    (
        rf"^confirmed by its provider, which switches off (?P<name>{_N})$",
        "confirmé par son fournisseur, qui éteint {name}",
    ),
    (r"^NOT confirmed: nothing there answers us$", "NON confirmé : rien n'y répond"),
    (r"^active$", "actif"),
    (r"^standby$", "en secours"),
    (r"^fenced$", "isolé"),
    (r"^fenced, not confirmed$", "isolé, sans confirmation"),
    # -- what may be lost
    (rf"^rows of (?P<name>{_N}) that may be lost$", "lignes de {name} qui peuvent être perdues"),
    (rf"^seconds of (?P<name>{_N}) that may be lost$", "secondes de {name} qui peuvent être perdues"),
    (rf"^rows that only (?P<name>{_N}) in (?P<site>{_N}) has$", "lignes que seul {name} à {site} possède"),
    # -- going back to a moment
    (rf"^rows of (?P<name>{_N}) that are left behind$", "lignes de {name} laissées derrière"),
    (rf"^seconds of (?P<name>{_N}) that are left behind$", "secondes de {name} laissées derrière"),
    (
        rf"^at most (?P<rows>{_ROWS}) rows or (?P<seconds>{_ROWS}) s of (?P<name>{_N}) were written after (?P<moment>{_MOMENT}) and will not be served$",  # noqa: E501
        "au plus {rows} lignes ou {seconds} s de {name} ont été écrites après le {moment} et ne seront pas servies",
    ),
    (
        rf"^what is left behind of (?P<name>{_N}) is kept: in (?P<site>{_N}) as a whole folder, in (?P<other>{_N}) row by row$",  # noqa: E501
        "ce qui est laissé derrière de {name} est gardé : dossier entier à {site}, ligne par ligne à {other}",
    ),
    (rf"^(?P<name>{_N}) can go back$", "{name} peut revenir en arrière"),
    (
        rf"^(?P<moment>{_MOMENT}) is reached from (?P<backup>\S+) of (?P<made>{_MOMENT}), with log until (?P<held>{_MOMENT})$",  # noqa: E501
        "le {moment} s'atteint depuis {backup} du {made}, avec le journal jusqu'au {held}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) cannot go back: (?P<rest>.+)$",
        "{name} à {site} ne peut pas revenir en arrière : {rest}",
    ),
    (
        rf"^(?P<moment>{_MOMENT}) is in the future: it is (?P<now>{_MOMENT})(?P<rest>.*)$",
        "le {moment} est dans le futur : il est {now}{rest}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) holds nothing after (?P<held>{_MOMENT}), so (?P<moment>{_MOMENT}) cannot be reached(?P<rest>.*)$",  # noqa: E501
        "{name} à {site} n'a rien après le {held} : le {moment} est hors d'atteinte{rest}",
    ),
    (
        r"^none of (?P<count>\d+) base backups had ended by (?P<at>\S+)$",
        "aucune des {count} sauvegardes n'existait au {at}",
    ),
    (r"^point-in-time-restore$", "retour à un instant"),
    (rf"^loss of (?P<name>{_N})$", "perte de {name}"),
    (
        rf"^(?P<rest>(?:at most|\S+ loses nothing:) .+); approved are (?P<rows>{_ROWS}) rows and (?P<span>{_SPAN})$",
        "{rest} ; admis : {rows} lignes et {span}",
    ),
    (r"^(?P<rest>nobody knows .+); accepted unseen$", "{rest} ; accepté sans le voir"),
    (
        rf"^at most (?P<rows>{_ROWS}) rows or (?P<seconds>{_ROWS}) s of (?P<name>{_N}) may be lost \(heartbeat (?P<one>\d+) of (?P<all>\d+), (?P<pace>\S+) rows/s\)$",  # noqa: E501
        "au plus {rows} lignes ou {seconds} s de {name} peuvent être perdues (battement {one} sur {all}, {pace} lignes/s)",  # noqa: E501
    ),
    (
        rf"^at most (?P<rows>{_ROWS}) rows or (?P<seconds>{_ROWS}) s of (?P<name>{_N}) may be lost \(newest heartbeat (?P<at>\S+), last write by (?P<by>\S+) UTC, (?P<pace>\S+) rows/s\)$",  # noqa: E501
        "au plus {rows} lignes ou {seconds} s de {name} peuvent être perdues (dernier battement à {at}, dernière écriture au plus tard à {by} UTC, {pace} lignes/s)",  # noqa: E501
    ),
    (
        rf"^(?P<name>{_N}) loses nothing: each commit waited for (?P<who>\S+), seen at (?P<at>\S+) UTC by (?P<rest_by>[\w ]+); whether somebody lifted that by hand since is not known$",  # noqa: E501
        "{name} ne perd rien : chaque écriture attendait {who}, vu à {at} UTC ({rest_by}) ; nul ne sait si quelqu'un l'a levé à la main depuis",  # noqa: E501
    ),
    (r"^readiness$", "contrôle de préparation"),
    (r"^this look$", "ce regard"),
    (
        rf"^nobody knows how much of (?P<name>{_N}) may be lost: its standby shows no heartbeat$",
        "nul ne sait combien de {name} peut être perdu : sa copie ne montre aucun battement",
    ),
    (
        rf"^(?P<name>{_N}) cannot promise zero loss: it follows some seconds behind$",
        "{name} ne peut pas promettre zéro perte : sa copie a quelques secondes de retard",
    ),
    (
        rf"^whoever asked accepts to lose up to (?P<rows>{_ROWS}) rows and (?P<span>{_SPAN}) of (?P<name>{_N})$",
        "le demandeur accepte de perdre jusqu'à {rows} lignes et {span} de {name}",
    ),
    (
        r"^(?P<rows>-?\d+) is no number of rows that one could accept to lose$",
        "{rows} : ce n'est pas un nombre de lignes que l'on puisse accepter de perdre",
    ),
    (
        r"^write 1 to (?P<most>\d+); 0 is what the plan allows$",
        "écrire de 1 à {most} ; 0 : ce que le plan admet",
    ),
    (
        r"^'(?P<span>.*)' is no time that one could accept to lose$",
        "« {span} » : ce n'est pas une durée que l'on puisse accepter de perdre",
    ),
    (
        r"^write it with its unit, such as 10min, up to (?P<most>\S+); empty is what the plan allows$",
        "l'écrire avec son unité, comme 10min, au plus {most} ; vide : ce que le plan admet",
    ),
    (
        r"^accept rows and time by name \(accept_rows, accept_time of the failover\), or find another copy$",
        "accepter des lignes et une durée (accept_rows et accept_time de la bascule), ou trouver une autre copie",
    ),
    (rf"^(?P<name>{_N}) has nothing in (?P<site>{_N}): (?P<meanwhile>.+)$", "{name} n'a rien à {site} : {meanwhile}"),
    (
        rf"^the (?P<rest_kind>{_N}) to (?P<site>{_N}) is not committed yet$",
        "{rest_kind} vers {site} : pas encore validé",
    ),
    (r"^switchover$", "bascule planifiée"),
    (r"^failover$", "bascule d'urgence"),
    (r"^failback$", "retour"),
    (rf"^(?P<name>{_N}) runs as (?P<size>\S+) in (?P<site>{_N})$", "{name} tourne en {size} à {site}"),
    # -- why it may begin
    (r"^the old site$", "l'ancien site"),
    (rf"^(?P<name>{_N}) follows$", "{name} suit"),
    (rf"^(?P<name>{_N}) in (?P<site>{_N}) is (?P<seconds>\d+) s behind$", "{name} à {site} a {seconds} s de retard"),
    (rf"^capacity of (?P<site>{_N})$", "capacité de {site}"),
    (rf"^traffic (?P<name>{_N})$", "trafic {name}"),
    (rf"^the way home of (?P<name>{_N})$", "le retour de {name}"),
    (
        r"^does not say where clients are sent now, so it could not be moved$",
        "ne dit pas où vont les clients : inutilisable",
    ),
    (
        rf"^(?P<site>{_N}) is gone, seen from (?P<list>[^;]+)$",
        "{site} a disparu, vu depuis {list}",
    ),
    (
        rf"^(?P<site>{_N}) is gone for (?P<list>.+) only, (?P<count>\d+) vantage points must agree(?:; (?P<rest_cut>.+))?$",  # noqa: E501
        "{site} n'a disparu que pour {list}, il faut l'accord de {count} points de vue ({rest_cut})",
    ),
    (
        rf"^(?P<site>{_N}) is still seen by (?P<list>[^(]+) \((?P<rest_how>.+?)\)(?:; (?P<rest_cut>.+))?$",
        "{site} est encore vu par {list} : {rest_how} ({rest_cut})",
    ),
    (
        r"^(?P<list>.+) sees nothing else either: its own network may be what is down$",
        "{list} ne voit rien d'autre non plus : son propre réseau est peut-être en panne",
    ),
    (r"^the database host (?P<address>\S+)$", "l'hôte de base {address}"),
    (r"^the worker$", "le worker"),
    (r"^one place \(supposed\)$", "un lieu (supposé)"),
    (r"^another place \(supposed\)$", "un autre lieu (supposé)"),
    (
        rf"^(?P<here>\d+) of (?P<all>\d+) addresses of (?P<site>{_N}) answer (?P<rest>[^,]+), and (?P<there>\d+)(?: of \d+)? elsewhere$",  # noqa: E501
        "{here} adresses sur {all} de {site} répondent ({rest}), et {there} ailleurs",
    ),
    (rf"^(?P<name>{_N}) in (?P<site>{_N}) follows (?P<other>{_N})$", "{name} à {site} suit {other}"),
    (
        rf"^each commit of (?P<name>{_N}) in (?P<site>{_N}) waits for its standby while that follows$",
        "chaque écriture de {name} à {site} attend sa copie, tant qu'elle suit",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) has a history of its own and is made to follow (?P<other>{_N}) first$",
        "{name} à {site} a sa propre histoire et est d'abord remis à la suite de {other}",
    ),
    (
        rf"^(?P<name>{_N}) was never promoted in (?P<other>{_N}) and is released in (?P<site>{_N})$",
        "{name} n'a jamais été promu à {other} et est libéré à {site}",
    ),
    (
        rf"^(?P<name>{_N}) was promoted in (?P<site>{_N}) already and is opened there once it was verified$",
        "{name} est déjà promu à {site} et y sera ouvert aux écritures une fois vérifié",
    ),
    (rf"^(?P<name>{_N}) takes writes in (?P<site>{_N}) already$", "{name} accepte déjà les écritures à {site}"),
    (
        r"^(?P<name>[a-z0-9-]+): (?P<rest>(?:whatever only|\d+ rows that only|\S+ has no row) .+)$",
        "{name} : {rest}",
    ),
    (
        rf"^whatever only (?P<site>{_N}) has is counted, saved as evidence and not merged$",
        "ce que seul {site} possède est compté, gardé comme preuve, et pas fusionné",
    ),
    (
        rf"^(?P<rows>\d+) rows that only (?P<site>{_N}) has are saved as evidence and not merged$",
        "{rows} lignes que seul {site} possède sont gardées comme preuve, et pas fusionnées",
    ),
    (rf"^(?P<site>{_N}) has no row of its own$", "{site} n'a aucune ligne à lui seul"),
    # -- why it may not
    (
        rf"^(?P<names>.+) lives in (?P<site>{_N}) and is followed in (?P<other>{_N})(?P<rest>.*)$",
        "{names} vit à {site} et est suivi à {other}{rest}",
    ),
    (
        rf"^(?P<names>.+) in (?P<site>{_N}) does not answer, but that is no proof: (?P<rest>.+)$",
        "{names} à {site} ne répond pas, mais ce n'est pas une preuve : {rest}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) takes no writes: (?P<rest>.+)$",
        "{name} à {site} n'accepte pas d'écriture : {rest}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) does not follow (?P<other>{_N}): (?P<rest>.+)$",
        "{name} à {site} ne suit pas {other} : {rest}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) is (?P<late>.+) behind, over the rpo of (?P<rpo>{_SPAN})(?P<rest>.*)$",
        "{name} à {site} a un retard de {late}, au-delà du RPO de {rpo}{rest}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) cannot take over: (?P<rest>.+)$",
        "{name} à {site} ne peut pas prendre le relais : {rest}",
    ),
    (
        rf"^(?P<site>{_N}) cannot take (?P<name>{_N}): (?P<rest>.+)$",
        "{site} ne peut pas accueillir {name} : {rest}",
    ),
    (
        r"^(?P<need>\d+) (?P<rest_what>cores?|MiB of memory|servers?) (?:is|are) needed and (?P<free>\d+) (?:is|are) free(?P<rest>.*)$",  # noqa: E501
        "il faut {need} ({rest_what}), {free} libres{rest}",
    ),
    (r"^cores?$", "cœurs"),
    (r"^MiB of memory$", "Mio de mémoire"),
    (r"^servers?$", "serveurs"),
    (r"^instance$", "instance"),
    (r"^instances$", "instances"),
    (r"^MiB$", "Mio"),
    (r"^(?P<count>\d+) (?P<rest>cores?|MiB|instances?)$", "{count} {rest}"),
    (r"^any number of (?P<rest>cores?|MiB|instances?)$", "{rest} sans limite"),
    # -- what a provider says of its room
    (rf"^the quota of (?P<site>{_N}) leaves (?P<list>[^;]+)$", "le quota de {site} laisse {list}"),
    (r"^its hosts are not shown to us$", "ses hôtes ne nous sont pas montrés"),
    (r"^(?P<up>\d+) of (?P<all>\d+) enabled hosts are up$", "hôtes en marche : {up} sur {all}"),
    (
        r"^quota is not capacity: whether they have room is not known$",
        "un quota n'est pas une réserve : nul ne sait s'ils ont la place",
    ),
    (
        r"^quota is not capacity: only a reservation promises room$",
        "un quota n'est pas une réserve : seule une réservation promet la place",
    ),
    (
        r"^(?P<taken>\d+) of (?P<limit>\d+) (?P<rest>cores|machines) of (?P<region>\S+) are used$",
        "{region}, {rest} : {taken} pris sur {limit}",
    ),
    (r"^machines$", "machines"),
    (r"^Azure names no limit of (?P<rest>cores|machines)$", "Azure ne donne aucune limite de {rest}"),
    (
        r"^it has no quota of memory, and tells neither room nor the quota of app service plans$",
        "il n'a pas de quota de mémoire, et ne dit ni la place ni le quota des plans App Service",
    ),
    (rf"^(?P<site>{_N}) is supposed to have room$", "{site} est supposé avoir la place"),
    (rf"^(?P<name>{_N}) is supposed to be gone$", "{name} est supposé disparu"),
    (
        r"^have the quota raised, or free what a platform of lower priority uses there$",
        "faire relever le quota, ou libérer ce qu'une plateforme moins prioritaire y utilise",
    ),
    (r"^look whether its provider answers, then plan again$", "voir si son fournisseur répond, puis refaire le plan"),
    (
        rf"^(?P<site>{_N}) is where (?P<name>{_N}) is active: it cannot take over from itself(?P<rest>.*)$",
        "{site} est le site actif de {name} : il ne peut pas se relayer lui-même{rest}",
    ),
    # -- clients who come back, and the window to commit
    (
        r"^at (?P<share>\d+) % (?P<bad>\d+) of (?P<all>\d+) requests failed \((?P<pct>\S+) %\), 95 % answered within (?P<ms>\d+) ms(?: against (?P<before>\d+) ms before)?(?:: over (?P<errors>\S+) % errors or (?P<times>\S+) times the latency)?$",  # noqa: E501
        "à {share} %, {bad} requêtes sur {all} ont échoué ({pct} %), 95 % ont répondu en {ms} ms",
    ),
    (
        r"^at (?P<share>\d+) % (?P<bad>\d+) of (?P<all>\d+) requests failed \((?P<pct>\S+) %\), 95 % answered within (?P<ms>\d+) ms(?: against (?P<before>\d+) ms before)?: over \S+ % errors or (?P<times>\S+) times the latency, still after (?P<for>\d+) s$",  # noqa: E501
        "à {share} %, {bad} requêtes sur {all} ont échoué ({pct} %), 95 % ont répondu en {ms} ms, toujours plus de {times} fois la latence après {for} s",  # noqa: E501
    ),
    (
        rf"^watch (?P<share>\d+) % of (?P<name>{_N}) in (?P<site>{_N}): (?P<count>\d+) requests for (?P<soak>\S+) within (?P<patience>\S+), stop over (?P<errors>\S+) % errors or (?P<times>\S+) times the latency, back over (?P<worse>\S+) % or (?P<more>\S+) times, from (?P<floor>\S+) ms$",  # noqa: E501
        "observer {share} % de {name} à {site} : {count} requêtes en {soak} (au plus {patience}), arrêt au-delà de {errors} % d'erreurs ou {times} fois la latence, retour en arrière au-delà de {worse} % ou {more} fois, à partir de {floor} ms",  # noqa: E501
    ),
    (
        r"^at (?P<share>\d+) % only (?P<count>\d+) requests of (?P<all>\d+) were seen(?: in (?P<seconds>\d+) s: nothing is proven)?$",  # noqa: E501
        "à {share} %, seules {count} requêtes sur {all} ont été vues : rien n'est prouvé",
    ),
    (
        r"^at (?P<share>\d+) % (?P<bad>\d+) of (?P<all>\d+) requests failed \((?P<pct>\S+) %\), 95 % answered within an unknown time(?: against (?P<before>\d+) ms before)?(?:: over (?P<errors>\S+) % errors or (?P<times>\S+) times the latency(?:, still after (?P<for>\d+) s)?)?$",  # noqa: E501
        "à {share} %, {bad} requêtes sur {all} ont échoué ({pct} %), en un temps inconnu",
    ),
    (
        r"^until it goes on nobody can write to (?P<names>.+)$",
        "personne ne peut écrire dans {names} tant que cela ne reprend pas",
    ),
    (
        rf"^nobody is sent to (?P<site>{_N}) yet: in (?P<patience>\S+) it did not answer clients of (?P<name>{_N}): (?P<rest>.+)$",  # noqa: E501
        "personne n'est encore envoyé à {site} : en {patience}, il n'a pas répondu aux clients de {name} : {rest}",
    ),
    (
        rf"^look at (?P<site>{_N}); a retry of this run asks again and goes on from there\.?$",
        "regarder {site} ; réessayer redemande et reprend de là",
    ),
    (
        rf"^clients do not return to (?P<site>{_N}) beyond (?P<share>\d+) % yet: (?P<rest>.+)$",
        "les clients ne reviennent pas encore à {site} au-delà de {share} % : {rest}",
    ),
    (
        rf"^look at (?P<site>{_N}) under load; a retry of this run watches anew and goes on from there\.?$",
        "regarder {site} sous charge ; réessayer observe de nouveau et reprend de là",
    ),
    (
        r"^(?P<rest>at .+); and clients could not be taken back to (?P<share>\d+) %: (?P<rest_why>.+)$",
        "{rest} ; et les clients n'ont pas pu être ramenés à {share} % : {rest_why}",
    ),
    (
        r"^take them back by hand now, or retry this run: that is the first thing it does\.?$",
        "les ramener à la main maintenant, ou réessayer : c'est la première chose qui sera faite",
    ),
    (
        rf"^nobody committed the (?P<rest_kind>{_N}) in time, and going back to (?P<site>{_N}) loses nothing$",
        "{rest_kind} : personne n'a validé à temps, et revenir à {site} ne perd rien",
    ),
    (
        rf"^going back to (?P<site>{_N}) by itself would not be lossless: (?P<rest>.+)$",
        "revenir tout seul à {site} perdrait quelque chose : {rest}",
    ),
    (rf"^(?P<name>{_N}) in (?P<site>{_N}) has rows of its own$", "{name} à {site} a des lignes à lui seul"),
    (rf"^(?P<name>{_N}) in (?P<site>{_N}) does not follow$", "{name} à {site} ne suit pas"),
    (
        rf"^the (?P<rest_kind>{_N}) to (?P<site>{_N}) waits for somebody to commit it$",
        "{rest_kind} vers {site} : en attente de validation",
    ),
    (
        rf"^slot (?P<slot>{_N}) of (?P<name>{_N}) is used by nobody and keeps the log until the disk is full$",
        "la réserve de journal {slot} de {name} ne sert à personne et remplit le disque",
    ),
    (
        rf"^(?P<name>{_N}) promises zero loss, and no commit waits for the other site$",
        "{name} promet zéro perte, et aucune écriture n'attend l'autre site",
    ),
    (
        rf"^what only (?P<site>{_N}) has of (?P<name>{_N}) was not counted$",
        "{name} : ce que seul {site} possède n'est pas compté",
    ),
    (
        rf"^(?P<rows>\d+) rows that only (?P<site>{_N}) has of (?P<name>{_N}) are not saved$",
        "{name} : {rows} lignes que seul {site} possède ne sont pas gardées",
    ),
    (
        rf"^the (?P<rest_kind>{_N}) of (?P<name>{_N}) to (?P<site>{_N}) does not go back by itself: (?P<rest>.+)$",
        "{rest_kind} de {name} vers {site} : pas de retour automatique, {rest}",
    ),
    # -- how it ended
    (
        rf"^(?P<name>{_N}) runs in (?P<site>{_N}) \(from (?P<origin>{_N})\)\. (?:Loss: )?(?P<rest_lost>.+)\. Clients: (?P<rest_seen>.*)\.$",  # noqa: E501
        "{name} tourne à {site} (depuis {origin}). Perte : {rest_lost}. Clients : {rest_seen}.",
    ),
    (r"^nothing$", "aucune"),
    (r"^nothing was lost$", "rien n'a été perdu"),
    (
        rf"^(?P<name>{_N}) lost nothing: it was drained in (?P<site>{_N}) until the other site had every byte$",
        "{name} n'a rien perdu : vidé à {site} jusqu'à ce que l'autre site ait chaque octet",
    ),
    (r"^it was not begun: (?P<rest>.+)$", "n'a pas commencé : {rest}"),
    (
        r"^nobody asked for it, and no move gave it its yes$",
        "personne ne l'a demandé, et aucune bascule ne l'a approuvé",
    ),
    (r"^run (?P<run>\S+) was started for it already$", "l'exécution {run} s'en charge déjà"),
    (r"^its rejoin is (?P<state>\w+): (?P<rest>.+)$", "sa remise en ordre est « {state} » : {rest}"),
    (r"^no reason was given$", "sans motif"),
    (rf"^(?P<site>{_N}) answers again$", "{site} répond de nouveau"),
    (rf"^(?P<name>{_N}) in (?P<site>{_N}) is fenced$", "{name} à {site} est isolé"),
    (rf"^(?P<name>{_N}) in (?P<site>{_N}) does not answer yet$", "{name} à {site} ne répond pas encore"),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) was never fenced: nothing there has answered$",
        "{name} à {site} n'a jamais été isolé : rien n'y a répondu",
    ),
    (
        rf"^no row change was acknowledged by (?P<name>{_N}) alone$",
        "aucune modification n'a été confirmée par {name} seul",
    ),
    (
        rf"^1 row change of (?P<seconds>{_ROWS}) s was acknowledged by (?P<name>{_N}) and by no other(?: \((?P<tables>[^()]+)\))?$",  # noqa: E501
        "1 modification de {seconds} s a été confirmée par {name} seul ({tables})",
    ),
    (
        r"^1 commit dropped or rewrote whole tables$",
        "1 transaction a supprimé ou réécrit des tables entières",
    ),
    (
        r"^(?P<count>\d+) commits dropped or rewrote whole tables(?: \((?P<tables>[^()]+)\))?$",
        "{count} transactions ont supprimé ou réécrit des tables entières ({tables})",
    ),
    (
        rf"^(?P<rows>\d+) row changes of (?P<seconds>{_ROWS}) s were acknowledged by (?P<name>{_N}) and by no other(?: \((?P<tables>[^()]+)\))?$",  # noqa: E501
        "{rows} modifications de {seconds} s ont été confirmées par {name} seul ({tables})",
    ),
    (
        rf"^(?P<rows>\d+) rows that only (?P<site>{_N}) has of (?P<name>{_N}) \((?P<tables>[^()]+)\)(?:, saved in (?P<where>\S+))?: (?P<most>\d+) were approved$",  # noqa: E501
        "{name} : {rows} lignes que seul {site} possède [{tables}], gardées dans {where} ; {most} étaient admises",
    ),
    (
        r"^they are kept and nothing was rewound; look at them, then start the failback: its card shows the number, and whoever approves it decides\.?$",  # noqa: E501
        "elles sont gardées et rien n'a été effacé ; les regarder, puis lancer le retour : sa carte montre le nombre, et qui l'approuve décide",  # noqa: E501
    ),
    (
        rf"^nothing that is left to do in (?P<site>{_N}) answers$",
        "rien de ce qui reste à faire à {site} ne répond",
    ),
    (
        rf"^(?P<site>{_N}), which the (?P<rest_kind>{_N}) of (?P<name>{_N}) left, does not rejoin by itself: (?P<rest>.+)$",  # noqa: E501
        "{site}, quitté par {rest_kind} de {name}, n'est pas remis en ordre tout seul : {rest}",
    ),
    (r"^nothing that is left to do answers$", "rien de ce qui reste à faire ne répond"),
    (r"^its way back is (?P<state>\w+): (?P<rest>.+)$", "son retour est « {state} » : {rest}"),
    (r"^something could be lost on the way$", "quelque chose pourrait s'y perdre"),
    (r"^it is committed$", "elle est validée"),
    (r"^it can still be committed$", "elle peut encore être validée"),
    (rf"^(?P<name>{_N}) was moved since$", "{name} a été déplacée depuis"),
    (r"^nobody approved that it goes back by itself$", "personne n'a approuvé un retour automatique"),
    (
        rf"^as approved with the (?P<rest_kind>{_N}) of run (?P<run>\w+): (?P<rest>.+)$",
        "comme approuvé avec l'exécution {run} ({rest_kind}) : {rest}",
    ),
    (
        rf"^the (?P<rest_kind>{_N}) of (?P<name>{_N}) to (?P<site>{_N}) is committed: it stays there$",
        "{rest_kind} de {name} vers {site} : validé, elle y reste",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) is not ready to take over (?P<part>{_N}): (?P<rest>.+)$",
        "{name} à {site} n'est pas prêt à reprendre {part} : {rest}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) does not answer yet, so nothing can come home: (?P<rest>.+)$",
        "{name} à {site} ne répond pas encore, rien ne peut revenir : {rest}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) cannot be drained: (?P<rest>.+)$",
        "{name} à {site} ne peut pas être vidé : {rest}",
    ),
    (
        rf"^(?P<name>{_N}) cannot be brought home by itself: in (?P<home>{_N}) (?P<rest>.+); in (?P<away>{_N}) (?P<rest_away>.+)$",  # noqa: E501
        "{name} ne peut pas revenir tout seul : à {home} {rest} ; à {away} {rest_away}",
    ),
    (r"^no look$", "personne n'a pu regarder"),
    (r"^nobody could look at it$", "personne n'a pu regarder"),
    (r"^its provider does not answer for it$", "son fournisseur ne répond pas"),
    *CREDENTIALS,
    *TOGETHER,
    (
        r"^predicted RTO (?P<all>.+) of (?P<target>.+): detection (?P<one>.+), decision (?P<two>.+), execution (?P<three>[\d.]+ \w+)(?P<rest>.*)$",  # noqa: E501
        "RTO prévu {all} sur {target} : détection {one}, décision {two}, exécution {three}{rest}",
    ),
    # -- what clients find: the place, then what a check says of it
    (r"^(?P<name>[^\s:/]+/[^\s:/]+|https?://\S+): (?P<rest>.+)$", "{name} : {rest}"),
)
