"""Whatever a plan of a move puts on a card is said in French, whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from blocks.ports.recovery import Loss, LossKind, MoveKind
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.recovery.decide import plan_move, plan_restore
from tasks.recovery.priority import Want, one_question, share_out
from tasks.recovery.rejoining import Agreed, plan_rejoin
from tasks.recovery.values import Accepted, Ran
from tests.unit.recovery import scenes, test_restoring, test_waited
from tests.unit.recovery.scenes import AZURE, CELLAR, HEARTH, ROOM, database

FR, EN = Voice("fr", "Europe/Paris"), Voice("en", "UTC")

LOST = Loss(data="household", kind=LossKind.EXACT, rows=12, seconds=1.0, text="lost")
FAILOVER = plan_move(MoveKind.FAILOVER, HEARTH, scenes.dark())
PROMISED = plan_move(MoveKind.FAILOVER, scenes.promised(), scenes.dark())
WAITS = [
    Want(platform=name, customer="hearth", priority=1, needs=HEARTH.recovery.capacity[CELLAR], plan=FAILOVER)
    for name in ("hearth", "hub")
]
PLANS = {
    "switchover": plan_move(MoveKind.SWITCHOVER, HEARTH, scenes.quiet()),
    "failover": FAILOVER,
    "failover of a site that answers": plan_move(
        MoveKind.FAILOVER,
        HEARTH,
        scenes.dark(
            compute=scenes.compute(*scenes.EVERYTHING, "household-data-vm"), moves=(scenes.a_move(to_site=AZURE),)
        ),
    ),
    "failover accepted": plan_move(
        MoveKind.FAILOVER,
        HEARTH,
        scenes.with_database(scenes.dark(), CELLAR, database(scenes.STANDBY, heartbeat_at=None)),
        accepted=Accepted(rows_count=10_000, span=timedelta(hours=1)),
    ),
    "failover of data that was seen to wait": plan_move(MoveKind.FAILOVER, scenes.promised(), test_waited.night()),
    "failback": plan_move(MoveKind.FAILBACK, HEARTH, scenes.elsewhere()),
    "failback with a count": plan_move(MoveKind.FAILBACK, HEARTH, scenes.elsewhere(losses=(LOST,))),
    "failback without one": plan_move(MoveKind.FAILBACK, HEARTH, scenes.elsewhere(losses=(replace(LOST, rows=0),))),
    "failback to a home that is closed": plan_move(
        MoveKind.FAILBACK,
        HEARTH,
        scenes.elsewhere(
            databases={
                ("household", AZURE): database(scenes.FENCED, timeline=5),
                ("household", CELLAR): database(scenes.FENCED, timeline=4, fenced_by="itself"),
            },
            ran=(Ran(phase="promote", item="promote-database:household:azure-west"),),
        ),
    ),
    "restore": plan_restore(HEARTH, test_restoring.facts(), test_restoring.PAST, test_restoring.MOMENT),
    "rejoin": plan_rejoin(
        HEARTH, scenes.elsewhere(), Agreed(move=scenes.a_move(), plan=FAILOVER), "azure-west answers again"
    ),
    "rejoin of data that promises zero loss": plan_rejoin(
        scenes.promised(), scenes.elsewhere(), Agreed(move=scenes.a_move(), plan=PROMISED), "azure-west answers again"
    ),
    "rejoin while the other site is closed": plan_rejoin(
        HEARTH,
        scenes.with_database(scenes.elsewhere(), CELLAR, database(scenes.FENCED, timeline=4)),
        Agreed(move=scenes.a_move(), plan=FAILOVER),
        "azure-west answers again",
    ),
    "several": one_question(share_out(WAITS, replace(ROOM, instances_free=1))),
}
_SAME = {"16 cores free"}  # the providers' own words


def sentences(plan):
    yield from (step.text for step in plan.steps)
    yield from (text for pair in plan.coverage.items() for text in pair)
    yield from plan.roles.values()
    yield from (bound.name for bound in plan.bounds)
    yield from (text for guard in plan.guards for text in (guard.name, guard.text))
    yield from plan.known_wrong
    yield plan.cost
    yield plan.reason
    yield from (step.text for step in plan.when_back)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_sentence_of_a_card_is_french(plan):
    prefixed = [each.removeprefix("hearth: ") for each in sentences(plan)]
    said = {each: retell(FR, each) for each in prefixed if each not in _SAME and not each.startswith("the database")}
    assert [each for each, french in said.items() if french == each and each not in {"none", ""}] == []
    assert all(retell(EN, each) == each for each in said)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("fence household in azure-west", "isoler household à azure-west"),
        (
            "let each commit of household in dc-west wait for its standby while that follows",
            "faire attendre la copie à chaque écriture de household à dc-west, tant qu'elle suit",
        ),
        ("open household in dc-west to writes", "ouvrir household à dc-west aux écritures"),
        ("send 25 % of api to azure-west", "envoyer 25 % de api vers azure-west"),
        ("prove https://api.hearth.example/health in dc-west", "prouver https://api.hearth.example/health à dc-west"),
        ("fence-database:household:azure-west", "isoler la base household à azure-west"),
        ("NOT confirmed: nothing there answers us", "NON confirmé : rien n'y répond"),
        (
            "at most 1280 rows or 32 s of household may be lost (newest heartbeat 02:59:29, last write by 03:00:00 UTC, 40 rows/s); approved are 2000 rows and 5min",
            "au plus 1280 lignes ou 32 s de household peuvent être perdues (dernier battement à 02:59:29, dernière écriture au plus tard à 03:00:00 UTC, 40 lignes/s) ; admis : 2000 lignes et 5min",
        ),
        (
            "household loses nothing: each commit waited for hearth_db2, seen at 02:40:00 UTC by readiness; whether somebody lifted that by hand since is not known; approved are 0 rows and 5min",
            "household ne perd rien : chaque écriture attendait hearth_db2, vu à 02:40:00 UTC (contrôle de préparation) ; nul ne sait si quelqu'un l'a levé à la main depuis ; admis : 0 lignes et 5min",
        ),
        (
            "household loses nothing: each commit waited for hearth_db2, seen at 02:40:00 UTC by failback; whether somebody lifted that by hand since is not known",
            "household ne perd rien : chaque écriture attendait hearth_db2, vu à 02:40:00 UTC (retour) ; nul ne sait si quelqu'un l'a levé à la main depuis",
        ),
        (
            "whoever asked accepts to lose up to 150000 rows and 2h of household",
            "le demandeur accepte de perdre jusqu'à 150000 lignes et 2h de household",
        ),
        (
            "-1 is no number of rows that one could accept to lose. Next: write 1 to 1000000000000; 0 is what the plan allows",
            "-1 : ce n'est pas un nombre de lignes que l'on puisse accepter de perdre. Ensuite : écrire de 1 à 1000000000000 ; 0 : ce que le plan admet",
        ),
        (
            "'10 rows' is no time that one could accept to lose. Next: write it with its unit, such as 10min, up to 366d; empty is what the plan allows",
            "« 10 rows » : ce n'est pas une durée que l'on puisse accepter de perdre. Ensuite : l'écrire avec son unité, comme 10min, au plus 366d ; vide : ce que le plan admet",
        ),
        ("the failover to dc-west is not committed yet", "bascule d'urgence vers dc-west : pas encore validé"),
        (
            "household in azure-west does not answer, but that is no proof: azure-west is gone for lyon only, 2 vantage points must agree",
            "household à azure-west ne répond pas, mais ce n'est pas une preuve : azure-west n'a disparu que pour lyon, il faut l'accord de 2 points de vue",
        ),
        (
            "household: 12 rows that only azure-west has are saved as evidence and not merged",
            "household : 12 lignes que seul azure-west possède sont gardées comme preuve, et pas fusionnées",
        ),
        ("azure-west has no row of its own", "azure-west n'a aucune ligne à lui seul"),
        ("household in azure-west is 301 s behind", "household à azure-west a 301 s de retard"),
        (
            "going back to azure-west by itself would not be lossless: household in azure-west does not follow",
            "revenir tout seul à azure-west perdrait quelque chose : household à azure-west ne suit pas",
        ),
        (
            "at 5 % 11 of 200 requests failed (5.5 %), 95 % answered within 120 ms against 110 ms before: over 5 % errors or 5 times the latency",
            "à 5 %, 11 requêtes sur 200 ont échoué (5,5 %), 95 % ont répondu en 120 ms",
        ),
        (
            "household in azure-west does not answer yet, so nothing can come home: no look",
            "household à azure-west ne répond pas encore, rien ne peut revenir : personne n'a pu regarder",
        ),
        (
            "the failover of hearth to dc-west does not go back by itself: something could be lost on the way",
            "bascule d'urgence de hearth vers dc-west : pas de retour automatique, quelque chose pourrait s'y perdre",
        ),
        (
            "its rejoin is failed: 2103 rows that only azure-west has of household (devices 2000, public.homes 103), saved in db1:8443/save.jsonl: 2000 were approved",
            "sa remise en ordre est « failed » : household : 2103 lignes que seul azure-west possède [devices 2000, public.homes 103], gardées dans db1:8443/save.jsonl ; 2000 étaient admises",
        ),
        (
            "digest in azure-west is fenced; household in azure-west follows dc-west; each commit of household in dc-west waits for its standby while that follows; 12 row changes of 0.4 s were acknowledged by household-data and by no other (devices 12); archive in azure-west does not answer yet",
            "digest à azure-west est isolé ; household à azure-west suit dc-west ; chaque écriture de household à dc-west attend sa copie, tant qu'elle suit ; 12 modifications de 0,4 s ont été confirmées par household-data seul (devices 12) ; archive à azure-west ne répond pas encore",
        ),
        (
            "azure-west, which the failover of hearth left, does not rejoin by itself: nothing that is left to do answers",
            "azure-west, quitté par bascule d'urgence de hearth, n'est pas remis en ordre tout seul : rien de ce qui reste à faire ne répond",
        ),
        (
            "household in azure-west was never fenced: nothing there has answered",
            "household à azure-west n'a jamais été isolé : rien n'y a répondu",
        ),
        (
            "as approved with the failover of run 0c0ffee0: approved by platform-engineer and shift-lead",
            "comme approuvé avec l'exécution 0c0ffee0 (bascule d'urgence) : approuvé par platform-engineer et shift-lead",
        ),
        (
            "its way back is void: the failover of hearth to dc-west does not go back by itself: it is committed",
            "son retour est « void » : bascule d'urgence de hearth vers dc-west : pas de retour automatique, elle est validée",
        ),
        (
            "nobody asked for it, and no move gave it its yes",
            "personne ne l'a demandé, et aucune bascule ne l'a approuvé",
        ),
        (
            "the failover to dc-west waits for somebody to commit it",
            "bascule d'urgence vers dc-west : en attente de validation",
        ),
        (
            "watch 5 % of api in azure-west: 20 requests for 10s within 5min, stop over 1 % errors or 2 times the latency, back over 5 % or 5 times, from 100 ms",
            "observer 5 % de api à azure-west : 20 requêtes en 10s (au plus 5min), arrêt au-delà de 1 % d'erreurs ou 2 fois la latence, retour en arrière au-delà de 5 % ou 5 fois, à partir de 100 ms",
        ),
        (
            "clients do not return to azure-west beyond 5 % yet: at 25 % only 3 requests of 20 were seen in 300 s: nothing is proven",
            "les clients ne reviennent pas encore à azure-west au-delà de 5 % : à 25 %, seules 3 requêtes sur 20 ont été vues : rien n'est prouvé",
        ),
        (
            "nobody is sent to azure-west yet: in 5min it did not answer clients of api: api.hearth.example refused the connection: nothing listens there",
            "personne n'est encore envoyé à azure-west : en 5min, il n'a pas répondu aux clients de api : api.hearth.example refuse la connexion : rien n'y écoute",
        ),
        (
            "stopped by alix before: promote household in dc-west; until it goes on nobody can write to household",
            "arrêté par alix avant : promouvoir household à dc-west ; personne ne peut écrire dans household tant que cela ne reprend pas",
        ),
        (
            "a failover to dc-west is not over (vigie runs show 1a2b3c4d): see it through; a promotion needs a standby: mend it, or restore a backup to a point in time",
            "bascule d'urgence vers dc-west : pas encore terminé (vigie runs show 1a2b3c4d), à mener à son terme ; une promotion demande une copie : la réparer, ou restaurer une sauvegarde à un instant",
        ),
        (
            "hearth runs in dc-west already (failover 1a2b3c4d): served there, nothing is to be done; a promotion needs a standby: mend it, or restore a backup to a point in time",
            "hearth est déjà à dc-west (bascule d'urgence 1a2b3c4d) : si les clients y sont servis, rien à faire ; une promotion demande une copie : la réparer, ou restaurer une sauvegarde à un instant",
        ),
        ("look at azure-west; a retry of this run asks again and goes on from there", "regarder azure-west ; réessayer redemande et reprend de là"),
        (
            "at 25 % 0 of 20 requests failed (0.0 %), 95 % answered within an unknown time against 110 ms before: over 1 % errors or 2 times the latency",
            "à 25 %, 0 requêtes sur 20 ont échoué (0,0 %), en un temps inconnu",
        ),
        (
            "at 5 % 0 of 44 requests failed (0.0 %), 95 % answered within 211 ms against 70 ms before: over 1 % errors or 2 times the latency, still after 300 s",
            "à 5 %, 0 requêtes sur 44 ont échoué (0,0 %), 95 % ont répondu en 211 ms, toujours plus de 2 fois la latence après 300 s",
        ),
        (
            "at 25 % 0 of 20 requests failed (0.0 %), 95 % answered within an unknown time against 110 ms before: over 1 % errors or 2 times the latency, still after 300 s",
            "à 25 %, 0 requêtes sur 20 ont échoué (0,0 %), en un temps inconnu",
        ),
        (
            'count and save what only household in azure-west has: the card said "azure-west has no row of its own", which is not known any more; rows that only household in azure-west has: the card allowed at most 2000 rows, which is not asked for any more',
            "compter et garder ce que seul household possède à azure-west : la carte disait « azure-west n'a aucune ligne à lui seul », ce qui n'est plus connu ; lignes que seul household à azure-west possède : la carte admettait au plus 2000 lignes, ce qui n'est plus demandé",
        ),
        (
            'fence household in azure-west: the card said "confirmed by its host", now it is "NOT confirmed: nothing there answers us"; rows of household that may be lost: the card allowed at most 0 rows, now it would be at most 2000 rows',
            "isoler household à azure-west : la carte disait « confirmé par son hôte », maintenant « NON confirmé : rien n'y répond » ; lignes de household qui peuvent être perdues : la carte admettait au plus 0 lignes, maintenant ce serait au plus 2000 lignes",
        ),
        (
            'asked 3 times, and each time the plan changed: no longer: promote household in dc-west; new: open household in dc-west to writes; dc-west: now "active", of which the card said nothing; rows of household that may be lost: now at most 12.5 rows, of which the card said nothing; candidate was standby-3, is standby-4; rows of household that may be lost is 2001 rows now, approved was at most 2000 rows',
            "demandé 3 fois, et le plan a changé chaque fois : n'y est plus : promouvoir household à dc-west ; nouveau : ouvrir household à dc-west aux écritures ; dc-west : maintenant « actif », dont la carte ne disait rien ; lignes de household qui peuvent être perdues : maintenant au plus 12,5 lignes, dont la carte ne disait rien ; candidate : standby-3 sur la carte, maintenant standby-4 ; lignes de household qui peuvent être perdues : 2001 lignes maintenant, au plus 2000 lignes étaient approuvées",
        ),
        (
            "predicted RTO 9.5 min of 15.0 min: detection 7.0 min, decision 60 s, execution 90 s",
            "RTO prévu 9,5 min sur 15,0 min : détection 7,0 min, décision 60 s, exécution 90 s",
        ),
    ],
)  # fmt: skip
def test_it_is_said_in_french(sentence, said):
    assert retell(FR, sentence).replace("\u00a0", " ") == said
