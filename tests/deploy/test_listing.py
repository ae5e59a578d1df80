"""prefect.yaml: every entrypoint loads for real, and what we do not understand is refused by its name."""

from __future__ import annotations

import pytest

from blocks.catalogue.loader import load_catalogue
from blocks.errors import Broken
from deployments.apply import load_flows, wanted_schedules
from deployments.commands.apply import CODE
from deployments.listing import read_listing

pytestmark = pytest.mark.filterwarnings("ignore")  # what flows import warns about itself

RIGHT = (CODE / "prefect.yaml").read_text()


def test_every_entrypoint_loads_and_has_the_parameter_that_the_catalogue_fills():
    listing = read_listing(CODE / "prefect.yaml")
    flows = load_flows(listing, CODE)
    assert [flows[entry.entrypoint].name for entry in listing.deployments] == [
        "health-sweep",
        "approval-drill",
        "service-restart",
        "switchover",
        "failover",
        "failback",
        "joint-failover",
        "point-in-time-restore",
        "rejoin",
        "recovery-readiness",
        "recovery-drill",
        "leak-sweep",
        "resume-runs",
        "settle-moves",
        "steer-run",
    ]
    assert all(callable(flow) for flow in flows.values())


def test_the_prefect_that_is_installed_is_the_one_that_is_listed():
    import prefect

    assert read_listing(CODE / "prefect.yaml").prefect_version == prefect.__version__


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("    tags: [health]", "    tagz: [health]", "deployments.0.tagz"),
        ("    entrypoint:", "    entrypiont:", "deployments.0.entrypiont"),
        ("deployments:", "deploymnets:", "deploymnets"),
        ("      schedule: sweep_every", "      schedule: sweep_evry", "deployments.0.each_platform.schedule"),
        ("      schedule: sweep_every", "      shcedule: sweep_every", "deployments.0.each_platform.shcedule"),
        ("    work_pool: *pool", "    work_pool: vigie", "deployments.0.work_pool"),
        ("    work_pool: *pool", "    work_pool: {name: [vigie]}", "deployments.0.work_pool.name"),
        ("    work_pool: *pool", "    work_pool: {name: vigie, typ: process}", "deployments.0.work_pool.typ"),
        ("    description: How", "    schedules: []\n    description: How", "deployments.0.schedules"),
        ("    tags: [health]", "    tags: [health]\n    tags: [night]", "duplicate key"),
        ("name: vigie\nprefect", "prefect", "name"),
        ("deployments:\n", "deployments: [\n", "cannot be read"),
        (RIGHT, "", "prefect.yaml"),
        ("    work_pool: *pool", "    work_pool: *pol", "pol"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_name(tmp_path, old, new, named):
    assert old in RIGHT
    file = tmp_path / "prefect.yaml"
    file.write_text(RIGHT.replace(old, new))
    with pytest.raises(Broken) as refused:
        read_listing(file)
    assert named in str(refused.value)


def test_a_plan_is_looked_at_every_half_hour_wherever_there_is_one():
    listing = read_listing(CODE / "prefect.yaml")
    (entry,) = (each for each in listing.deployments if each.name == "readiness")
    catalogue = load_catalogue(CODE / "deployments" / "catalogue")
    assert wanted_schedules(entry, catalogue) == {
        "readiness-hearth": {"every_s": 1800.0, "parameters": {"platform": "hearth"}}
    }
    (swept,) = (each for each in listing.deployments if each.name == "sweep")
    assert set(wanted_schedules(swept, catalogue)) == {"sweep-hearth", "sweep-storefront"}


def test_two_intervals_for_one_deployment_are_refused(tmp_path):
    file = tmp_path / "prefect.yaml"
    file.write_text(RIGHT.replace("      schedule: sweep_every\n", "      schedule: sweep_every\n    every: 1min\n"))
    with pytest.raises(Broken, match=r"deployments\.0: .*expected either every or each_platform\.schedule"):
        read_listing(file)


def test_the_same_deployment_twice_is_refused(tmp_path):
    file = tmp_path / "prefect.yaml"
    entry = RIGHT[RIGHT.index("  - name: sweep") : RIGHT.index("  - name: drill")]
    file.write_text(RIGHT + entry)
    with pytest.raises(Broken, match=r"listed twice: sweep of flows/health_sweep\.py:health_sweep"):
        read_listing(file)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("flows/health_sweep.py:health_sweep", "flows/health_sweep.py:helth_sweep", "helth_sweep"),
        ("flows/health_sweep.py:health_sweep", "flows/helth_sweep.py:health_sweep", "does not load"),
        ("flows/health_sweep.py:health_sweep", "flows/health_sweep.py", "does not load"),
        ("flows/health_sweep.py:health_sweep", "flows/health_sweep.py:overlapping", "does not load"),
        ("parameter: platform", "parameter: plattform", "no parameter 'plattform', only platform"),
    ],
)
def test_what_could_not_start_is_refused_with_the_deployment_named(tmp_path, old, new, said):
    file = tmp_path / "prefect.yaml"
    file.write_text(RIGHT.replace(old, new))
    with pytest.raises(Broken, match=said) as refused:
        load_flows(read_listing(file), CODE)
    assert "deployment sweep in prefect.yaml" in str(refused.value)


def test_a_flow_whose_import_fails_is_refused_with_the_reason(tmp_path):
    (tmp_path / "torn.py").write_text("import nowhere_to_be_found\n")
    file = tmp_path / "prefect.yaml"
    file.write_text(RIGHT.replace("flows/health_sweep.py:health_sweep", "torn.py:torn"))
    with pytest.raises(Broken, match="nowhere_to_be_found"):
        load_flows(read_listing(file), tmp_path)
