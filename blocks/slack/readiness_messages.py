"""What people read of a look at a recovery plan: its table, and the name of its incidents."""

from __future__ import annotations

from collections.abc import Mapping

from blocks.slack.text import Text

READINESS_TEXTS: Mapping[str, Text] = {
    "root.readiness": Text("recovery plan “{name}”", "plan de reprise « {name} »"),
    "readiness.title": Text("{platform}: is it ready to move tonight?", "{platform} : prête à basculer cette nuit ?"),
    "readiness.ready": Text("The plan would work.", "Le plan fonctionnerait."),
    "readiness.not_judged": Text("Not judged: {why}.", "Pas d'avis : {why}."),
    "readiness.found": Text(
        ("{count} thing would go wrong.", "{count} things would go wrong."),
        ("{count} point ne fonctionnerait pas.", "{count} points ne fonctionneraient pas."),
    ),
    "readiness.active": Text("Clients are in {site}.", "Les clients sont sur {site}."),
    "readiness.column.looked_at": Text("Looked at", "Regardé"),
    "readiness.column.seen": Text("Seen", "Constaté"),
    "readiness.column.limit": Text("Measured against", "Comparé à"),
    "readiness.column.verdict": Text("Verdict", "Avis"),
    "readiness.data": Text("{name} follows in {site}", "{name} suit dans {site}"),
    "readiness.slots": Text("replication slots of {name}", "emplacements de réplication de {name}"),
    "readiness.promise": Text("{name} promises zero loss", "{name} promet zéro perte"),
    "readiness.capacity": Text("room in {site}", "place dans {site}"),
    "readiness.alike": Text("both sides of {name} alike", "les deux côtés de {name} identiques"),
    "readiness.traffic": Text("clients of {name} follow", "les clients de {name} suivent"),
    "readiness.client_timeout": Text("clients give a dead connection up", "les clients abandonnent un lien mort"),
    "readiness.certificate": Text("certificate {address} in {site}", "certificat {address} dans {site}"),
    "readiness.credential": Text("credential {name}", "accès {name}"),
    "readiness.drill": Text("last drill", "dernier exercice"),
    "readiness.restore": Text("last tested restore", "dernière restauration essayée"),
    "readiness.rto": Text("predicted RTO", "RTO prévu"),
    "readiness.control": Text("vigie's {name}", "« {name} » de vigie"),
    "readiness.control_plane": Text("where vigie lives", "où vit vigie"),
    "readiness.behind": Text("{span} behind", "{span} de retard"),
    "readiness.not_seen": Text("not seen", "non vu"),
    "readiness.slots_seen": Text("{used} of {all} used", "{used} sur {all} utilisés"),
    "readiness.waits_for": Text("commits wait for {name}", "les validations attendent {name}"),
    "readiness.waits_for_none": Text("no commit waits", "aucune validation n'attend"),
    "readiness.cores": Text("{count} cores free", "{count} cœurs libres"),
    "readiness.cores_unlimited": Text("no limit of cores", "pas de limite de cœurs"),
    "readiness.cores_needed": Text("{count} cores", "{count} cœurs"),
    "readiness.traits": Text("{alike} of {all} the same", "{alike} sur {all} identiques"),
    "readiness.all": Text("all the same", "tous identiques"),
    "readiness.within": Text("within {span}", "en {span}"),
    "readiness.days": Text("{count} d left", "{count} j restants"),
    "readiness.days_limit": Text("14 d, at least 3 d", "14 j, au moins 3 j"),
    "readiness.opens": Text("opens", "s'ouvre"),
    "readiness.shut": Text("does not open", "ne s'ouvre pas"),
    "readiness.must_open": Text("must open", "doit s'ouvrir"),
    "readiness.ago": Text("{span} ago", "il y a {span}"),
    "readiness.every": Text("every {span}", "tous les {span}"),
    "readiness.at_most": Text("at most {span}", "au plus {span}"),
    "readiness.elsewhere": Text("not {site}", "pas {site}"),
    "readiness.used": Text("all used", "tous utilisés"),
}
