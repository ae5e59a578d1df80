"""Are the two platforms that ship complete, and cheap to load?"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from blocks.catalogue.kinds import KINDS, prober_for
from blocks.catalogue.loader import check_catalogue, load_catalogue
from blocks.catalogue.model import Catalogue, Check, Criticality, SiteRole
from deployments.commands import demo

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deployments" / "catalogue"


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue(FOLDER)


def _checks(catalogue):
    return [
        (service, check)
        for platform in catalogue.platforms.values()
        for service in platform.services.values()
        for check in service.checks.values()
    ]


def test_they_have_no_mistake():
    assert check_catalogue(FOLDER) == []


def test_every_kind_of_check_and_of_service_is_used(catalogue):
    kinds = {member.model_fields["kind"].annotation.__args__[0] for member in get_args(get_args(Check)[0])}
    assert {check.kind for _, check in _checks(catalogue)} == kinds
    services = {service.kind for platform in catalogue.platforms.values() for service in platform.services.values()}
    assert services == set(KINDS)


def test_every_check_has_a_prober(catalogue):
    assert {prober_for(service.kind, check.kind) for service, check in _checks(catalogue)} == {
        "network",
        "azure",
        "aws",
        "openstack",
        "postgres",
        "journal",
    }


def test_names_come_from_the_keys(catalogue):
    assert all(key == platform.name for key, platform in catalogue.platforms.items())
    for platform in catalogue.platforms.values():
        for part in (platform.sites, platform.services, platform.maintenance):
            assert all(key == value.name for key, value in part.items())
        for service in platform.services.values():
            assert all(key == check.name for key, check in service.checks.items())
            assert all(key == slo.name for key, slo in service.slos.items())


def test_the_promises_and_the_recovery_site_are_there(catalogue):
    hearth, storefront = catalogue.platforms["hearth"], catalogue.platforms["storefront"]
    promised = {s.name for p in (hearth, storefront) for s in p.services.values() if s.slos}
    assert promised == {"device-api", "message-ingestion", "household-data", "web-balancer"}
    assert {site.role for site in hearth.sites.values()} == {SiteRole.PRIMARY, SiteRole.RECOVERY}
    assert hearth.services["device-api"].criticality is Criticality.CRITICAL
    assert hearth.maintenance
    assert storefront.maintenance
    assert {catalogue.customers[p.customer].language for p in (hearth, storefront)} == {"fr", "en"}


def test_the_digest_is_the_content_s_and_not_the_writing_s(tmp_path, catalogue):
    text = (FOLDER / "storefront.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text)
    before = load_catalogue(tmp_path).digest
    (tmp_path / "a.yaml").write_text(text.replace("timeout: 5s", "timeout: 5000 ms") + "# a comment\n")
    assert load_catalogue(tmp_path).digest == before
    (tmp_path / "a.yaml").write_text(text.replace("timeout: 5s", "timeout: 6s"))
    assert load_catalogue(tmp_path).digest != before
    assert len(catalogue.digest) == 64


def test_loading_imports_nothing_heavy():
    code = (
        "import sys; from pathlib import Path; from blocks.catalogue.loader import load_catalogue;"
        f"load_catalogue(Path({str(FOLDER)!r}));"
        "print([m for m in sys.modules if m.split('.')[0] in {'prefect', 'azure', 'boto3', 'pandas', 'openstack'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


# -- heard on any night -------------------------------------------------------------------------

BREAKS = ("tests/scenario", "tests/ui")


def broken_on_purpose(catalogue: Catalogue) -> set[tuple[str, str]]:
    """(platform, service) of everything that the demo, the scenarios and the browser tests break, sites included."""
    named = {(story.platform, story.service) for story in demo.EVERY}
    for folder in BREAKS:
        for file in (ROOT / folder).rglob("*.py"):
            named |= set(re.findall(r"""["'](hearth|storefront)/([a-z0-9-]+)["']""", file.read_text()))
            constants = dict(re.findall(r"""^(\w+)(?:: \w+)? = ["']([\w-]+)["']""", file.read_text(), re.MULTILINE))
            if "PLATFORM" in constants and "ROOT" in constants:
                named.add((constants["PLATFORM"], constants["ROOT"]))
    found = set()
    for platform_name, name in named:
        platform = catalogue.platforms[platform_name]
        at_site = {s.name for s in platform.services.values() if s.site == name}
        found |= {(platform_name, service) for service in at_site or {name}}
    return found


def test_what_is_broken_on_purpose_is_found(catalogue):
    broken = broken_on_purpose(catalogue)
    assert {("hearth", "device-api"), ("hearth", "archive"), ("storefront", "orders-db")} <= broken
    assert len(broken) >= 9


def test_no_window_of_ours_ever_mutes_what_the_demo_and_the_scenarios_break(catalogue):
    muted = {
        (platform.name, service)
        for platform in catalogue.platforms.values()
        for maintenance in platform.maintenance.values()
        for service in maintenance.services or platform.services
    }
    assert muted
    assert muted & broken_on_purpose(catalogue) == set()


def test_looking_again_at_the_same_point_is_done_once_only(catalogue):
    windows = {"metric", "alarm", "quota", "iot_connected", "iot_message_rate"}
    found = [(s.name, c.name, c.kind, c.attempts) for s, c in _checks(catalogue)]
    assert [f for f in found if (f[3] == 2) is not (f[2] in windows)] == []
