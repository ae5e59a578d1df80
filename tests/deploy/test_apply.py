"""`vigie apply` on the real Prefect: twice changes nothing, drift is named and mended, a mistake registers nothing."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from tests.deploy.told import apply, everything, vigie, with_lantern
from tests.sandbox_fixture import DEPLOYMENT, as_is, quiet
from tests.unit.catalogue.conftest import example  # noqa: F401
from tests.unit.catalogue.test_twenty import twenty  # noqa: F401

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect and the SDKs its blocks import warn about each other
]


@pytest.mark.parametrize("how", ["", "--dry-run", "--check"])
def test_applying_again_says_so_and_writes_nothing(prefect, how):
    before = everything(prefect)
    result = vigie("apply", *filter(None, [how]))
    assert (result.exit_code, result.output) == (0, "Prefect already knows everything; nothing to change.\n")
    assert everything(prefect) == before


def drift(sandbox):
    """Everything that apply owns, changed behind its back."""
    deployment = sandbox.call(DEPLOYMENT)
    path = f"/deployments/{deployment['id']}"
    schema = deployment["parameter_openapi_schema"]
    schema["properties"]["platform"]["enum"] = ["hearth", "nowhere"]
    changed = {"description": "by hand", "tags": ["by", "hand"], "parameter_openapi_schema": schema}
    sandbox.call(path, {**changed, "enforce_parameter_schema": False}, "PATCH")
    (hearth,) = (s for s in deployment["schedules"] if s["slug"] == "sweep-hearth")
    sandbox.call(f"{path}/schedules/{hearth['id']}", as_is(hearth) | {"schedule": {"interval": 77}}, "PATCH")

    documents = {d["name"]: d for d in sandbox.call("/block_documents/filter", {"include_secrets": True})}
    for name, field, value in (
        ("hearth", "customer_name", "somebody"),  # its digest stays as it was
        ("watch-hearth-slack", "json_data", {"channel": "elsewhere", "text": "*{{subject}}*\n{{body}}"}),
    ):
        body = {"data": documents[name]["data"] | {field: value}, "merge_existing_data": False}
        sandbox.call(f"/block_documents/{documents[name]['id']}", body, "PATCH")
    sandbox.call(f"/block_documents/{documents['storefront']['id']}", method="DELETE")
    (watch,) = (t for t in sandbox.call("/block_types/filter", {}) if t["slug"] == "vigie-outside-watch")
    sandbox.call(f"/block_types/{watch['id']}", method="DELETE")


CHANGES = [
    "create block type vigie-outside-watch",
    "update platform hearth (customer_name)",
    "create platform storefront",
    "update deployment health-sweep/sweep (description, tags, parameters, enforced, schedules)",
    "update door of the dead man's switch watch-hearth-slack (content)",
]


def test_every_drift_is_named_by_check_and_mended_by_apply(prefect):
    drift(prefect)
    before = everything(prefect)
    for option in ("--check", "--dry-run"):
        result = vigie("apply", option)
        assert result.output.splitlines() == [f"would {change}" for change in CHANGES]
        assert result.exit_code == (1 if option == "--check" else 0)
        assert everything(prefect) == before
    result = vigie("apply")
    assert (result.exit_code, result.output.splitlines()) == (0, CHANGES)
    assert vigie("apply", "--check").exit_code == 0
    deployment = prefect.call(DEPLOYMENT)
    assert deployment["parameter_openapi_schema"]["properties"]["platform"]["enum"] == ["hearth", "storefront"]
    assert {s["slug"]: s["schedule"]["interval"] for s in deployment["schedules"]} == {
        "sweep-hearth": 300.0,
        "sweep-storefront": 300.0,
    }


def disable(sandbox, switch):
    sandbox.call(f"/automations/{switch['id']}", {"enabled": False}, "PATCH")


def delete(sandbox, switch):
    sandbox.call(f"/automations/{switch['id']}", method="DELETE")


def lengthen(sandbox, switch):
    trigger = switch["trigger"] | {"within": 86_400}
    kept = {key: switch[key] for key in ("name", "description", "enabled", "actions")}
    sandbox.call(f"/automations/{switch['id']}", {**kept, "trigger": trigger}, "PUT")


def hush(sandbox, switch):
    kept = {key: switch[key] for key in ("name", "description", "enabled", "trigger")}
    sandbox.call(f"/automations/{switch['id']}", {**kept, "actions": [{"type": "do-nothing"}]}, "PUT")


@pytest.mark.parametrize(
    ("hearth", "storefront", "changes"),
    [
        (disable, delete, ["update dead man's switch hearth (enabled)", "create dead man's switch storefront"]),
        (
            lengthen,
            hush,
            ["update dead man's switch hearth (trigger)", "update dead man's switch storefront (actions)"],
        ),
    ],
)
def test_a_dead_mans_switch_that_would_not_speak_is_drift(prefect, hearth, storefront, changes):
    hearth(prefect, switch_of(prefect, "hearth"))
    storefront(prefect, switch_of(prefect, "storefront"))
    result = vigie("apply", "--check", "--json")
    assert result.exit_code == 1
    assert [f"{c['verb']} {c['kind']} {c['name']}{keys(c)}" for c in json.loads(result.output)] == changes
    assert apply() == changes
    for platform in ("hearth", "storefront"):
        mended = switch_of(prefect, platform)
        assert (mended["enabled"], mended["trigger"]["within"], len(mended["actions"])) == (True, 900.0, 2)


def keys(found):
    return f" ({', '.join(found['keys'])})" if found["keys"] else ""


def switch_of(sandbox, platform):
    found = [a for a in sandbox.call("/automations/filter", {}) if a["name"] == f"dead man's switch: {platform}"]
    assert len(found) == 1
    return found[0]


def test_a_schedule_that_was_paused_by_hand_stays_paused_when_another_thing_is_mended(prefect):
    deployment = prefect.call(DEPLOYMENT)
    by_slug = {s["slug"]: s for s in deployment["schedules"]}
    path = f"/deployments/{deployment['id']}"
    storefront = by_slug["sweep-storefront"]
    prefect.call(f"{path}/schedules/{storefront['id']}", as_is(storefront) | {"active": True}, "PATCH")
    prefect.call(path, {"description": "by hand"}, "PATCH")
    apply()
    active = {s["slug"]: s["active"] for s in prefect.call(DEPLOYMENT)["schedules"]}
    assert active == {"sweep-hearth": False, "sweep-storefront": True}
    quiet(prefect)


def test_a_schedule_that_lost_its_platform_when_it_was_paused_in_the_ui_is_drift(prefect):
    """Prefect's own pages send only `active`, and the server then empties the parameters."""
    deployment = prefect.call(DEPLOYMENT)
    (hearth,) = (s for s in deployment["schedules"] if s["slug"] == "sweep-hearth")
    prefect.call(f"/deployments/{deployment['id']}/schedules/{hearth['id']}", {"active": False}, "PATCH")
    assert apply() == ["update deployment health-sweep/sweep (schedules)"]
    (mended,) = (s for s in prefect.call(DEPLOYMENT)["schedules"] if s["slug"] == "sweep-hearth")
    assert (mended["parameters"], mended["active"]) == ({"platform": "hearth"}, False)


