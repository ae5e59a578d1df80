"""What does a drill say in French: what it will do on its copy, what it looked at, how it ended, what stayed?

The shapes of what tasks/drills/ records in English; rulings.py retells by them. A group whose name begins with `rest`
is a sentence itself.
"""

from __future__ import annotations

_N = r"[^\s:;,]+"

DRILLS: tuple[tuple[str, str], ...] = (
    # -- its steps
    (rf"^copy (?P<name>{_N}) in (?P<site>{_N}) for the drill$", "copier {name} à {site} pour l'exercice"),
    (
        rf"^restore the newest backup of (?P<name>{_N}) in (?P<site>{_N}) for the drill$",
        "restaurer la dernière sauvegarde de {name} à {site} pour l'exercice",
    ),
    (rf"^promote the copy of (?P<name>{_N}) in (?P<site>{_N})$", "promouvoir la copie de {name} à {site}"),
    (rf"^verify the copy of (?P<name>{_N}) in (?P<site>{_N})$", "vérifier la copie de {name} à {site}"),
    (
        rf"^open the copy of (?P<name>{_N}) in (?P<site>{_N}) to writes$",
        "ouvrir aux écritures la copie de {name} à {site}",
    ),
    (rf"^halt the copy of (?P<name>{_N}) in (?P<site>{_N})$", "arrêter la copie de {name} à {site}"),
    (rf"^remove the copy of (?P<name>{_N}) in (?P<site>{_N})$", "supprimer la copie de {name} à {site}"),
    (rf"^look whether (?P<site>{_N}) has room$", "voir si {site} a la place"),
    (r"^look whether one could do this: (?P<rest>.+)$", "voir si l'on pourrait faire ceci : {rest}"),
    (r"^look whether one could (?P<rest>.+)$", "voir si l'on pourrait {rest}"),
    # -- why it may begin
    (r"^drill$", "exercice"),
    (r"^game day$", "exercice grandeur nature"),
    (rf"^copy of (?P<name>{_N})$", "copie de {name}"),
    (rf"^(?P<name>{_N}) serves$", "{name} en service"),
    (rf"^(?P<name>{_N}) in (?P<site>{_N}) serves$", "{name} sert les clients à {site}"),
    (
        r"^an isolated copy is changed and removed; clients, traffic and the servers that serve are not touched$",
        "seule une copie isolée est modifiée puis supprimée ; clients, trafic et serveurs en service restent intacts",
    ),
    (
        r"^answer exactly as you would if the site were gone: the same people, the same word, the same code$",
        "répondre comme si le site avait disparu : les mêmes personnes, le même mot, le même code",
    ),
    (rf"^(?P<name>{_N}) in (?P<site>{_N}) can be copied$", "{name} à {site} peut être copié"),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) takes no writes, no time to drill: (?P<rest>.+)$",
        "{name} à {site} n'accepte pas d'écriture, ce n'est pas le moment d'un exercice : {rest}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) is no standby that could be copied: (?P<rest>.+)$",
        "{name} à {site} n'est pas une copie de secours que l'on puisse copier : {rest}",
    ),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) cannot be copied: (?P<rest>.+)$",
        "{name} à {site} ne peut être copié : {rest}",
    ),
    (r"^nobody could look at it$", "personne n'a pu regarder"),
    (r"^its database host does not answer$", "son hôte de base de données ne répond pas"),
    (
        rf"^(?P<name>{_N}) in (?P<site>{_N}) has a copy already, (?P<copy>\S+) until (?P<until>\S+)$",
        "{name} à {site} a déjà une copie, {copy} jusqu'à {until}",
    ),
    # -- what it showed
    (
        rf"^the failover of (?P<name>{_N}) to (?P<site>{_N}) was rehearsed: (?P<rest_copies>\d+ cop(?:y|ies) promoted and verified), (?P<looks>\d+) looks? found nothing in its way, no row was written and nothing is left over$",  # noqa: E501
        "la bascule de {name} vers {site} a été répétée : {rest_copies}, contrôles sans obstacle : {looks}, aucune ligne écrite, aucun reste",  # noqa: E501
    ),
    (r"^1 cop(?:y|ies) promoted and verified$", "1 copie promue et vérifiée"),
    (r"^(?P<count>\d+) copies promoted and verified$", "{count} copies promues et vérifiées"),
    (
        rf"^(?P<found>\d+) of (?P<all>\d+) looks found what would stop a failover of (?P<name>{_N}) to (?P<site>{_N}): (?P<rest>.+)$",  # noqa: E501
        "{found} contrôles sur {all} ont trouvé ce qui arrêterait une bascule de {name} vers {site} : {rest}",
    ),
    (r"^this drill is over: (?P<rest>.+)$", "cet exercice est terminé : {rest}"),
    (r"^mend it, and drill again$", "réparer, puis refaire l'exercice"),
    (r"^start a new drill; its copy is gone$", "lancer un nouvel exercice ; sa copie n'existe plus"),
    (
        rf"^gave way to (?P<rest>{_N}) of (?P<what>.+) \(run (?P<run>\S+)\)$",
        "a cédé la place à {rest} de {what} (exécution {run})",
    ),
    # -- what stayed
    (
        r"^a leftover stays: (?P<what>\S+) could not be removed: (?P<rest>.+)$",
        "un reste demeure : {what} n'a pas pu être supprimé : {rest}",
    ),
    (r"^its leftovers are removed$", "ses restes sont supprimés"),
    (r"^the drill ended without a word \((?P<state>\w+)(?:: (?P<rest>.+))?\)$", "l'exercice s'est tu ({state} {rest})"),
    (
        r"^(?P<what>vigie-drill-\w+) at (?P<address>\S+) follows nobody, archives nothing, and nobody follows it$",
        "{what} à {address} ne suit personne, n'archive rien, et personne ne le suit",
    ),
    (
        r"^(?P<rows>\d+) row changes in (?P<commits>\d+) transactions were made on (?P<what>\S+)$",
        "{rows} lignes modifiées en {commits} transactions sur {what}",
    ),
    (r"^(?P<what>vigie-drill-\w+) is gone$", "{what} n'existe plus"),
)
