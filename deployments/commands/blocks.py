"""`vigie blocks check`: does each saved credential open, and what may it do?

Least privilege that can be seen: a reader that may write is named, and so is one that may not read.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from blocks.errors import VigieError
from blocks.ports.capabilities import Capability

app = typer.Typer(no_args_is_help=True, help="Credential and configuration blocks.")


@app.callback()
def _group() -> None:
    """Credential and configuration blocks."""


@app.command("check")
def check(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Open every saved block of ours and say what it may and may not do. Exit 1 when one does not open."""
    found = asyncio.run(examine_all())
    if as_json:
        typer.echo(json.dumps([_as_json(*entry) for entry in found]))
    else:
        for entry in found:
            _print(*entry)
        if not found:
            typer.echo("No credential block is saved yet; create them in the Prefect UI under Blocks.")
    if any(error for _, _, error in found):
        raise typer.Exit(1)


async def examine_all() -> list[tuple[str, tuple[Capability, ...], str]]:
    """("type/name", what it may do, why it does not open) for every saved block that can be examined."""
    from prefect import get_client

    from deployments.block_types import block_classes

    classes = {block.get_block_type_slug(): block for block in block_classes()}
    found: list[tuple[str, tuple[Capability, ...], str]] = []
    async with get_client() as client:
        for document in await client.read_block_documents(include_secrets=True):
            slug = document.block_type.slug if document.block_type else ""
            if slug in classes and document.name and (examine := _examiner(classes[slug])):
                block = classes[slug]._from_block_document(document)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
                found.append(await _examine(f"{slug}/{document.name}", block, examine))
    return sorted(found, key=lambda entry: entry[0])


def _examiner(block_class: type) -> Any:
    if block_class.__name__ == "AwsCredentials":
        from blocks.aws.block import examine_aws

        return examine_aws
    return getattr(block_class, "examine", None)


async def _examine(label: str, block: Any, examine: Any) -> tuple[str, tuple[Capability, ...], str]:
    try:
        return label, tuple(await examine(block)), ""
    except VigieError as error:
        return label, (), str(error)


def _as_json(label: str, capabilities: tuple[Capability, ...], error: str) -> dict[str, Any]:
    may = [{"action": c.action, "allowed": c.allowed, "detail": c.detail} for c in capabilities]
    return {"block": label, "opens": not error, "error": error or None, "capabilities": may}


def _print(label: str, capabilities: tuple[Capability, ...], error: str) -> None:
    typer.echo(f"{label}: {'does not open: ' + error if error else 'opens'}")
    for capability in capabilities:
        word = {True: "may", False: "may not", None: "unknown whether it may"}[capability.allowed]
        detail = f" ({capability.detail})" if capability.detail else ""
        typer.echo(f"  {word} {capability.action}{detail}")
