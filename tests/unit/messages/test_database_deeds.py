"""What is done to one database server, what is seen of it and what proves it are said in French, and so how it ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blocks.ports.recovery import Loss, LossKind
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.recovery.outcome import MoveOutcome
from tests.unit.recovery import scenes

FR, EN = Voice("fr", "Europe/Paris"), Voice("en", "UTC")
BOUND = "at most 816 rows or 20 s of household may be lost (newest heartbeat 21:51:19, last write by 21:51:38 UTC, 4.09 rows/s)"  # fmt: skip
DRAINED = "household lost nothing: it was drained in azure-west until the other site had every byte"
PROOFS = ("api/health: latency 8.05 ms (limit 2000 ms)", "https://api.hearth.example/health: latency 12 ms")


def an_outcome(*lost: str) -> str:
    losses = tuple(Loss(data="household", kind=LossKind.BOUND, rows=816, seconds=20.0, text=text) for text in lost)
    return str(MoveOutcome(replace(scenes.a_move(), losses=losses), PROOFS))


@pytest.mark.parametrize(
    ("lost", "english", "french"),
    [
        (
            (BOUND,),
            f"Loss: {BOUND}.",
            "Perte : au plus 816 lignes ou 20 s de household peuvent être perdues (dernier battement à 21:51:19, dernière écriture au plus tard à 21:51:38 UTC, 4,09 lignes/s).",
        ),
        (
            (DRAINED, DRAINED.replace("household", "ledger")),
            f"Loss: {DRAINED}; {DRAINED.replace('household', 'ledger')}.",
            "Perte : household n'a rien perdu : vidé à azure-west jusqu'à ce que l'autre site ait chaque octet ; ledger n'a rien perdu : vidé à azure-west jusqu'à ce que l'autre site ait chaque octet.",
        ),
        ((), "Loss: nothing.", "Perte : aucune."),
    ],
)  # fmt: skip
def test_how_a_move_ended_is_said_whole(lost, english, french):
    outcome = an_outcome(*lost)
    assert outcome == f"hearth runs in dc-west (from azure-west). {english} Clients: {'; '.join(PROOFS)}."
    assert retell(FR, outcome).replace("\u00a0", " ") == (
        f"hearth tourne à dc-west (depuis azure-west). {french} Clients : api/health : latence 8,05 ms "
        "(limite 2 000 ms) ; https://api.hearth.example/health : latence 12 ms."
    )


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("let household-data-standby stand alone", "laisser household-data-standby écrire sans attendre de copie"),
        ("open household-data-standby to writes", "ouvrir household-data-standby aux écritures"),
        ("promote household-data-standby", "promouvoir household-data-standby"),
        ("drain household-data", "vider household-data de ses écritures"),
        ("release household-data", "libérer household-data"),
        ("fence household-data", "isoler household-data"),
        (
            "let household-data follow household-data-standby",
            "remettre household-data à la suite de household-data-standby",
        ),
        (
            "let each commit of household-data wait for household-data-standby while that follows",
            "faire attendre household-data-standby à chaque écriture de household-data, tant que household-data-standby suit",
        ),
        ("save what household-data acknowledged alone", "garder ce que household-data a confirmé seul"),
        (
            "bring household-data back to 2026-11-23 03:00:00 UTC, beside its data",
            "restaurer household-data au 2026-11-23 03:00:00 UTC, à côté de ses données",
        ),
        (
            "copy household-data-standby as vigie-drill-0123456789abcdef",
            "copier household-data-standby sous le nom vigie-drill-0123456789abcdef",
        ),
        (
            "halt vigie-drill-0123456789abcdef and count what was written on it",
            "arrêter vigie-drill-0123456789abcdef et compter ce qui y a été écrit",
        ),
        ("remove vigie-drill-0123456789abcdef", "supprimer vigie-drill-0123456789abcdef"),
        (
            "household-data is closed to writes on timeline 3, hearth_db2 0 bytes behind, 2 writing transactions",
            "household-data est fermé aux écritures, ligne de temps 3, hearth_db2 à 0 octets derrière, 2 transactions en écriture",
        ),
        (
            "household-data is standby on timeline 3, 0 bytes behind household-data-standby",
            "household-data est en secours, ligne de temps 3, à 0 octets derrière household-data-standby",
        ),
        (
            "household-data is fenced on timeline 2 (step 0c0f of run 0c0ffee0); its host does not answer",
            "household-data est isolé, ligne de temps 2 (étape 0c0f de l'exécution 0c0ffee0) ; son hôte ne répond pas",
        ),
        (
            "household-data-standby left timeline 1 for 2 (generation timeline 2)",
            "household-data-standby a quitté la ligne de temps 1 pour la 2 (version timeline 2)",
        ),
        (
            "db1:8443 did fence as 17: household-data is stopped and stays so, on timeline 1 at 0/5000060 (client_token 17)",
            "ordre 17 accompli par db1:8443 : household-data est arrêté et le reste, ligne de temps 1 à 0/5000060 (demande 17)",
        ),
        (
            "db.hearth.example leads to 198.51.100.20 since serial 12, it was 11 (generation serial 12)",
            "db.hearth.example mène à 198.51.100.20 depuis le numéro de série 12, avant : 11 (version serial 12)",
        ),
        (
            "azure-west is gone, seen from the database host 198.51.100.9:8443, the worker",
            "azure-west a disparu, vu depuis l'hôte de base 198.51.100.9:8443, le worker",
        ),
        (
            "azure-west is gone, seen from another place (supposed), one place (supposed)",
            "azure-west a disparu, vu depuis un autre lieu (supposé), un lieu (supposé)",
        ),
        (
            "azure-west is still seen by the worker (3 of 4 addresses of azure-west answer the worker, and 2 of 2 elsewhere)",
            "azure-west est encore vu par le worker : 3 adresses sur 4 de azure-west répondent (le worker), et 2 ailleurs",
        ),
        (
            "the quota of dc-west leaves 52 cores, 120000 MiB, any number of instances; 3 of 3 enabled hosts are up; quota is not capacity: whether they have room is not known; of that 4 cores, 8192 MiB, 3 instances are held for the failover of shop (waiting)",
            "le quota de dc-west laisse 52 cœurs, 120000 Mio, instances sans limite ; hôtes en marche : 3 sur 3 ; un quota n'est pas une réserve : nul ne sait s'ils ont la place ; dont 4 cœurs, 8192 Mio, 3 instances tenus pour : bascule d'urgence de shop",
        ),
        (
            "dc-west cannot take hearth: 4 cores are needed and 2 are free (the quota of dc-west). Next: have the quota raised, or free what a platform of lower priority uses there",
            "dc-west ne peut pas accueillir hearth : il faut 4 (cœurs), 2 libres (le quota de dc-west). Ensuite : faire relever le quota, ou libérer ce qu'une plateforme moins prioritaire y utilise",
        ),
        (
            "nobody can say what dc-west can still take, so hearth cannot go there (the quota of dc-west). Next: look whether its provider answers, then plan again",
            "nul ne peut dire ce que dc-west peut encore accueillir, hearth ne peut donc pas y aller (le quota de dc-west). Ensuite : voir si son fournisseur répond, puis refaire le plan",
        ),
        ("household-data cannot be seen: db1:5432: timeout", "household-data est invisible : db1:5432: timeout"),
        ("household is supposed to be gone", "household est supposé disparu"),
        (
            "4 of 10 cores of westeurope are used; Azure names no limit of machines; it has no quota of memory, and tells neither room nor the quota of app service plans; quota is not capacity: only a reservation promises room",
            "westeurope, cœurs : 4 pris sur 10 ; Azure ne donne aucune limite de machines ; il n'a pas de quota de mémoire, et ne dit ni la place ni le quota des plans App Service ; un quota n'est pas une réserve : seule une réservation promet la place",
        ),
    ],
)  # fmt: skip
def test_it_is_said_in_french(sentence, said):
    assert retell(FR, sentence).replace("\u00a0", " ") == said
    assert retell(EN, sentence) == sentence
