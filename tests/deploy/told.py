"""What Prefect was told, as its API says it: to compare, and to change behind our back."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from typer.testing import CliRunner

from blocks.catalogue.approvals import load_rules
from blocks.catalogue.loader import load_catalogue
from deployments.apply import register
from deployments.commands.apply import CODE
from deployments.listing import read_listing

SHIPPED = CODE / "deployments" / "catalogue"
OURS = ("vigie", "dead man's switch: ", "watch-")

LANTERN = """
platforms:
  lantern:
    customer: hearth
    description: A platform for an hour
    sweep_every: {every}
    sweep_deadline: 3s
    sites:
      anywhere: {{provider: azure, region: westeurope, role: primary, credentials: azure-hearth-reader}}
    services:
      updates:
        kind: web
        site: anywhere
        checks:
          manifest:
            kind: http
            url: https://updates.hearth.example/manifest.json
            timeout: 2s
            recheck_every: 1s
            headers: {{X-Probe: planted-value-of-a-header}}
"""


def vigie(*arguments: str):
    """The command as typed, in this process."""
    from deployments.cli import app

    return CliRunner().invoke(app, list(arguments))


def apply(folder: Path = SHIPPED) -> list[str]:
    """`vigie apply` without its printing: the changes it made."""
    catalogue, listing = load_catalogue(folder), read_listing(CODE / "prefect.yaml")
    rules = load_rules(CODE / "deployments" / "approvals.yaml", catalogue, tuple(e.action for e in listing.deployments))
    made = register(catalogue, rules, listing, code=CODE, really=True, on_change=lambda _: None)
    return [str(change) for change in asyncio.run(made)]


def with_lantern(folder: Path, every: str = "1d") -> Path:
    """The shipped catalogue and one platform more, in a folder of its own."""
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    (folder / "lantern.yaml").write_text(LANTERN.format(every=every))
    return folder


def everything(sandbox) -> dict[str, object]:
    """All that `vigie apply` writes, ids and times of change included: equal means that nothing was written."""
    documents = sandbox.call("/block_documents/filter", {"include_secrets": True, "limit": 200})
    return {
        "deployments": sorted(map(_steady, sandbox.call("/deployments/filter", {})), key=lambda d: d["id"]),
        "pools": sorted(pool["id"] + pool["type"] for pool in sandbox.call("/work_pools/filter", {})),
        "block types": sandbox.call("/block_types/filter", {"limit": 200}),
        "block schemas": sorted(s["id"] for s in sandbox.call("/block_schemas/filter", {"limit": 200})),
        "blocks": sorted(((d["id"], d["updated"], d["name"], str(d["data"])) for d in documents), key=str),
        "automations": sandbox.call("/automations/filter", {}),
    }


def _steady(deployment):
    """Without what its worker changes."""
    return {key: value for key, value in deployment.items() if key not in ("status", "last_polled", "updated")}
