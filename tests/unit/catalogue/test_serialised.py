"""Is a stored platform the platform, and does its digest notice every change?"""

from __future__ import annotations

import json
from datetime import time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.catalogue.loader import load_catalogue
from blocks.catalogue.model import Limits, Maintenance, MetricCheck
from blocks.catalogue.quantities import Limit
from blocks.catalogue.serialised import (
    catalogue_from_json,
    catalogue_to_json,
    customer_from_json,
    customer_to_json,
    digest_of,
    platform_from_json,
    platform_to_json,
)
from blocks.errors import Broken
from blocks.ports.health import Unit

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FOLDER = Path(__file__).resolve().parents[3] / "deployments" / "catalogue"
CATALOGUE = load_catalogue(FOLDER)
SHOP = CATALOGUE.platforms["storefront"]


@pytest.mark.parametrize("name", CATALOGUE.platforms)
def test_a_platform_comes_back_equal(name):
    platform = CATALOGUE.platforms[name]
    text = platform_to_json(platform)
    assert platform_from_json(text) == platform
    assert platform_to_json(platform_from_json(text)) == text
    assert json.loads(text)["services"]


def test_customer_and_catalogue_come_back_equal():
    customer = CATALOGUE.customers["hearth"]
    assert customer_from_json(customer_to_json(customer)) == customer
    assert catalogue_from_json(catalogue_to_json(CATALOGUE)) == CATALOGUE


_limits = st.builds(Limit, st.sampled_from([">", "<="]), st.floats(-1e12, 1e12), st.just(Unit.COUNT))
_durations = st.timedeltas(timedelta(microseconds=1), timedelta(days=900))


@settings(deadline=None)
@given(
    warning=_limits,
    critical=st.none() | _limits,
    wait=_durations,
    start=st.times().map(lambda t: time(t.hour, t.minute)),
)
def test_every_quantity_comes_back_equal(warning, critical, wait, start):
    check = MetricCheck(
        name="x",
        kind="metric",
        metric="m",
        unit=Unit.COUNT,
        window=wait,
        value=Limits(warning=warning, critical=critical),
    )
    window = Maintenance(name="w", rrule="FREQ=DAILY", start=start, duration=wait)
    service = SHOP.services["carts"].model_copy(update={"checks": {"x": check}})
    platform = SHOP.model_copy(
        update={"services": {"carts": service}, "maintenance": {"w": window}, "sweep_every": wait}
    )
    assert platform_from_json(platform_to_json(platform)) == platform


def test_the_digest_notices_a_change_and_only_that():
    assert digest_of(SHOP) == digest_of(platform_from_json(platform_to_json(SHOP)))
    assert digest_of(SHOP) != digest_of(SHOP.model_copy(update={"probes_at_once": 63}))
    assert digest_of(CATALOGUE) == CATALOGUE.digest
    assert digest_of(CATALOGUE.model_copy(update={"digest": "x"})) == CATALOGUE.digest


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"name": "x", "unknown": 1}'])
def test_what_cannot_be_read_back_is_broken_with_a_next_step(text):
    with pytest.raises(Broken, match="vigie apply") as raised:
        platform_from_json(text)
    assert raised.value.code == "probe_failed"


def test_the_block_holds_both_and_refuses_what_was_edited_by_hand():
    from blocks.catalogue.block import PlatformBlock

    block = PlatformBlock.of(SHOP, CATALOGUE.customers["storefront"])
    assert block.get_block_type_slug() == "vigie-platform"
    assert (block.platform(), block.customer()) == (SHOP, CATALOGUE.customers["storefront"])
    assert block.customer_name == "storefront"
    other = PlatformBlock.of(SHOP, CATALOGUE.customers["storefront"].model_copy(update={"channel": "else"}))
    assert other.digest != block.digest
    edited = PlatformBlock(
        customer_name="storefront",
        digest=block.digest,
        platform_json=block.platform_json.replace("storefront-orders", "other-orders"),
        customer_json=block.customer_json,
    )
    for opening in (edited.platform, edited.customer):
        with pytest.raises(Broken, match="edited it by hand"):
            opening()


def test_every_field_of_the_block_says_what_it_is():
    from blocks.catalogue.block import PlatformBlock

    own = {"customer_name", "digest", "platform_json", "customer_json"}
    assert own <= PlatformBlock.model_fields.keys()
    assert all(PlatformBlock.model_fields[name].description for name in own)
    assert PlatformBlock.get_description()