def test_an_active_schedule_really_plans_runs_with_its_platform(prefect):
    deployment = prefect.call(DEPLOYMENT)
    (hearth,) = (s for s in deployment["schedules"] if s["slug"] == "sweep-hearth")
    prefect.call(f"/deployments/{deployment['id']}/schedules/{hearth['id']}", as_is(hearth) | {"active": True}, "PATCH")
    wanted = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    deadline = time.monotonic() + 60
    while not (planned := prefect.call("/flow_runs/filter", wanted)):
        assert time.monotonic() < deadline, "Prefect's scheduler plans nothing: read the server's log"
        time.sleep(0.5)
    quiet(prefect)
    assert {json.dumps(run["parameters"]) for run in planned} == {'{"platform": "hearth"}'}


def test_a_platform_that_leaves_the_catalogue_loses_schedule_choice_and_switch(prefect, tmp_path):
    added = apply(with_lantern(tmp_path))
    assert added == [
        "create platform lantern",
        "update deployment health-sweep/sweep (parameters, schedules)",
        "update deployment approval-drill/drill (parameters)",
        "update deployment service-restart/restart (parameters)",
        "create dead man's switch lantern",
    ]
    deployment = prefect.call(DEPLOYMENT)
    assert "sweep-lantern" in {s["slug"] for s in deployment["schedules"]}
    assert "lantern" in deployment["parameter_openapi_schema"]["properties"]["platform"]["enum"]
    assert switch_of(prefect, "lantern")["trigger"]["within"] == 3 * 86_400

    result = vigie("apply")
    assert result.output.splitlines() == [
        "delete platform lantern",
        "update deployment health-sweep/sweep (parameters, schedules)",
        "update deployment approval-drill/drill (parameters)",
        "update deployment service-restart/restart (parameters)",
        "delete dead man's switch lantern",
    ]
    deployment = prefect.call(DEPLOYMENT)
    assert {s["slug"] for s in deployment["schedules"]} == {"sweep-hearth", "sweep-storefront"}
    assert "lantern" not in deployment["parameter_openapi_schema"]["properties"]["platform"]["enum"]
    names = {a["name"] for a in prefect.call("/automations/filter", {})}
    assert names == {
        "dead man's switch: hearth",
        "dead man's switch: storefront",
        "start at once: leak-sweep/leaks",
        "start at once: resume-runs/resume",
    }


def test_a_catalogue_with_twenty_mistakes_prints_twenty_lines_and_registers_nothing(prefect, twenty, example):  # noqa: F811
    before = everything(prefect)
    result = vigie("apply", "--catalogue", str(example.folder))
    assert result.exit_code == 1
    *mistakes, last = result.output.splitlines()
    assert len([line for line in mistakes if ".yaml:" in line]) == len(twenty[0]) == 20
    assert last.startswith("Nothing was registered.")
    assert everything(prefect) == before


@pytest.mark.parametrize("parameters", [{"platform": "nowhere"}, {}, {"platform": 3}])
def test_a_run_with_wrong_parameters_is_refused_by_the_api(prefect, parameters):
    deployment = prefect.call(DEPLOYMENT)["id"]
    with pytest.raises(httpx.HTTPStatusError) as refused:
        prefect.call(f"/deployments/{deployment}/create_flow_run", {"parameters": parameters})
    assert refused.value.response.status_code == 409
    assert "Validation failed" in refused.value.response.text


def test_without_prefect_apply_says_so_in_a_sentence(sandbox):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(updates={PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        result = vigie("apply")
    assert result.exit_code == 1
    assert result.output.startswith("Prefect does not answer")
    assert "http://127.0.0.1:9/api" in result.output
