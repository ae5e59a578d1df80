"""A platform's name that was mistyped, asked of a real Prefect."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.catalogue.block import PlatformBlock
from blocks.catalogue.loader import load_catalogue
from deployments.commands.beat import require_declared
from tasks.runs.catalogue import PlatformUnknown, load_platform

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[3] / "deployments" / "catalogue")


@pytest.mark.usefixtures("prefect_server")
def test_a_mistyped_name_is_answered_with_the_nearest():
    PlatformBlock.of(CATALOGUE.platforms["hearth"], CATALOGUE.customers["hearth"]).save(
        "hearth", overwrite=True, _sync=True
    )
    assert load_platform("hearth").platform.name == "hearth"
    assert require_declared("hearth", "nightly-export") == ""
    with pytest.raises(PlatformUnknown, match="Prefect has no platform 'hearht'; the nearest is 'hearth'"):
        load_platform("hearht")
    with pytest.raises(PlatformUnknown, match=r"no platform 'zzz'. Next: is the name right") as unlike:
        load_platform("zzz")
    assert "nearest" not in str(unlike.value)
    with pytest.raises(PlatformUnknown):
        require_declared("hearht", "nightly-export")
