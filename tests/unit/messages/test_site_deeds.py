"""What is done to what runs in a site, and to where clients are sent, is said in French whole."""

from __future__ import annotations

import pytest

from blocks.slack.rulings import retell
from blocks.slack.voice import Voice

FR, EN = Voice("fr", "Europe/Paris"), Voice("en", "UTC")


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("stop app hearth-digest", "arrêter l'application hearth-digest"),
        ("start machine hearth-db-1", "démarrer la machine hearth-db-1"),
        ("start server hearth-app-1 may begin", "démarrer le serveur hearth-app-1 : rien ne s'y oppose"),
        (
            "resize the plan of app hearth-device-api to P1v3:3",
            "porter le plan de l'application hearth-device-api à P1v3:3",
        ),
        ("resize machine hearth-db-1 to Standard_D4s_v3", "porter la machine hearth-db-1 à Standard_D4s_v3"),
        (
            "send clients of profile hearth-api to azure-west 95 %, dc-west 5 %",
            "envoyer les clients du profil hearth-api vers azure-west 95 %, dc-west 5 %",
        ),
        ("hearth-digest is Stopped", "hearth-digest est « Stopped »"),
        (
            "hearth-db-1 is PowerState/deallocated, ProvisioningState/succeeded",
            "hearth-db-1 est « PowerState/deallocated », ProvisioningState/succeeded",
        ),
        (
            "plan hearth-prod-plan is P1v3:3, Succeeded, 3 of 3 instances there",
            "le plan hearth-prod-plan est de taille P1v3:3, « Succeeded », instances présentes : 3 sur 3",
        ),
        (
            "machine hearth-db-1 is Standard_D4s_v3, Updating",
            "la machine hearth-db-1 est de taille Standard_D4s_v3, « Updating »",
        ),
        (
            "profile hearth-api sends clients to azure-west 0 %, dc-west 100 %",
            "le profil hearth-api envoie les clients vers azure-west 0 %, dc-west 100 %",
        ),
    ],
)
def test_it_is_said_in_french_and_stays_as_it_is_in_english(sentence, said):
    assert retell(FR, sentence).replace("\u00a0", " ") == said
    assert retell(EN, sentence) == sentence
