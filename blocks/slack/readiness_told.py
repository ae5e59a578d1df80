"""What do the sentences about a recovery plan say in French?

One shape a finding, with its next step. What a server or a provider said itself stays in the evidence: the French
sentence ends before it. Names, addresses and figures go through; blanks are filled as in sentences.py.
"""

from __future__ import annotations

import re
from typing import Final

_SPAN = r"(?P<span>\w+)"
_UNSEEN: Final = (
    (
        r"^nobody knows how far (?P<name>\S+) in (?P<where>\S+) is behind: no heartbeat to compare",
        "personne ne sait de combien {name} retarde dans {where} : aucun battement à comparer",
    ),
    (r"^nobody can say what (?P<name>\S+) can still take", "personne ne sait ce que {name} peut encore accueillir"),
    (
        r"^nobody can say whether both sides of (?P<name>\S+) are alike: .*",
        "personne ne sait si les deux côtés de {name} sont identiques",
    ),
    (
        r"^nobody can say how long clients of (?P<name>\S+) stay where they were sent",
        "personne ne sait combien de temps les clients de {name} restent où ils étaient envoyés",
    ),
    (
        r"^the certificate of (?P<quote>.+) in (?P<where>\S+) cannot be seen",
        "le certificat de {quote} dans {where} est invisible",
    ),
    (
        r"^nobody could look whether step (?P<name>\S+) of the plan can be done",
        "personne n'a pu voir si l'étape {name} du plan est faisable",
    ),
    (r"^nobody has tried whether credential (?P<name>\S+) opens", "personne n'a essayé si l'accès {name} s'ouvre"),
    (
        r"^nobody could look whether credential (?P<name>\S+) is there",
        "personne n'a pu voir si le droit {name} est en place",
    ),
    (
        r"^nobody has tried whether credential (?P<name>\S+) could be taken away",
        "personne n'a essayé si le droit {name} peut être retiré",
    ),
    (
        rf"^nobody can predict whether the rto of {_SPAN} is kept",
        "personne ne sait prévoir si le RTO de {span} est tenu",
    ),
    (
        r"^nobody knows where vigie's own journal, server and gateway live",
        "personne ne sait où vivent le journal, le serveur et la passerelle de vigie",
    ),
    (r"^nobody knows where vigie's (?P<name>\S+) lives", "personne ne sait où vit « {name} » de vigie"),
)
_FOUND: Final = (
    (
        r"^(?P<name>\S+) in (?P<where>\S+) could not be promoted: .*",
        "mend the replication",
        "{name} dans {where} ne pourrait pas être promu. Ensuite : réparer la réplication",
    ),
    (
        rf"^(?P<name>\S+) in (?P<where>\S+) is (?P<count>\d+) s behind, over the rpo of {_SPAN}",
        "see what holds the replication back",
        (
            "{name} dans {where} a {count} s de retard, plus que le RPO de {span}. "
            "Ensuite : voir ce qui retient la réplication"
        ),
    ),
    (
        rf"^(?P<name>\S+) in (?P<where>\S+) is (?P<count>\d+) s behind, over half the rpo of {_SPAN}",
        "see what holds the replication back",
        (
            "{name} dans {where} a {count} s de retard, plus que la moitié du RPO de {span}. "
            "Ensuite : voir ce qui retient la réplication"
        ),
    ),
    (
        r"^slot (?P<name>\S+) of (?P<where>\S+) is used by nobody and keeps the log until the disk is full",
        "let its standby follow again, or drop it",
        (
            "l'emplacement {name} de {where} ne sert à personne et garde le journal jusqu'à remplir le disque. "
            "Ensuite : faire suivre sa copie à nouveau, ou le supprimer"
        ),
    ),
    (
        r"^(?P<name>\S+) promises zero loss, and no commit waits for the other site",
        "protect it again, or promise less",
        (
            "{name} promet zéro perte, et aucune validation n'attend l'autre site. "
            "Ensuite : le protéger à nouveau, ou promettre moins"
        ),
    ),
    (
        r"^(?P<name>\S+) promises zero loss, and some commits may not wait for (?P<where>\S+)",
        "let all wait for it alone, with synchronous_commit on, and after a failover bring it home",
        (
            "{name} promet zéro perte, et certaines validations peuvent ne pas attendre {where}. Ensuite : les faire "
            "toutes attendre cette seule copie, avec synchronous_commit = on ; après un secours, le retour le fait"
        ),
    ),
    (
        r"^(?P<where>\S+) could not take (?P<name>\S+): .*",
        "have the quota raised, or free what others use",
        (
            "{where} ne pourrait pas accueillir {name}. "
            "Ensuite : faire relever le quota, ou libérer ce que d'autres utilisent"
        ),
    ),
    (
        r"^the quota of (?P<where>\S+) would do, but quota is not capacity and nothing is reserved",
        "reserve it, or accept the risk by name in the catalogue",
        (
            "le quota de {where} suffirait, mais un quota n'est pas une réserve et rien n'est réservé. "
            "Ensuite : réserver, ou accepter le risque nommément dans le catalogue"
        ),
    ),
    (
        r"^the (?P<quote>.+) of (?P<name>\S+) differs: .*",
        "bring both sides to the same one",
        "« {quote} » de {name} diffère d'un site à l'autre. Ensuite : mettre les deux côtés au même",
    ),
    (
        r"^clients of (?P<name>\S+) stay up to (?P<span_held>\w+), over a quarter of the rto of " + _SPAN,
        "shorten its time to live",
        (
            "les clients de {name} restent jusqu'à {span_held}, plus que le quart du RTO de {span}. "
            "Ensuite : raccourcir sa durée de vie"
        ),
    ),
    (
        r"^clients wait (?P<span_held>\w+) for a dead connection, over a quarter of the rto of " + _SPAN,
        "shorten their timeout",
        (
            "les clients attendent {span_held} un lien mort, plus que le quart du RTO de {span}. "
            "Ensuite : raccourcir leur délai"
        ),
    ),
    (
        r"^clients in (?P<where>\S+) would refuse it: .*",
        "put the right one there",
        "les clients refuseraient le certificat dans {where}. Ensuite : y mettre le bon",
    ),
    (
        r"^the certificate of (?P<quote>.+) in (?P<where>\S+) is valid for (?P<count>\d+) days",
        "renew it: after a move nothing else is served",
        (
            "le certificat de {quote} dans {where} est valable {count} jours. "
            "Ensuite : le renouveler, après une bascule rien d'autre n'est servi"
        ),
    ),
    (
        r"^the certificate of (?P<quote>.+) in (?P<where>\S+) ended (?P<count>\d+) days ago",
        "renew it: after a move nothing else is served",
        (
            "le certificat de {quote} dans {where} a expiré il y a {count} jours. "
            "Ensuite : le renouveler, après une bascule rien d'autre n'est servi"
        ),
    ),
    (
        r"^credential (?P<name>\S+) does not open: .*",
        "save it anew, then run vigie blocks check",
        "l'accès {name} ne s'ouvre pas. Ensuite : l'enregistrer à nouveau, puis vigie blocks check",
    ),
    (
        r"^credential (?P<name>\S+) could not be taken away: .*",
        "correct the plan in the catalogue, or Azure",
        "le droit {name} ne pourrait être retiré. Ensuite : corriger le plan dans le catalogue, ou Azure",
    ),
    (
        r"^credential (?P<name>\S+) could not be taken away: .*",
        "give the operator that role .docs/permissions-azure.md.",
        "le droit {name} ne pourrait être retiré. Ensuite : donner ce rôle à l'opérateur (docs/permissions-azure.md)",
    ),
    (
        r"^credential (?P<name>\S+) is not there, and (?P<where>\S+) serves without it",
        "give it back, or take it out of the plan",
        "le droit {name} n'est pas en place, et {where} sert sans lui. Ensuite : le rendre, ou l'ôter du plan",
    ),
    (
        r"^step (?P<name>\S+) of the plan cannot be done: .*",
        "correct it in the catalogue, or mend what it needs",
        "l'étape {name} du plan est infaisable. Ensuite : la corriger dans le catalogue, ou réparer ce qu'elle demande",
    ),
    (
        rf"^no drill was ever tried, one every {_SPAN} is promised",
        "make a drill",
        "aucun exercice n'a jamais eu lieu, un tous les {span} est promis. Ensuite : faire un exercice",
    ),
    (
        rf"^no restore of a backup was ever tried, one every {_SPAN} is promised",
        "rehearse on a backup: a recovery drill with from_backup",
        (
            "aucune restauration de sauvegarde n'a jamais été essayée, une tous les {span} est promise. "
            "Ensuite : répéter sur une sauvegarde, par un exercice de reprise avec from_backup"
        ),
    ),
    (
        rf"^the last drill is (?P<count>\d+) days old, one every {_SPAN} is promised",
        "make a drill",
        "le dernier exercice a {count} jours, un tous les {span} est promis. Ensuite : faire un exercice",
    ),
    (
        rf"^the last restore of a backup is (?P<count>\d+) days old, one every {_SPAN} is promised",
        "rehearse on a backup: a recovery drill with from_backup",
        (
            "la dernière restauration de sauvegarde a {count} jours, une tous les {span} est promise. "
            "Ensuite : répéter sur une sauvegarde, par un exercice de reprise avec from_backup"
        ),
    ),
    (
        (
            r"^predicted RTO (?P<span>.+) of (?P<span_target>.+): detection (?P<span_1>.+), decision (?P<span_2>.+), "
            r"execution (?P<span_3>.+)"
        ),
        "make the slowest steps faster, or promise less",
        (
            "RTO prévu {span} pour {span_target} : détection {span_1}, décision {span_2}, exécution {span_3}. "
            "Ensuite : accélérer les étapes les plus lentes, ou promettre moins"
        ),
    ),
    (
        r"^vigie's (?P<name>\S+) lives in (?P<where>\S+), the very site that it would save (?P<quote>\S+) from",
        "move it to another place .docs/placing.md.",
        (
            "« {name} » de vigie vit dans {where}, le site même dont il devrait sauver {quote}. "
            "Ensuite : le déplacer (docs/placing.md)"
        ),
    ),
)
_OVER: Final = (
    (rf"^ready again after {_SPAN}$", "de nouveau prêt, après {span}"),
    (
        r"^(?P<name>\S+) takes no writes in (?P<where>\S+), where clients are$",
        "{name} n'accepte pas d'écriture dans {where}, où sont les clients",
    ),
    (r"^a (?P<name>\w+) to (?P<where>\S+) is under way$", "une opération ({name}) vers {where} est en cours"),
)
READINESS_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), french)
    for pattern, french in (
        (r"^readiness:(?P<name>.+?): (?P<rest>.+)$", "plan de reprise « {name} » : {rest}"),  # on a card
        *((rf"{said}\. Next: {step}$", french) for said, step, french in _FOUND),
        *(
            (rf"{said}\. Next: look why it was not measured$", f"{french}. Ensuite : voir pourquoi ce n'est pas mesuré")
            for said, french in _UNSEEN
        ),
        *_OVER,
    )
)
