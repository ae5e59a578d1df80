"""Of one thing nobody speaks as of several, and of nothing nobody gives a figure; in French too."""

from __future__ import annotations

import pytest

from blocks.ports.recovery import CapacityLook
from blocks.ports.runs import who_said
from blocks.postgres.member import said_beyond
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.drills.phases import said_rehearsed
from tasks.recovery.capacity import shortfall
from tests.unit.recovery.scenes import CELLAR, HEARTH

FR = Voice("fr", "Europe/Paris")
NEEDS = HEARTH.recovery.capacity[CELLAR].model_copy(update={"cores": 1, "ram_mib": 0, "instances": 2})


def counted(rows: int, seconds: float = 0.0, rewriting: int = 0, **by_table: int) -> dict[str, object]:
    return {"rows": rows, "seconds": seconds, "rewriting": rewriting, "by_table": by_table}


def a_look(cores: int, instances: int) -> CapacityLook:
    return CapacityLook(site=CELLAR, cores_free=cores, ram_free_mib=-1, instances_free=instances, hosts_up=1, text="")


@pytest.mark.parametrize(
    ("english", "said", "french"),
    [
        (
            said_beyond("household-data", counted(0)),
            "no row change was acknowledged by household-data alone",
            "aucune modification n'a été confirmée par household-data seul",
        ),
        (
            said_beyond("household-data", counted(1, 0.4, devices=1)),
            "1 row change of 0.4 s was acknowledged by household-data and by no other (devices 1)",
            "1 modification de 0,4 s a été confirmée par household-data seul (devices 1)",
        ),
        (
            said_beyond("household-data", counted(12, 3, 2, devices=12)),
            "12 row changes of 3.0 s were acknowledged by household-data and by no other (devices 12); 2 commits dropped or rewrote whole tables",
            "12 modifications de 3,0 s ont été confirmées par household-data seul (devices 12) ; 2 transactions ont supprimé ou réécrit des tables entières",
        ),
        (
            said_beyond("household-data", counted(0, 0.0, 1)),
            "no row change was acknowledged by household-data alone; 1 commit dropped or rewrote whole tables",
            "aucune modification n'a été confirmée par household-data seul ; 1 transaction a supprimé ou réécrit des tables entières",
        ),
        (
            shortfall(NEEDS, a_look(0, 1)),
            "1 core is needed and 0 are free; 2 servers are needed and 1 is free",
            "il faut 1 (cœurs), 0 libres ; il faut 2 (serveurs), 1 libres",
        ),
        (
            said_rehearsed("hearth", "dc-west", 1, 1),
            "the failover of hearth to dc-west was rehearsed: 1 copy promoted and verified, 1 look found nothing in its way, no row was written and nothing is left over",
            "la bascule de hearth vers dc-west a été répétée : 1 copie promue et vérifiée, contrôles sans obstacle : 1, aucune ligne écrite, aucun reste",
        ),
        (
            said_rehearsed("hearth", "dc-west", 2, 9),
            "the failover of hearth to dc-west was rehearsed: 2 copies promoted and verified, 9 looks found nothing in its way, no row was written and nothing is left over",
            "la bascule de hearth vers dc-west a été répétée : 2 copies promues et vérifiées, contrôles sans obstacle : 9, aucune ligne écrite, aucun reste",
        ),
    ],
)  # fmt: skip
def test_a_count_reads_as_one_would_say_it(english, said, french):
    assert english == said
    assert retell(FR, said).replace("\u00a0", " ") == french


def test_somebody_whom_we_do_not_know_is_not_called_unknown():
    assert (who_said("unknown"), who_said("shift-lead")) == ("somebody in the Prefect UI", "shift-lead")
