"""Every sentence a person reads about a platform, in every language we answer in.

The rule: no text for people is written anywhere else, and each one exists in all languages with the
same blanks, so that nobody is woken by half a sentence in a language they do not speak. A text with
two forms is chosen by a count: (one, several).
"""

from __future__ import annotations

from collections.abc import Mapping

from blocks.slack.move_messages import MOVE_TEXTS
from blocks.slack.paper_messages import PAPER_TEXTS
from blocks.slack.readiness_messages import READINESS_TEXTS
from blocks.slack.run_messages import RUN_TEXTS
from blocks.slack.text import Text

TEXTS: Mapping[str, Text] = {
    # -- how bad ---------------------------------------------------------------------------------
    "severity.page": Text("URGENT", "URGENT"),
    "severity.ticket": Text("To handle", "À traiter"),
    "severity.notice": Text("For information", "Pour information"),
    "severity.restored": Text("Restored", "Rétabli"),
    "state.ok": Text("ok", "ok"),
    "state.warning": Text("warning", "à surveiller"),
    "state.critical": Text("critical", "critique"),
    "state.unknown": Text("unknown", "inconnu"),
    "state.monitoring_fault": Text("the measurement itself failed", "la mesure elle-même a échoué"),
    "mode.soft": Text("not confirmed yet", "pas encore confirmé"),
    "mode.hard": Text("confirmed", "confirmé"),
    # -- the incident's message -----------------------------------------------------------------
    "incident.headline": Text(
        "{severity} · {platform} · {root}: {cause}", "{severity} · {platform} · {root} : {cause}"
    ),
    "incident.headline_restored": Text(
        "{severity} · {platform} · {root} (it was: {cause})", "{severity} · {platform} · {root} (c'était : {cause})"
    ),
    "incident.since": Text("*Since* {moment}", "*Depuis* le {moment}"),
    "incident.lasted": Text("*From* {begin} *to* {end} ({duration})", "*Du* {begin} *au* {end} ({duration})"),
    "incident.lasted_one_day": Text(
        "*From* {begin} *to* {end} on {day} ({duration})", "*De* {begin} *à* {end}, le {day} ({duration})"
    ),
    "incident.affected": Text("*Also suffering* {services}", "*En souffrent aussi* {services}"),
    "incident.affected_none": Text("*Also suffering* no other service", "*En souffrent aussi* aucun autre service"),
    "incident.affected_was": Text("*Also suffered* {services}", "*En ont aussi souffert* {services}"),
    "incident.clients": Text("*Who notices* {clients}", "*Qui le remarque* {clients}"),
    "incident.tried": Text("*Tried* {steps}", "*Déjà tenté* {steps}"),
    "incident.tried_nothing": Text("*Tried* nothing yet", "*Déjà tenté* rien encore"),
    "tried.measured": Text(
        ("measured {count} time before it was believed", "measured {count} times before it was believed"),
        ("mesuré {count} fois avant d'y croire", "mesuré {count} fois avant d'y croire"),
    ),
    "incident.acknowledged": Text("*Taken by* {who} at {time}", "*Pris en charge par* {who} à {time}"),
    "incident.unclaimed": Text("*Taken by* nobody yet", "*Pris en charge par* personne encore"),
    "incident.silenced": Text("*Silenced until* {moment} by {who}", "*En silence jusqu'au* {moment} par {who}"),
    "incident.reopened": Text(
        ("*Reopened* {count} time", "*Reopened* {count} times"), ("*Rouvert* {count} fois", "*Rouvert* {count} fois")
    ),
    "incident.run": Text("Open the run", "Ouvrir l'exécution"),
    "incident.id": Text("Incident {id}", "Incident {id}"),
    "incident.more": Text(
        ("{names} and {count} more", "{names} and {count} more"),
        ("{names} et {count} autre", "{names} et {count} autres"),
    ),
    "root.slo": Text("error budget “{name}”", "budget d'erreur « {name} »"),
    "root.monitoring": Text("the monitoring itself", "la surveillance elle-même"),
    # -- one line of its history ------------------------------------------------------------------
    "event.opened": Text("Opened: {text}", "Ouvert : {text}"),
    "event.reopened": Text("Broken again: {text}", "De nouveau en panne : {text}"),
    "event.changed": Text("Changed: {text}", "Changement : {text}"),
    "event.acknowledged": Text("Taken by {who}", "Pris en charge par {who}"),
    "event.silenced": Text("Silenced by {who}: {text}", "Mis en silence par {who} : {text}"),
    "event.silenced_until": Text("until {moment}", "jusqu'au {moment}"),
    "event.silence_ended": Text("The silence is over: {text}", "Le silence est terminé : {text}"),
    "event.note": Text("{who}: {text}", "{who} : {text}"),
    "event.closed": Text("Closed: {text}", "Clos : {text}"),
    # -- numbers behind a cause -------------------------------------------------------------------
    "cause.with_measure": Text("{cause} ({measure})", "{cause} ({measure})"),
    "cause.where": Text("{cause} ({where})", "{cause} ({where})"),
    "cause.checks": Text("{checks}: {cause}", "{checks} : {cause}"),
    "cause.flapping": Text("flapping: {cause}", "instable : {cause}"),
    "cause.quoted": Text("{cause}: “{reason}”", "{cause} : « {reason} »"),
    "cause.because": Text("{cause}: {reason}", "{cause} : {reason}"),
    "cause.measure": Text("{name} {value}", "{name} {value}"),
    "cause.measure_limit": Text("{name} {value}, limit {limit}", "{name} {value}, limite {limit}"),
    "cause.burn": Text(
        "error budget spent {rate} times too fast, {left} left",
        "budget d'erreur consommé {rate} fois trop vite, reste {left}",
    ),
    "cause.burn_overspent": Text(
        "error budget spent {rate} times too fast, overspent by {over}",
        "budget d'erreur consommé {rate} fois trop vite, dépassé de {over}",
    ),
    # -- what is measured (the checks' own names) ------------------------------------------------
    "measurement.latency": Text("latency", "latence"),
    "measurement.certificate": Text("certificate ends in", "fin du certificat dans"),
    "measurement.age": Text("age", "âge"),
    "measurement.available": Text("available", "disponible"),
    "measurement.alarm": Text("alarm", "alarme"),
    "measurement.in_service_count": Text("instances in service", "instances en service"),
    "measurement.value": Text("value", "valeur"),
    "measurement.healthy": Text("healthy targets", "cibles saines"),
    "measurement.healthy_count": Text("healthy targets", "cibles saines"),
    "measurement.in_service": Text("instances in service", "instances en service"),
    "measurement.desired_count": Text("instances wanted", "instances voulues"),
    "measurement.depth": Text("waiting messages", "messages en attente"),
    "measurement.connections": Text("connections used", "connexions utilisées"),
    "measurement.lag": Text("replication lag", "retard de réplication"),
    "measurement.lag_bytes": Text("replication lag", "retard de réplication"),
    "measurement.connected": Text("devices connected", "appareils connectés"),
    "measurement.device_count": Text("devices", "appareils"),
    "measurement.against_last_week": Text("messages against last week", "messages par rapport à la semaine passée"),
    "measurement.rate": Text("messages", "messages"),
    "measurement.used": Text("quota used", "quota utilisé"),
    "measurement.used_count": Text("quota used", "quota utilisé"),
    "measurement.limit_count": Text("quota", "quota"),
    "measurement.up": Text("compute services up", "services de calcul actifs"),
    "measurement.down_count": Text("compute services down", "services de calcul arrêtés"),
    # -- what was seen (FindingCode) -----------------------------------------------------------------
    "finding.connection_refused": Text("connection refused", "connexion refusée"),
    "finding.connection_lost": Text("connection lost", "connexion perdue"),
    "finding.no_answer": Text("no answer in time", "pas de réponse à temps"),
    "finding.name_not_found": Text("name not found", "nom introuvable"),
    "finding.wrong_address": Text("the name leads elsewhere", "le nom mène ailleurs"),
    "finding.certificate_expired": Text("certificate expired", "certificat expiré"),
    "finding.certificate_wrong_name": Text("certificate of another name", "certificat d'un autre nom"),
    "finding.certificate_untrusted": Text("certificate not trusted", "certificat non reconnu"),
    "finding.tls_failed": Text("no secure connection", "pas de connexion sécurisée"),
    "finding.not_http": Text("the answer is garbage", "la réponse est inintelligible"),
    "finding.half_body": Text("the answer breaks off", "la réponse est coupée"),
    "finding.endless_body": Text("the answer never ends", "la réponse ne finit pas"),
    "finding.redirect_loop": Text("redirected in circles", "redirection en boucle"),
    "finding.wrong_status": Text("wrong answer code", "mauvais code de réponse"),
    "finding.wrong_body": Text("wrong content", "mauvais contenu"),
    "finding.wrong_json": Text("wrong value in the answer", "mauvaise valeur dans la réponse"),
    "finding.late": Text("overdue", "en retard"),
    "finding.resource_state": Text("the cloud says it is not well", "le nuage signale une anomalie"),
    "finding.alarm": Text("alarm raised", "alarme levée"),
    "finding.login_failed": Text("login refused", "identification refusée"),
    "finding.not_replicating": Text("the standby does not follow", "la réplication est arrêtée"),
    # -- why nothing was measured (MissingCode) ---------------------------------------------------
    "missing.credentials": Text("cannot be measured: credentials refused", "non mesurable : accès refusé"),
    "missing.throttled": Text("cannot be measured: too many calls", "non mesurable : trop d'appels"),
    "missing.api_unreachable": Text(
        "cannot be measured: the cloud does not answer", "non mesurable : le nuage ne répond pas"
    ),
    "missing.no_data": Text("no data", "aucune donnée"),
    "missing.deadline": Text("not reached in time", "pas atteint à temps"),
    "missing.unexpected_answer": Text("cannot be measured: unexpected answer", "non mesurable : réponse inattendue"),
    "missing.probe_failed": Text("cannot be measured: our probe failed", "non mesurable : notre sonde a échoué"),
    # -- the pager ------------------------------------------------------------------------------
    "pager.summary": Text("{platform} · {root}: {cause}", "{platform} · {root} : {cause}"),
    # -- when vigie itself falls silent ------------------------------------------------------------
    "watch.silent": Text(
        "🔴 URGENT · {platform}: no sweep has finished for {minutes} minutes",
        "🔴 URGENT · {platform} : aucune tournée terminée depuis {minutes} minutes",
    ),
    "watch.silent_next": Text(
        "Nobody is watching {platform}. Look at the worker and at the last runs of health-sweep in the Prefect UI, "
        "then `vigie status`. This is repeated every {minutes} minutes until a sweep finishes.",
        "Personne ne surveille {platform}. Regarder le worker et les dernières exécutions de health-sweep dans "
        "Prefect, puis `vigie status`. Ce message revient toutes les {minutes} minutes jusqu'à la prochaine tournée.",
    ),
    # -- reports ----------------------------------------------------------------------------------
    "report.title": Text("{platform}: sweep of {moment}", "{platform} : tournée du {moment}"),
    "report.all_ok": Text(
        ("{count} service, all well", "{count} services, all well"),
        ("{count} service, tout va bien", "{count} services, tout va bien"),
    ),
    "report.problems": Text(
        ("{count} service of {total} is not well: {names}", "{count} services of {total} are not well: {names}"),
        (
            "{count} service sur {total} ne va pas bien : {names}",
            "{count} services sur {total} ne vont pas bien : {names}",
        ),
    ),
    "report.no_service": Text("No service was assessed: nothing is known", "Aucun service évalué : on ne sait rien"),
    "report.unmeasured": Text(
        ("{count} check could not be measured", "{count} checks could not be measured"),
        ("{count} contrôle n'a pas pu être mesuré", "{count} contrôles n'ont pas pu être mesurés"),
    ),
    "report.services": Text("Services", "Services"),
    "report.incidents": Text("Incidents", "Incidents"),
    "report.no_incident": Text("No open incident.", "Aucun incident ouvert."),
    "report.not_measured": Text("Not measured", "Non mesuré"),
    "report.picture": Text("Last hours", "Dernières heures"),
    "report.picture_alt": Text(
        "State of each check over time, and latency", "État de chaque contrôle dans le temps, et latence"
    ),
    "report.picture_empty": Text("No history yet.", "Pas encore d'historique."),
    "report.picture_newest": Text(
        ("The {count} check that fared worst is drawn.", "The {count} checks that fared worst are drawn."),
        (
            "Le contrôle le plus mal en point ({count}) est dessiné.",
            "Les {count} contrôles les plus mal en point sont dessinés.",
        ),
    ),
    "report.evidence": Text("All readings of this sweep", "Toutes les mesures de cette tournée"),
    "report.muted": Text("muted: {reason}", "muet : {reason}"),
    "report.because_of": Text("because of {names}", "à cause de {names}"),
    "report.flapping": Text("unstable", "instable"),
    "report.open": Text("open", "ouvert"),
    "report.closed": Text("closed", "clos"),
    "report.silenced": Text("silenced", "en silence"),
    "report.acknowledged": Text("taken by {who}", "pris par {who}"),
    "column.service": Text("Service", "Service"),
    "column.state": Text("State", "État"),
    "column.since": Text("Since", "Depuis"),
    "column.why": Text("Why", "Pourquoi"),
    "column.check": Text("Check", "Contrôle"),
    "column.platform": Text("Platform", "Plateforme"),
    "column.sweep": Text("Last sweep", "Dernière tournée"),
    "column.services": Text("Services", "Services"),
    "column.problems": Text("Not well", "En défaut"),
    "column.incidents": Text("Open incidents", "Incidents ouverts"),
    "column.severity": Text("How bad", "Gravité"),
    "column.what": Text("What", "Quoi"),
    "column.affected": Text("Also suffering", "En souffrent aussi"),
    "column.who": Text("Who", "Qui"),
    "column.latency": Text("latency (ms)", "latence (ms)"),
    "never": Text("never", "jamais"),
    "unknown_time": Text("unknown", "inconnu"),
    # -- lists ------------------------------------------------------------------------------------
    "list.and": Text("{first} and {last}", "{first} et {last}"),
    **RUN_TEXTS,
    **MOVE_TEXTS,
    **PAPER_TEXTS,
    **READINESS_TEXTS,
}

__all__ = ["TEXTS", "Text"]
