"""What was done is said in French whole: the sentences of restarts, of looks before and after, of a run's standing."""

from __future__ import annotations

import pytest

from blocks.errors import Broken
from blocks.ports.health import State
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.restarts.values import Look, RestartReport

FR, EN = Voice("fr", "Europe/Paris"), Voice("en", "UTC")
DEAD = Look("device-api", State.CRITICAL, 5, ("health: https://a.example/health answered 503, expected 200",))
WELL = Look("device-api", State.OK, 5)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("restart app hearth-device-api", "redémarrer l'application hearth-device-api"),
        ("restart machine hearth-db1", "redémarrer la machine hearth-db1"),
        ("restart server db2", "redémarrer le serveur db2"),
        ("restart instance i-01 (1 of 3)", "redémarrer l'instance i-01 (1 sur 3)"),
        ("replace instance i-01 of storefront-web", "remplacer l'instance i-01 de storefront-web"),
        ("restart app hearth-device-api may begin", "redémarrer l'application hearth-device-api : rien ne s'y oppose"),
        ("ready", "prêt"),
        (
            "hearth-device-api is Running, 2 of 2 instances ready, 2 processes; started anew",
            "hearth-device-api est « Running », instances prêtes : 2 sur 2, processus : 2 ; démarré de nouveau",
        ),
        (
            "2 of 3 instances of storefront-web in service and healthy, i-01 is Terminating:Wait",
            "storefront-web : 2 instances sur 3 en service et saines, i-01 est « Terminating:Wait »",
        ),
        (
            "server db2 is ACTIVE, power state 1, rebooted since",
            "le serveur db2 est « ACTIVE » (alimentation 1), redémarré depuis",
        ),
        ("start server hearth-worker-1", "démarrer le serveur hearth-worker-1"),
        ("stop server hearth-app-1", "arrêter le serveur hearth-app-1"),
        ("resize server hearth-app-1 to m1.large", "passer le serveur hearth-app-1 à la taille m1.large"),
        ("evacuate server hearth-db-2", "reconstruire le serveur hearth-db-2 sur un autre hôte"),
        ("stop server hearth-app-1 may begin", "arrêter le serveur hearth-app-1 : rien ne s'y oppose"),
        (
            "server hearth-app-1 is ACTIVE, power state 1, size m1.small",
            "le serveur hearth-app-1 est « ACTIVE », alimentation 1, taille m1.small",
        ),
        (
            (
                "server hearth-app-1 is RESIZE (resize_prep), power state 4, size m1.small, its host is DOWN; "
                "Nova says that resize failed"
            ),
            (
                "le serveur hearth-app-1 est « RESIZE » (resize_prep), alimentation 4, taille m1.small, "
                "son hôte est « DOWN » ; selon Nova, resize a échoué"
            ),
        ),
        (
            "lead db.hearth.example to dc-west (198.51.100.20)",
            "faire mener db.hearth.example vers dc-west (198.51.100.20)",
        ),
        (
            "db.hearth.example leads to 198.51.100.20, time to live 30 s",
            "db.hearth.example mène à 198.51.100.20, durée de vie 30 s",
        ),
        ("device-api is ok (5 checks)", "device-api bon (contrôles : 5)"),
        ("waits for an approval", "attend une approbation"),
        ("goes on after waiting", "reprend"),
        (
            "stopped by shift-lead before: replace instance i-01 of storefront-web",
            "arrêté par shift-lead avant : remplacer l'instance i-01 de storefront-web",
        ),
        (
            "its process is gone again after 5 automatic resumes",
            "le processus a encore disparu après 5 reprises",
        ),
    ],
)
def test_it_is_said_in_french_and_stays_as_it_is_in_english(sentence, said):
    assert retell(FR, sentence).replace("\u00a0", " ") == said
    assert retell(EN, sentence) == sentence


def test_a_whole_report_is_retold_piece_by_piece():
    done = ("hearth-device-api is Running, 2 of 2 instances ready, 2 processes; started anew",)
    told = retell(FR, str(RestartReport("hearth", "device-api", DEAD, WELL, done))).replace("\u00a0", " ")
    assert told.startswith(
        "hearth-device-api est « Running », instances prêtes : 2 sur 2, processus : 2 ; démarré de nouveau."
    )
    assert "Avant : device-api critique : health : https://a.example/health" in told
    assert told.endswith("Après : device-api bon (contrôles : 5).")
    assert not {"is", "answered", "Before", "After", "instances of"} & set(told.split())


def test_an_error_says_its_next_step_in_french_too():
    error = Broken(
        f"device-api was restarted, and 0:03:00 later it is still not well: {WELL.sentence}",
        next_step="the restart did not mend it: look at its incident; a retry of this run only looks again",
    )
    assert "Ensuite : le redémarrage n'a pas suffi" in retell(FR, str(error))


@pytest.mark.parametrize(
    ("what", "where", "next_step", "english", "french"),
    [
        (
            "its provider does not answer for it", "hearth", "",
            "its provider does not answer for it (hearth)", "son fournisseur ne répond pas (hearth)",
        ),
        (
            "shop has no recovery plan, so it is not moved anywhere", "the catalogue", "to move it away start a switchover",
            "shop has no recovery plan, so it is not moved anywhere (the catalogue). Next: to move it away start a switchover",
            "shop n'a pas de plan de reprise (le catalogue). Ensuite : pour la déplacer, lancer une bascule planifiée",
        ),
        (
            "dc-west cannot take hearth: 1 core is needed and 0 are free", "the quota of dc-west", "mend it, and drill again",
            "dc-west cannot take hearth: 1 core is needed and 0 are free (the quota of dc-west). Next: mend it, and drill again",
            "dc-west ne peut pas accueillir hearth : il faut 1 (cœurs), 0 libres (le quota de dc-west). Ensuite : réparer, puis refaire l'exercice",
        ),
    ],
)  # fmt: skip
def test_where_it_went_wrong_reads_well_behind_any_sentence(what, where, next_step, english, french):
    error = str(Broken(what, where=where, next_step=next_step))
    assert error == english
    assert retell(FR, error).replace("\u00a0", " ") == french


def test_what_nobody_foresaw_goes_through_as_it_came():
    assert retell(FR, "zorp blivet; quux").replace("\u00a0", " ") == "zorp blivet ; quux"
