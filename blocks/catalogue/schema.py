"""How does an editor know what may stand in a catalogue file?

JSON Schema (draft 2020-12) of the YAML as people write it: without the names that come from the keys
of the maps, and without the digest. It catches wrong keys and types while typing; what joins things
by name is found by `vigie catalogue check` only.
"""

from __future__ import annotations

from typing import Any

from blocks.catalogue.kinds import KINDS
from blocks.catalogue.model import Catalogue

_NOT_WRITTEN = {"name", "digest"}


def catalogue_schema() -> dict[str, Any]:
    """The schema of one file of deployments/catalogue."""
    schema = Catalogue.model_json_schema(mode="validation")
    for model in (schema, *schema["$defs"].values()):
        properties = model.get("properties", {})
        for name in _NOT_WRITTEN & properties.keys():
            del properties[name]
    schema["$defs"]["Service"]["properties"]["kind"]["enum"] = sorted(KINDS)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "vigie catalogue"
    return schema
