"""The paper runbook: each verb has commands that a shell accepts as they stand, no secret, and both languages."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from blocks.catalogue.recovery import AddedStep, PlanStepKind, Sizes, Table
from blocks.errors import Broken
from blocks.ports.approvals import Bound, Guard, Plan, PlanStep
from blocks.ports.recovery import MoveKind
from tasks.recovery.by_hand import by_hand, variable
from tasks.recovery.decide import plan_move
from tasks.recovery.items import Item, Verb, parse_item
from tasks.recovery.paper import render_paper
from tests.unit.recovery.scenes import HEARTH, dark, with_plan

AT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
ITEMS = {
    Verb.FENCE_DATABASE: "fence-database:household:azure-west",
    Verb.DRAIN_DATABASE: "drain-database:household:azure-west",
    Verb.RELEASE_DATABASE: "release-database:household:azure-west",
    Verb.PROMOTE_DATABASE: "promote-database:household:dc-west",
    Verb.RESTORE_DATABASE: "restore-database:household:dc-west@20261128T025000.000000Z",
    Verb.ADOPT_RESTORED: "adopt-restored:household:dc-west@20261128T025000.000000Z",
    Verb.OPEN_DATABASE: "open-database:household:dc-west",
    Verb.STAND_ALONE: "stand-alone:household:dc-west",
    Verb.FOLLOW_DATABASE: "follow-database:household:azure-west",
    Verb.PROTECT_DATABASE: "protect-database:household:dc-west",
    Verb.PROTECT_WHILE_FOLLOWED: "protect-while-followed:household:dc-west",
    Verb.SAVE_BEYOND: "save-beyond:household:azure-west",
    Verb.VERIFY_DATA: "verify-data:household:dc-west",
    Verb.STOP_WORKER: "stop-worker:digest:azure-west",
    Verb.START_WORKER: "start-worker:digest:dc-west",
    Verb.STOP_SERVICE: "stop-service:device-api:azure-west",
    Verb.START_SERVICE: "start-service:device-api:dc-west",
    Verb.RESIZE_SERVICE: "resize-service:device-api:dc-west",
    Verb.RECYCLE_SERVICE: "recycle-service:device-api:azure-west",
    Verb.STOP_MACHINE: "stop-machine:household-data-vm:azure-west",
    Verb.START_MACHINE: "start-machine:household-data-vm:azure-west",
    Verb.REVOKE_CREDENTIAL: "revoke-credential:archive-writer:azure-west",
    Verb.GRANT_CREDENTIAL: "grant-credential:archive-writer:azure-west",
    Verb.SHIFT_TRAFFIC: "shift-traffic:api:dc-west@100",
    Verb.CLOSE_TRAFFIC: "close-traffic:api:azure-west",
    Verb.WATCH_CLIENTS: "watch-clients:api:azure-west@5",
    Verb.VERIFY_CLIENTS: "verify-clients:device-api/health:dc-west",
    Verb.CALL: "call:tell-partners:dc-west",
    Verb.RUN_DEPLOYMENT: "run-deployment:warm-caches:dc-west",
    Verb.ASK: "ask:is-the-door-open:dc-west",
}
ADDED = {
    "tell-partners": AddedStep(
        name="tell-partners", kind=PlanStepKind.CALL, when="after", phase="shift", text="tell",
        url="https://partner.example/told?a=1&b=2", method="POST", headers={"X-Why": "it's \"us\""}, body="a=$(1)'`",
        credentials="partner-token", idempotency_header="Idempotency-Key", expect_status=(202, 204),
        expect_json={"$.state": "taken"},
    ),
    "warm-caches": AddedStep(
        name="warm-caches", kind=PlanStepKind.DEPLOYMENT, when="after", phase="start", text="warm", deployment="warm/caches"
    ),
    "is-the-door-open": AddedStep(
        name="is-the-door-open", kind=PlanStepKind.ASK, when="before", phase="fence", text="is the door <open>?"
    ),
}  # fmt: skip
PLATFORM = with_plan(steps=ADDED)
WEBAPP = HEARTH.services["device-api"].resource


def typed(text: str, platform=PLATFORM, phase: str = ""):
    return by_hand(platform, parse_item(text), phase)


def run(*commands: str, **variables: str) -> list[list[str]]:
    """What the tools would be given: each tool is replaced by one that writes down its arguments and its input."""
    note = 'note() { printf "%s\\0" "$@"; [ "$1" = nsupdate ] && cat; printf "\\1"; }\n' + "\n".join(
        f'{tool}() {{ note {tool} "$@"; }}' for tool in ("curl", "psql", "az", "openstack", "nsupdate", "dig", "sed")
    )
    script = f"set -eu\n{note}\n" + "\n".join(commands)
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **variables})  # fmt: skip
    return [call.split("\0") for call in done.stdout.split("\1") if call]


def test_every_verb_has_its_line_here():
    assert set(ITEMS) == set(Verb)
    assert all(parse_item(text).verb is verb for verb, text in ITEMS.items())


@pytest.mark.parametrize("verb", list(Verb))
def test_each_verb_has_something_to_type_look_at_or_ask(verb):
    step = typed(ITEMS[verb])
    assert step.commands or step.look or step.note
    for command in (*step.commands, *step.look):
        done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
        assert not done.stderr, command


def test_a_fence_is_an_order_to_the_door_with_the_token_of_its_block():
    step = typed(ITEMS[Verb.FENCE_DATABASE])
    ((tool, *given, _),) = run(*step.commands, POSTGRES_HEARTH_OPERATOR_TOKEN="t0ken")
    assert tool == "curl"
    assert "Authorization: Bearer t0ken" in given
    assert given[-1] == "https://db1.hearth.example:8443/v1/orders/fence"
    body = json.loads(given[given.index("-d") + 1])
    assert (len(body["token"]), body["why"]) == (64, "by hand")
    assert body == json.loads(run(*typed(ITEMS[Verb.FENCE_DATABASE]).commands, POSTGRES_HEARTH_OPERATOR_TOKEN="")[0][7])
    assert [(s.variable, s.block) for s in step.secrets] == [
        ("POSTGRES_HEARTH_OPERATOR_TOKEN", "postgres-hearth-operator")
    ]
    assert step.look[-1].endswith("https://db1.hearth.example:8443/v1/status")


def test_a_credential_is_kept_in_a_file_before_it_is_taken_and_given_back_to_the_same_holder():
    held = HEARTH.recovery.credentials["archive-writer"]
    keep, take = typed(ITEMS[Verb.REVOKE_CREDENTIAL]).commands
    assert keep.endswith(" > archive-writer.json")
    ((tool, *deleted, _),) = run(take)
    ((_, *given),) = run(*typed(ITEMS[Verb.GRANT_CREDENTIAL]).commands)
    assert (tool, deleted) == ("az", ["rest", "--method", "delete", "--url", f"{held.resource}?api-version=2022-04-01"])
    assert given[:5] == ["rest", "--method", "put", "--url", f"{held.resource}?api-version=2022-04-01"]
    assert json.loads(given[6]) == {
        "properties": {
            "principalId": held.principal,
            "roleDefinitionId": "/subscriptions/11111111-1111-4111-8111-111111111111/providers/"
            f"Microsoft.Authorization/roleDefinitions/{held.role}",
        }
    }


def test_two_items_never_share_a_token():
    tokens = set()
    for text in (ITEMS[Verb.FENCE_DATABASE], "fence-database:household:dc-west"):
        given = run(*typed(text).commands, POSTGRES_HEARTH_OPERATOR_TOKEN="")[0]
        tokens.add(json.loads(given[given.index("-d") + 1])["token"])
    assert len(tokens) == 2


def test_following_names_the_other_server():
    given = run(*typed(ITEMS[Verb.FOLLOW_DATABASE]).commands, POSTGRES_HEARTH_OPERATOR_TOKEN="")[0]
    assert json.loads(given[given.index("-d") + 1])["source"] == "db2.dc-west.hearth.example:5432"
    assert given[-2] == "https://db1.hearth.example:8443/v1/orders/follow"


def test_saving_takes_the_position_from_the_promoted_server():
    look, ask, save = typed(ITEMS[Verb.SAVE_BEYOND]).commands
    assert look.endswith("https://db2.dc-west.hearth.example:8443/v1/status")
    assert ask == "TIMELINE=…; POSITION=…"
    given = run(save, POSTGRES_HEARTH_OPERATOR_TOKEN="", TIMELINE="3", POSITION="50331648")[0]
    body = json.loads(given[given.index("-d") + 1])
    assert (body["timeline"], body["position_bytes"]) == (3, 50331648)
    assert body["key"] == "save-beyond-household-azure-west"


@pytest.mark.parametrize(
    ("verb", "host", "statement"),
    [
        (Verb.PROMOTE_DATABASE, "db2.dc-west.hearth.example", "SELECT pg_promote(true, 60)"),
        (Verb.DRAIN_DATABASE, "db1.hearth.example", "ALTER SYSTEM SET default_transaction_read_only = 'on'"),
        (Verb.PROMOTE_DATABASE, "db2.dc-west.hearth.example", "ALTER SYSTEM SET default_transaction_read_only = 'on'"),
        (Verb.OPEN_DATABASE, "db2.dc-west.hearth.example", "ALTER SYSTEM RESET default_transaction_read_only"),
        (Verb.STAND_ALONE, "db2.dc-west.hearth.example", "ALTER SYSTEM SET synchronous_standby_names = ''"),
        (Verb.RELEASE_DATABASE, "db1.hearth.example", "ALTER SYSTEM RESET default_transaction_read_only"),
    ],
)
def test_what_is_asked_of_a_server_is_asked_of_the_right_one(verb, host, statement):
    step = typed(ITEMS[verb])
    given = {"POSTGRES_HEARTH_OPERATOR_USER": "operator one", "POSTGRES_HEARTH_OPERATOR_TOKEN": ""}
    (asked,) = [call for call in run(*step.commands, **given) if call[0] == "psql"]
    assert asked[asked.index("-h") + 1] == host
    assert asked[asked.index("-U") + 1] == "operator one"
    assert asked[asked.index("-d") + 1] == "household"
    assert statement in asked
    assert "PGPASSWORD" in [secret.variable for secret in step.secrets]


def test_protecting_quotes_the_standby_as_a_name():
    step = typed(ITEMS[Verb.PROTECT_DATABASE])
    asked = run(step.commands[2], POSTGRES_HEARTH_OPERATOR_USER="o", STANDBY="hearth_db1")[0]
    assert "ALTER SYSTEM SET synchronous_standby_names = '\"hearth_db1\"'" in asked


def test_protecting_while_it_follows_is_told_to_the_host_of_the_server_that_takes_writes():
    step = typed(ITEMS[Verb.PROTECT_WHILE_FOLLOWED])
    assert "pg_stat_replication" in run(step.commands[0], POSTGRES_HEARTH_OPERATOR_USER="o")[0][-2]
    given = run(step.commands[2], ONCE="20261128", STANDBY="hearth_db1", POSTGRES_HEARTH_OPERATOR_TOKEN="t")[0]
    assert given[-2] == f"https://{HEARTH.recovery.data['household'].hosts['dc-west']}/v1/orders/protect"
    body = json.loads(given[given.index("-d") + 1])
    assert (body["token"], body["standby"]) == ("20261128", "hearth_db1")


def test_data_is_verified_table_by_table():
    table = Table(key=("id", "at"), recent="at", references={"household": "households.id"})
    data = HEARTH.recovery.data["household"].model_copy(update={"tables": {"readings": table}})
    (look,) = typed(ITEMS[Verb.VERIFY_DATA], with_plan(data={"household": data})).look
    for part in (
        "SELECT count(*), max(at) FROM readings",
        "GROUP BY id, at HAVING count(*) > 1 OR id IS NULL OR at IS NULL",
        "FROM households t WHERE t.id = s.household",
    ):
        assert part in look


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("stop-service:device-api:azure-west", (f"az webapp stop --ids {WEBAPP}",)),
        ("recycle-service:device-api:azure-west", (f"az webapp restart --ids {WEBAPP}",)),
        ("start-service:device-api:dc-west", ("openstack server start hearth-app-1",)),
        ("recycle-service:device-api:dc-west", ("openstack server reboot --wait hearth-app-1",)),
        ("start-worker:digest:dc-west", ("openstack server start hearth-worker-1",)),
        (
            "resize-service:device-api:dc-west",
            (
                "openstack server resize --flavor m1.large --wait hearth-app-1",
                "openstack server resize confirm hearth-app-1",
            ),
        ),
        (
            "stop-machine:household-data-vm:azure-west",
            (f"az vm deallocate --ids {HEARTH.services['household-data-vm'].resource}",),
        ),
    ],
)
def test_what_runs_is_told_by_its_providers_own_tool(text, commands):
    assert typed(text).commands == commands
    assert typed(text).look


def test_afterwards_a_site_gets_the_size_at_which_it_rests():
    assert "m1.small" in typed(ITEMS[Verb.RESIZE_SERVICE], phase="settle").commands[0]


def test_an_app_service_is_resized_by_its_plan():
    part = HEARTH.recovery.services["device-api"].model_copy(
        update={"sizes": {"azure-west": Sizes(rest="P1v3", active="P2 v3")}}
    )
    platform = with_plan(services={**HEARTH.recovery.services, "device-api": part})
    plan, update = typed("resize-service:device-api:azure-west", platform).commands
    assert plan == f"PLAN=$(az webapp show --ids {WEBAPP} --query appServicePlanId -o tsv)"
    assert run(update, PLAN="/plan")[0][:-1] == [
        "az", "appservice", "plan", "update", "--ids", "/plan", "--sku", "P2 v3",
    ]  # fmt: skip


def test_what_has_no_tool_says_so():
    service = HEARTH.services["device-api"].model_copy(update={"kind": "web"})
    platform = PLATFORM.model_copy(update={"services": {**HEARTH.services, "device-api": service}})
    step = typed(ITEMS[Verb.STOP_SERVICE], platform)
    assert (step.commands, step.note) == ((), "paper.note.no_tool.stop")


def test_a_share_is_weighed_and_who_gets_nothing_is_disabled():
    commands = typed("shift-traffic:api:dc-west@100").commands
    assert "--name dc-west --weight 100 --endpoint-status Enabled" in commands[0]
    assert "--name azure-west --endpoint-status Disabled" in commands[1]
    some = typed("shift-traffic:api:azure-west@25").commands
    assert "--name dc-west --weight 75" in some[0]
    assert "--name azure-west --weight 25" in some[1]
    assert "-g hearth-prod --profile-name hearth-api" in some[0]


def test_a_profile_is_closed_by_disabling_every_endpoint():
    commands = typed("close-traffic:api:azure-west").commands
    assert [command.rpartition("--name ")[2] for command in commands] == [
        "azure-west --endpoint-status Disabled",
        "dc-west --endpoint-status Disabled",
    ]


def test_a_name_is_changed_only_from_the_value_that_we_know():
    step = typed("shift-traffic:database-name:dc-west@100")
    ((tool, *given),) = run(*step.commands, DNS_HEARTH_OPERATOR_KEY_FILE="/k")
    assert (tool, given[:2]) == ("nsupdate", ["-k", "/k"])
    assert given[-1].splitlines() == [
        "server ns1.hearth.example 53",
        "zone hearth.example",
        "prereq yxrrset db.hearth.example. IN A 192.0.2.20",
        "update delete db.hearth.example. A",
        "update add db.hearth.example. 30 A 198.51.100.20",
        "send",
    ]
    back = run(*typed("shift-traffic:database-name:azure-west@100").commands, DNS_HEARTH_OPERATOR_KEY_FILE="/k")
    assert "prereq yxrrset db.hearth.example. IN A 198.51.100.20" in back[0][-1]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("verify-clients:device-api/health:dc-west", "https://api.dc-west.hearth.example/health"),
        ("verify-clients:household/login:dc-west", "-h db2.dc-west.hearth.example -p 5432"),
        ("verify-clients:https://api.hearth.example/health:dc-west", "https://api.hearth.example/health"),
    ],
)
def test_a_proof_is_looked_at_as_a_client_would(text, part):
    assert part in typed(text).look[0]


def test_the_plans_own_steps():
    call = typed(ITEMS[Verb.CALL])
    given = run(*call.commands, PARTNER_TOKEN_HEADERS_FILE="/safe/headers")[0]
    assert given[-2] == "https://partner.example/told?a=1&b=2"
    assert given[given.index("-X") + 1] == "POST"
    assert given[given.index("--data-raw") + 1] == "a=$(1)'`"
    headers = [value for flag, value in pairwise(given) if flag == "-H"]
    assert headers[0] == 'X-Why: it\'s "us"'
    assert re.fullmatch(r"Idempotency-Key: [0-9a-f]{64}", headers[1])
    assert headers[2] == "@/safe/headers"
    assert run(*call.commands, PARTNER_TOKEN_HEADERS_FILE="/safe/headers")[0] == given, "typed twice, taken once"
    assert [(s.variable, s.block, s.what) for s in call.secrets] == [
        ("PARTNER_TOKEN_HEADERS_FILE", "partner-token", "headers")
    ]
    assert call.blanks == {"status": '202/204, $.state = "taken"'}
    assert typed(ITEMS[Verb.RUN_DEPLOYMENT]).blanks == {"name": "warm/caches"}
    assert typed(ITEMS[Verb.ASK]).blanks == {"text": "is the door <open>?"}


@pytest.mark.parametrize("text", ["fence-database:other:azure-west", "start-service:device-api:moon"])
def test_what_the_plan_does_not_have_is_told(text):
    with pytest.raises(Broken, match="which the recovery plan of hearth does not have"):
        typed(text)


def test_without_a_plan_there_is_nothing_to_print():
    with pytest.raises(Broken, match="hearth has no recovery plan"):
        by_hand(HEARTH.model_copy(update={"recovery": None}), Item(Verb.ASK, "x", "dc-west"))


# -- the page ----------------------------------------------------------------------------------


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in {"src", "href"}]

    def handle_data(self, data):
        self.text += data


PHASES = {
    Verb.RESIZE_SERVICE: "start", Verb.START_SERVICE: "start", Verb.START_WORKER: "start", Verb.FENCE_DATABASE: "fence",
    Verb.STOP_WORKER: "fence", Verb.PROMOTE_DATABASE: "promote", Verb.STAND_ALONE: "promote", Verb.SHIFT_TRAFFIC: "shift",
    Verb.ASK: "fence", Verb.VERIFY_CLIENTS: "verify-clients",
}  # fmt: skip
ORDER = ("fence", "promote", "start", "shift", "verify-clients")
PLAN = Plan(
    action="failover",
    platform="hearth",
    subject="dc-west",
    reason="azure-west <answers> nobody",
    candidate="household-data-standby",
    roles={"dc-west": "active"},
    coverage={"household-data": "not confirmed"},
    bounds=(Bound(name="rows lost", at_most=2000, measured=12, unit="rows"),),
    guards=(Guard(name="capacity", holds=True, text="16 cores free"),),
    known_wrong=("device-api: refused the connection",),
    steps=tuple(
        PlanStep(phase=phase, item=ITEMS[verb], text=f"do {verb.value}")
        for phase in ORDER
        for verb, its in PHASES.items()
        if its == phase
    ),
)


def typed_for(step):
    return by_hand(HEARTH, parse_item(step.item), step.phase).commands


@pytest.fixture(params=["en", "fr"])
def page(request):
    text = render_paper(PLATFORM, PLAN, at=AT, language=request.param, time_zone="Europe/Paris")
    assert f'<html lang="{request.param}">' in text
    return Page(text)


def test_the_page_holds_every_step_in_the_plans_order(page):
    assert all(page.text.count(step.item) == 1 for step in PLAN.steps)
    assert page.text.index(ITEMS[Verb.PROMOTE_DATABASE]) < page.text.index(ITEMS[Verb.STAND_ALONE])
    assert page.text.index(ITEMS[Verb.ASK]) < page.text.index(ITEMS[Verb.FENCE_DATABASE])
    numbers = [int(part.split(".")[0]) for part in page.text.split("☐ ")[1:]]
    assert numbers == list(range(1, len(PLAN.steps) + 1))


@pytest.mark.parametrize(
    ("language", "title"), [("en", "When the old site answers again"), ("fr", "Quand l'ancien site répond de nouveau")]
)
def test_what_vigie_would_do_by_itself_when_the_old_site_is_back_is_on_paper_with_its_commands(language, title):
    made = plan_move(MoveKind.FAILOVER, HEARTH, dark())
    text = Page(render_paper(HEARTH, made, at=AT, language=language, time_zone="Europe/Paris")).text
    later = text[text.index(title) :]
    places = [later.index(step.item) for step in made.when_back]
    assert places == sorted(places)
    assert all(command in later for step in made.when_back for command in typed_for(step))
    numbers = [int(part.split(".")[0]) for part in text.split("☐ ")[1:]]
    assert numbers == list(range(1, len(made.steps) + len(made.when_back) + 1))


def test_a_french_page_has_its_measures_and_fences_in_french():
    made = plan_move(MoveKind.FAILOVER, HEARTH, dark())
    text = Page(render_paper(HEARTH, made, at=AT, language="fr", time_zone="Europe/Paris")).text.replace("\u00a0", " ")
    known = text[text.index("Ce qu'il faut savoir") : text.index("Secrets nécessaires")]
    assert "lignes de household qui peuvent être perdues : au plus 2 000 lignes" in known
    assert "NON confirmé : rien n'y répond" in known
    assert "fence-database:" not in known
    assert not re.search(r"\brows\b|\bsupposed\b", known)


def test_nothing_in_it_is_fetched_or_carried_out(page):
    assert not {"script", "img", "a", "link", "iframe", "form"} & set(page.tags)
    assert "azure-west <answers> nobody" in page.text


def test_it_says_where_the_secrets_are_and_what_is_known(page):
    for part in (
        "postgres-hearth-operator",
        "azure-hearth-operator",
        "openstack-hearth-operator",
        "POSTGRES_HEARTH_OPERATOR_TOKEN",
        "household-data-standby",
        "not confirmed",
        "16 cores free",
        PLAN.digest[:12],
    ):
        assert part in page.text
    assert page.text.count("Bearer $POSTGRES_HEARTH_OPERATOR_TOKEN") > 1
    assert page.tags.count("tr") == 1 + 2 + 2  # the head, each secret once, each provider's login


def test_a_variable_is_a_name_that_a_shell_takes():
    assert variable("postgres-hearth.operator", "TOKEN") == "POSTGRES_HEARTH_OPERATOR_TOKEN"
