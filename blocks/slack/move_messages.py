"""Every sentence a person reads about moves and drills: reports, pictures, reminders, the calendar, in every language.

The rule is that of messages.py, whose catalogue this is a part of.
"""

from __future__ import annotations

from collections.abc import Mapping

from blocks.slack.text import Text

MOVE_TEXTS: Mapping[str, Text] = {
    # -- what it was, and how it stands -----------------------------------------------------------
    "action.switchover": Text("switchover", "bascule planifiée"),
    "action.failover": Text("failover", "bascule d'urgence"),
    "action.failback": Text("failback", "retour"),
    "action.point-in-time-restore": Text("restore to a moment", "retour à un instant"),
    "action.recovery-drill": Text("recovery drill", "exercice de reprise"),
    "move.kind.switchover": Text("Switchover", "Bascule planifiée"),
    "move.kind.failover": Text("Failover", "Bascule d'urgence"),
    "move.kind.failback": Text("Failback", "Retour"),
    "move.kind.point-in-time-restore": Text("Restore to a moment", "Retour à un instant"),
    "move.kind.drill": Text("Recovery drill", "Exercice de reprise"),
    "move.state.under_way": Text("under way", "en cours"),
    "move.state.serving": Text("clients are served", "les clients sont servis"),
    "move.state.committed": Text("committed", "confirmé"),
    "move.state.rolled_back": Text("rolled back", "annulé, retour au site d'avant"),
    "move.state.abandoned": Text("given up half-way", "abandonné en route"),
    "move.state.passed": Text("passed", "réussi"),
    "move.state.failed": Text("failed", "échec"),
    "move.state.stopped": Text("stopped before it could show anything", "arrêté avant de rien montrer"),
    "move.title": Text(
        "{kind} of {platform} from {origin} to {target}: {state}",
        "{kind} de {platform}, de {origin} à {target} : {state}",
    ),
    "move.title_drill": Text("{kind} of {platform}: {state}", "{kind} de {platform} : {state}"),
    # -- the numbers ------------------------------------------------------------------------------
    "move.rto": Text("RTO", "RTO"),
    "move.rto_why": Text("clients were without service", "les clients sont restés sans service"),
    "move.against": Text("{measured}, target {target}: {verdict}", "{measured}, objectif {target} : {verdict}"),
    "move.met": Text("met", "tenu"),
    "move.missed": Text("missed", "manqué"),
    "move.not_known": Text("not known", "inconnu"),
    "move.never_served": Text("clients were not served by it", "il n'a pas servi les clients"),
    "move.no_outage": Text(
        "no outage; {measured} from the decision, target {target}: {verdict}",
        "pas de panne ; {measured} depuis la décision, objectif {target} : {verdict}",
    ),
    "move.rehearsed": Text(
        "promotion and data checks took {measured}, target of the whole move {target}: {verdict}",
        "promotion et contrôle des données : {measured}, objectif de la bascule entière {target} : {verdict}",
    ),
    "move.parts": Text("of which", "dont"),
    "move.detection": Text("detection", "détection"),
    "move.decision": Text("decision", "décision"),
    "move.execution": Text("execution", "exécution"),
    "move.part": Text("{name} {span}", "{name} {span}"),
    "move.rpo": Text("RPO", "RPO"),
    "move.at_most": Text("at most {measured}", "au plus {measured}"),
    "move.not_counted": Text("nothing was counted yet", "rien n'a encore été compté"),
    "move.losses": Text("Lost", "Pertes"),
    "move.left_behind": Text("Left behind", "Laissé derrière"),
    "move.chosen": Text("{measured}, as it was approved", "{measured}, comme approuvé"),
    "move.loss_bound": Text(
        ("{data}: at most {count} row, {span} (bound)", "{data}: at most {count} rows, {span} (bound)"),
        ("{data} : au plus {count} ligne, {span} (majorant)", "{data} : au plus {count} lignes, {span} (majorant)"),
    ),
    "move.loss_exact": Text(
        ("{data}: {count} row, {span} (counted exactly)", "{data}: {count} rows, {span} (counted exactly)"),
        ("{data} : {count} ligne, {span} (compte exact)", "{data} : {count} lignes, {span} (compte exact)"),
    ),
    "move.saved": Text("{loss}, kept in {where}", "{loss}, conservées dans {where}"),
    "move.steps": Text("Steps", "Étapes"),
    "move.steps_done": Text(
        ("{count} of {all} done", "{count} of {all} done"), ("{count} faite sur {all}", "{count} faites sur {all}")
    ),
    "move.path": Text("critical path {span}", "chemin critique {span}"),
    "move.people": Text("waits for people {span}", "attente de personnes {span}"),
    "move.old_side": Text("Old side", "Ancien site"),
    "move.old_side_seen": Text(
        ("at most {count} client, the last at {time}", "at most {count} clients, the last at {time}"),
        ("au plus {count} client, le dernier à {time}", "au plus {count} clients, le dernier à {time}"),
    ),
    "move.old_side_none": Text("no client was seen there", "aucun client n'y a été vu"),
    "move.fenced_late": Text("Fenced late", "Isolé en retard"),
    "move.fenced_at": Text(
        "{what}: at {time}, after at most {span} without it", "{what} : à {time}, après au plus {span} sans l'être"
    ),
    "move.unfenced": Text("{what}: not yet, open since {time}", "{what} : pas encore, exposé depuis {time}"),
    "move.leftovers": Text("Left over", "Restes"),
    "move.no_leftovers": Text("nothing was left over", "rien n'est resté"),
    # -- the report -------------------------------------------------------------------------------
    "move.course": Text("Course", "Déroulement"),
    "move.moment.outage": Text("outage", "panne"),
    "move.moment.last_good": Text("last good answer before the outage", "dernière bonne réponse avant la panne"),
    "move.moment.detected": Text("detected", "détectée"),
    "move.moment.decided": Text("decided", "décidé"),
    "move.moment.serving": Text("clients served", "clients servis"),
    "move.approvals": Text("Approvals", "Approbations"),
    "move.no_approval": Text("Nobody was asked.", "Personne n'a été sollicité."),
    "move.evidence": Text("Evidence of each step", "Preuve de chaque étape"),
    "move.no_evidence": Text("none recorded", "aucune enregistrée"),
    "move.kept": Text("Whole report: {where}", "Rapport complet : {where}"),
    "move.picture_alt": Text(
        "Course of the move, its steps and its critical path", "Déroulement, étapes et chemin critique"
    ),
    "move.column.time": Text("Time", "Heure"),
    "move.column.phase": Text("Phase", "Phase"),
    "move.column.step": Text("Step", "Étape"),
    "move.column.took": Text("Took", "Durée"),
    "move.column.evidence": Text("Evidence", "Preuve"),
    "move.column.who": Text("Who", "Qui"),
    "move.column.answer": Text("Answer", "Réponse"),
    "move.column.what": Text("What", "Quoi"),
    "move.open_step": Text("not done", "pas faite"),
    "move.by_hand": Text("by hand: {who}", "à la main : {who}"),
    "move.again": Text("entered {count} times", "reprise {count} fois"),
    # -- the picture ------------------------------------------------------------------------------
    "move.picture.course": Text("From the outage to service", "De la panne au service"),
    "move.picture.planned": Text("From the decision to service", "De la décision au service"),
    "move.picture.steps": Text("Steps", "Étapes"),
    "move.picture.old_side": Text("Clients still on the old side", "Clients encore sur l'ancien site"),
    "move.picture.target": Text("RTO target {span}", "objectif RTO {span}"),
    "move.picture.path": Text("critical path", "chemin critique"),
    "move.picture.people": Text("waits for people", "attente de personnes"),
    "move.picture.approval": Text("approval", "approbation"),
    "move.picture.stopped": Text("stopped", "arrêt"),
    "move.picture.more": Text(
        ("and {count} short step more", "and {count} short steps more"),
        ("et {count} étape brève de plus", "et {count} étapes brèves de plus"),
    ),
    "phase.check": Text("check", "contrôle"),
    "phase.prepare": Text("prepare", "préparation"),
    "phase.fence": Text("fence", "isolement"),
    "phase.promote": Text("promote", "promotion"),
    "phase.verify-data": Text("verify data", "contrôle des données"),
    "phase.start": Text("start", "démarrage"),
    "phase.shift": Text("shift traffic", "trafic"),
    "phase.verify-clients": Text("verify clients", "contrôle des clients"),
    "phase.settle": Text("settle", "remise en ordre"),
    # -- running elsewhere ------------------------------------------------------------------------
    "reminder.title": Text(
        "🟠 {platform} has run in {site} for {span}", "🟠 {platform} tourne sur {site} depuis {span}"
    ),
    "reminder.since": Text("*Since* {moment}", "*Depuis* le {moment}"),
    "reminder.cost": Text("*Cost* {cost}", "*Coût* {cost}"),
    "reminder.no_cost": Text("*Cost* not declared in the catalogue", "*Coût* non déclaré dans le catalogue"),
    "reminder.home": Text(
        "*Bring it home* {start} in Prefect or with /vigie; first look: {look}",
        "*Le retour* {start} dans Prefect ou par /vigie ; voir d'abord : {look}",
    ),
    "reminder.missing": Text("*Still missing for the way back*", "*Ce qui manque encore pour le retour*"),
    "reminder.ready": Text(
        "*Nothing is missing for the way back*: it can be planned", "*Rien ne manque pour le retour* : à planifier"
    ),
    # -- a move that nobody committed -------------------------------------------------------------
    "commit.title": Text(
        "🟠 {platform}: nobody committed the {kind} to {site}", "🟠 {platform} : {kind} vers {site} à valider"
    ),
    "commit.since": Text("*Serving there since* {moment}", "*Sert là-bas depuis* le {moment}"),
    "commit.why": Text("*It stays* {why}", "*Elle y reste* {why}"),
    "commit.how": Text(
        "*Commit it* with the button of its message, or {commit}", "*Valider* par le bouton de son message, ou {commit}"
    ),
    # -- the calendar of drills -------------------------------------------------------------------
    "drill.title": Text("Recovery drills of {customer}", "Exercices de reprise de {customer}"),
    "drill.last": Text("Last drill", "Dernier exercice"),
    "drill.verdict": Text("Result", "Résultat"),
    "drill.due": Text("Next drill due", "Prochain exercice"),
    "drill.restore": Text("Last tested restore", "Dernière restauration testée"),
    "drill.restore_due": Text("Next restore due", "Prochaine restauration"),
    "drill.overdue": Text("overdue since {day}", "en retard depuis le {day}"),
    "drill.now": Text("now: never done", "maintenant : jamais fait"),
}
