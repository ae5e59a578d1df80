"""What a customer's Prefect shows of vigie, compared with a committed snapshot, so that no change goes unseen.

When a change is meant, renew the file and read its difference in review:

    VIGIE_RENEW_SURFACE=1 .venv/bin/pytest tests/deploy/test_surface.py

Ids, times, addresses and folders of this machine are not in it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.deploy.told import OURS

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.filterwarnings("ignore"),  # Prefect and the SDKs its blocks import warn about each other
]

SNAPSHOT = Path(__file__).with_name("surface.json")


def surface(sandbox):
    documents = {d["id"]: d["name"] for d in sandbox.call("/block_documents/filter", {"limit": 200})}
    return {
        "deployments": [_deployment(d) for d in sandbox.call("/deployments/filter", {"sort": "NAME_ASC"})],
        "block_types": _block_types(sandbox),
        "platforms": _platforms(sandbox),
        "automations": [_automation(a, documents) for a in sandbox.call("/automations/filter", {"sort": "NAME_ASC"})],
        "work_pools": sorted(f"{p['name']} ({p['type']})" for p in sandbox.call("/work_pools/filter", {})),
    }


def _deployment(found):
    kept = ("name", "entrypoint", "description", "work_pool_name", "enforce_parameter_schema")
    return {key: found[key] for key in kept} | {
        "tags": sorted(found["tags"]),
        "parameters": found["parameter_openapi_schema"],
        "schedules": {
            s["slug"]: {"every_s": s["schedule"]["interval"], "parameters": s["parameters"]}
            for s in sorted(found["schedules"], key=lambda s: s["slug"])
        },
    }


def _block_types(sandbox):
    types = {t["id"]: t for t in sandbox.call("/block_types/filter", {"limit": 200})}
    newest: dict[str, dict] = {}
    for schema in sandbox.call("/block_schemas/filter", {"limit": 200}):
        found = types[schema["block_type_id"]]
        if found["slug"].startswith(OURS[0]) and schema["created"] > newest.get(found["slug"], {"at": ""})["at"]:
            fields = schema["fields"]
            newest[found["slug"]] = {
                "at": schema["created"],
                "name": found["name"],
                "description": found["description"],
                "fields": {name: p.get("description", "") for name, p in sorted(fields["properties"].items())},
                "required": sorted(fields.get("required", [])),
                "secret": sorted(fields.get("secret_fields", [])),
            }
    return {slug: {k: v for k, v in what.items() if k != "at"} for slug, what in sorted(newest.items())}


def _platforms(sandbox):
    found = sandbox.call("/block_documents/filter", {"limit": 200})
    return sorted(d["name"] for d in found if d["block_type"]["slug"] == "vigie-platform")


def _automation(found, documents):
    trigger = {
        key: found["trigger"][key] for key in ("match", "match_related", "expect", "posture", "threshold", "within")
    }
    trigger["expect"] = sorted(trigger["expect"])  # a set
    actions = [
        {key: value for key, value in action.items() if key not in {"block_document_id", "deployment_id"}}
        | {"door": documents.get(action.get("block_document_id"), "")}
        for action in found["actions"]
    ]
    return {
        "name": found["name"],
        "description": found["description"],
        "enabled": found["enabled"],
        "trigger": trigger,
        "actions": actions,
    }


def test_what_is_registered_is_what_was_reviewed(prefect):
    found = surface(prefect)
    if os.environ.get("VIGIE_RENEW_SURFACE") == "1":
        SNAPSHOT.write_text(json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    assert found == json.loads(SNAPSHOT.read_text())


def test_every_field_of_every_block_says_what_belongs_there(prefect):
    mute = [
        f"{slug}.{field}"
        for slug, block in surface(prefect)["block_types"].items()
        for field, description in block["fields"].items()
        if not description
    ]
    assert not mute
