"""A platform's name that was mistyped, asked of a real Prefect."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.catalogue.block import PlatformBlock
from blocks.catalogue.loader import load_catalogue
from blocks.errors import Broken
from tasks.runs.catalogue import load_platform

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[3] / "deployments" / "catalogue")


@pytest.mark.usefixtures("prefect_server")
def test_a_mistyped_name_is_answered_with_the_nearest():
    PlatformBlock.of(CATALOGUE.platforms["hearth"], CATALOGUE.customers["hearth"]).save(
        "hearth", overwrite=True, _sync=True
    )
    assert load_platform("hearth").platform.name == "hearth"
    with pytest.raises(Broken, match="Prefect has no platform 'hearht'; the nearest is 'hearth'"):
        load_platform("hearht")
    with pytest.raises(Broken, match=r"no platform 'zzz'. Next: is the name right") as unlike:
        load_platform("zzz")
    assert "nearest" not in str(unlike.value)
