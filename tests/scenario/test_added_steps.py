"""What a plan's own steps ask of a real Prefect: one run a key, followed to its end; and what a plan says beforehand."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from blocks.catalogue.block import PlatformBlock
from blocks.catalogue.recovery import AddedStep
from blocks.errors import Broken, Refused
from blocks.orchestrator.client import PrefectOrchestrator
from blocks.orchestrator.deployed import DeploymentRun
from blocks.ports.changes import Mark
from tasks.recovery.added import why_not_run
from tasks.recovery.planning import make_plan
from tasks.runs.catalogue import load_platform
from tests.scenario.test_sweeps import start_well

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]
SCHEMA = {
    "type": "object",
    "properties": {"site": {"type": "string"}, "times": {"type": "integer"}},
    "required": ["site"],
}


@pytest.fixture
def caches(sandbox):
    """A deployment that no worker takes: the test says how its runs go."""
    flow = sandbox.call("/flows/", {"name": f"caches-{uuid4().hex[:8]}"})
    made = sandbox.call(
        "/deployments/",
        {"name": "warm", "flow_id": flow["id"], "parameter_openapi_schema": SCHEMA, "enforce_parameter_schema": True},
    )
    yield f"{flow['name']}/warm"
    sandbox.call(f"/deployments/{made['id']}", method="DELETE")


def mark() -> Mark:
    return Mark(key=uuid4().hex * 2, run=uuid4(), intended_at=datetime.now(UTC))


def running(name: str, **parameters) -> DeploymentRun:
    return DeploymentRun(
        opened=PrefectOrchestrator, name=name, parameters=parameters, text="warm the caches",
        within=timedelta(minutes=1), why_not=lambda found: why_not_run(name, found, parameters, {"failover"}),
    )  # fmt: skip


def set_state(sandbox, run: str, kind: str, message: str = "") -> None:
    state = {"type": kind, "message": message}
    assert sandbox.call(f"/flow_runs/{run}/set_state", {"state": state, "force": True})["status"] == "ACCEPT"


def test_under_one_key_there_is_one_run_and_it_is_followed_to_its_end(sandbox, caches):
    step, at = running(caches, site="dc-west", times=3), mark()
    step.check()
    assert step.find_evidence(at) is None
    first, again = step.act(at), step.act(at)
    assert first == again == step.find_evidence(at)
    run = sandbox.call(f"/flow_runs/{first.reference}")
    assert (run["parameters"], run["idempotency_key"]) == ({"site": "dc-west", "times": 3}, at.key)
    assert step.act(mark()) != first, "another step is another run"

    assert not step.read_effect(at).reached
    set_state(sandbox, first.reference, "RUNNING")
    assert "is running" in step.read_effect(at).text
    set_state(sandbox, first.reference, "FAILED", "no cache to be warmed")
    with pytest.raises(Broken, match=r"ended as Failed: no cache to be warmed"):
        step.read_effect(at)
    set_state(sandbox, first.reference, "COMPLETED")  # a person retried it
    assert step.read_effect(at).reached
    sandbox.call(f"/flow_runs/{first.reference}", method="DELETE")
    with pytest.raises(Broken, match="no longer has the run"):
        step.read_effect(at)


@pytest.mark.parametrize(
    ("name", "parameters", "why"),
    [
        ("caches/cold", {}, "Prefect has no deployment caches/cold"),
        ("failover/failover", {"platform": "hearth", "reason": "x"}, "asks for an approval of its own"),
        ("steer-run/steer", {}, "asks for an approval of its own"),
        ("health-sweep/sweep", {}, "cannot be started without platform"),
        ("health-sweep/sweep", {"platform": "hearth", "site": "x"}, "has no parameter site"),
    ],
)
def test_what_must_not_be_started_is_refused(sandbox, name, parameters, why):
    with pytest.raises(Refused, match=why):
        running(name, **parameters).check()
    running("health-sweep/sweep", platform="hearth").check()


def test_a_value_that_does_not_fit_is_prefects_to_refuse_and_starts_nothing(sandbox, caches):
    step, at = running(caches, site="dc-west", times="often"), mark()
    with pytest.raises(Broken, match=r"times|often"):
        step.act(at)
    assert step.find_evidence(at) is None


@contextmanager
def own_steps(*steps: AddedStep):
    known = load_platform("hearth")
    plan = known.platform.recovery.model_copy(update={"steps": {step.name: step for step in steps}})
    changed = known.platform.model_copy(update={"recovery": plan})
    PlatformBlock.of(changed, known.customer).save("hearth", overwrite=True, _sync=True)
    try:
        yield
    finally:
        PlatformBlock.of(known.platform, known.customer).save("hearth", overwrite=True, _sync=True)


def a_step(name: str, **changes) -> AddedStep:
    base = {"name": name, "kind": "deployment", "when": "after", "phase": "verify-clients", "text": name}
    return AddedStep.model_validate(base | changes)


def test_a_plan_says_beforehand_whether_its_own_steps_can_be_done(sandbox):
    start_well(sandbox)
    swept = a_step("swept", deployment="health-sweep/sweep", parameters={"platform": "{platform}"})
    cold = a_step("cold", deployment="caches/cold")
    secret = a_step("secret", kind="call", url="https://partner.example/", credentials="nobody-saved")
    with own_steps(swept, cold, secret):
        made = make_plan("switchover", "hearth", reason="practice")
    guards = {guard.name: guard for guard in made.guards if guard.name.startswith("step ")}
    assert {name: guard.holds for name, guard in guards.items()} == {
        "step swept": True, "step cold": False, "step secret": False,
    }  # fmt: skip
    assert guards["step cold"].text == "Prefect has no deployment caches/cold"
    assert "no vigie-address-credentials block named 'nobody-saved' is saved" in guards["step secret"].text
    assert [step.item for step in made.steps if step.item.startswith("run-deployment:swept")]


def test_secret_headers_come_back_as_they_were_saved_and_are_shown_to_nobody(sandbox):
    from prefect.types import SecretDict

    from blocks.network.credentials import AddressCredentials

    kept = AddressCredentials(hosts=["partner.example"], headers=SecretDict({"Authorization": "Bearer s3cr3t"}))
    kept.save("partner", overwrite=True, _sync=True)
    loaded = AddressCredentials.load("partner", _sync=True)
    assert loaded.for_host("partner.example", "partner") == {"Authorization": "Bearer s3cr3t"}
    shown = sandbox.call("/block_types/slug/vigie-address-credentials/block_documents/name/partner")
    assert "s3cr3t" not in str(shown)
