"""The picture holds what the journal and the catalogue know."""

from __future__ import annotations

from uuid import uuid4

from blocks.catalogue.model import Customer, Platform
from blocks.ports.incidents import EventKind
from tasks.incidents.pictures import painter
from tests.unit.messages.pictures import INCIDENT, a_picture, an_event

PLATFORM = Platform.model_validate(
    {
        "name": "hearth",
        "customer": "hearth",
        "sites": {"west": {"provider": "azure", "region": "westeurope", "role": "primary", "credentials": "c"}},
        "services": {
            "device-api": {
                "kind": "web",
                "site": "west",
                "clients": "les applications mobiles",
                "checks": {"http": {"kind": "http", "url": "https://api.hearth.example", "attempts": 3}},
            }
        },
    }
)
CUSTOMER = Customer(name="hearth", language="fr", time_zone="Europe/Paris", channel="#hearth")


class Memory:
    def __init__(self, picture) -> None:
        self.picture = picture

    def incident(self, incident):
        assert incident == INCIDENT
        return self.picture.incident, self.picture.events


def test_a_picture_is_complete():
    run = uuid4()
    events = [
        an_event(),
        an_event(EventKind.NOTE, "redémarré", 4, who="Alix"),
        an_event(EventKind.NOTE, "rien", 5, who="Bo"),
    ]
    picture = painter(Memory(a_picture(*events, flow_run=run)), CUSTOMER, PLATFORM, "http://127.0.0.1:4200/")(INCIDENT)
    assert picture.run_url == f"http://127.0.0.1:4200/runs/flow-run/{run}"
    assert (picture.language, picture.time_zone, picture.customer) == ("fr", "Europe/Paris", "hearth")
    assert picture.clients == "les applications mobiles"
    assert picture.tried == (
        "mesuré 3\u00a0fois avant d'y croire".replace("\u00a0", " "),
        "redémarré (Alix)",
        "rien (Bo)",
    )
    assert picture.events == tuple(events)


def test_what_is_unknown_is_left_out_and_not_invented():
    picture = painter(Memory(a_picture(root="slo:device-api/available")), CUSTOMER, PLATFORM, "")(INCIDENT)
    assert (picture.run_url, picture.clients, picture.tried) == ("", "", ())
