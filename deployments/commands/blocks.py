"""`vigie blocks check`: does each saved credential open, and what may it do?

Least privilege that can be seen: a reader that may write is named, and so is one that may not read.
The rule: a credential that could not be tried is never said to open.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blocks.errors import VigieError
from blocks.ports.capabilities import Capability, opens

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient


app = typer.Typer(no_args_is_help=True, help="Credential and configuration blocks.")
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Examined:
    """A saved block ("type/name"), what it may do, and why it does not open. `opens` is None when nobody could try."""

    block: str
    capabilities: tuple[Capability, ...] = ()
    error: str = ""

    @property
    def opens(self) -> bool | None:
        """An error is proof of the contrary; else what it may do says it."""
        return False if self.error else opens(self.capabilities)


@app.callback()
def _group() -> None:
    """Credential and configuration blocks."""


@app.command("check")
def check(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Open every saved block of ours and say what it may and may not do. Exit 1 when one does not open."""
    try:
        found = asyncio.run(examine_all())
    except VigieError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps([_as_json(examined) for examined in found]))
    else:
        for examined in found:
            _print(examined)
        if not found:
            typer.echo("No credential block is saved yet; create them in the Prefect UI under Blocks.")
    if any(examined.opens is False for examined in found):
        raise typer.Exit(1)


async def examine_all() -> list[Examined]:
    """Every saved block that can be examined, by name. Raises `Retryable` when Prefect does not answer."""
    from prefect import get_client

    from deployments.apply import prefect_answers
    from deployments.block_types import block_classes

    classes = {block.get_block_type_slug(): block for block in block_classes()}
    with prefect_answers():
        async with get_client() as client:
            documents = [
                d for d in await _documents(client) if d.name and d.block_type and d.block_type.slug in classes
            ]
    saved: dict[str, Any] = {}
    found: list[Examined] = []
    for document in documents:
        slug = document.block_type.slug
        label = f"{slug}/{document.name}"
        try:
            saved[label] = classes[slug]._from_block_document(document)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        except ValueError as error:
            fields = ", ".join(_fields(error)) or type(error).__name__  # never the values: they may be secrets
            found.append(Examined(label, error=f"what is saved does not fit its type ({fields}); save it again"))
    examinations = [_examine(label, block, saved.values()) for label, block in saved.items() if _can_be(block)]
    return sorted([*found, *await asyncio.gather(*examinations)], key=lambda examined: examined.block)


async def _documents(client: PrefectClient) -> list[Any]:
    found: list[Any] = []
    while page := await client.read_block_documents(include_secrets=True, offset=len(found), limit=_PAGE):
        found += page
    return found


def _fields(error: ValueError) -> Sequence[str]:
    from pydantic import ValidationError

    errors = error.errors(include_input=False) if isinstance(error, ValidationError) else []
    return [".".join(str(part) for part in each["loc"]) for each in errors]


def _can_be(block: Any) -> bool:
    return type(block).__name__ == "AwsCredentials" or hasattr(block, "examine")


async def _examine(label: str, block: Any, saved: Any) -> Examined:
    from blocks.postgres.block import DatabaseHost, PostgresReader

    try:
        if type(block).__name__ == "AwsCredentials":
            from blocks.aws.block import OPERATOR, READER, examine_aws

            acts = label.rpartition("/")[2] in _operators(list(saved))
            return Examined(label, tuple(await examine_aws(block, OPERATOR if acts else READER)))
        if isinstance(block, PostgresReader):
            return Examined(label, await _examine_reader(block, label.rpartition("/")[2], list(saved)))
        if isinstance(block, DatabaseHost):
            return Examined(label, await block.examine(_routes(list(saved))))
        return Examined(label, tuple(await block.examine()))
    except VigieError as error:
        return Examined(label, error=str(error))


def _operators(saved: Sequence[Any]) -> set[str]:
    """The blocks that a site of a registered platform names as its operator: AWS has one type for both."""
    from blocks.catalogue.block import PlatformBlock

    platforms = [block.platform() for block in saved if isinstance(block, PlatformBlock)]
    return {site.operator for platform in platforms for site in platform.sites.values() if site.operator}


async def _examine_reader(reader: Any, name: str, saved: Sequence[Any]) -> tuple[Capability, ...]:
    """A database role is examined where the platforms use it: on each server that a check or a recovery plan names."""
    from blocks.catalogue.block import PlatformBlock
    from blocks.catalogue.databases import databases_of_platform, databases_of_recovery

    platforms = [block.platform() for block in saved if isinstance(block, PlatformBlock)]
    routes = _routes(saved)
    found_by = (databases_of_platform, databases_of_recovery)
    places = sorted({place for platform in platforms for find in found_by for place in find(platform, name)})
    if not places:
        return await reader.examine()
    found = await asyncio.gather(*(reader.examine(address, database, routes) for address, database in places))
    return tuple(capability for each in found for capability in each)


def _routes(saved: Sequence[Any]) -> Any:
    """Where names lead, when they lead elsewhere."""
    from blocks.network.block import ProbeNetwork

    return next((block.routes() for block in saved if isinstance(block, ProbeNetwork)), None)


def _as_json(examined: Examined) -> dict[str, Any]:
    may = [{"action": c.action, "allowed": c.allowed, "detail": c.detail} for c in examined.capabilities]
    return {"block": examined.block, "opens": examined.opens, "error": examined.error or None, "capabilities": may}


def _print(examined: Examined) -> None:
    word = {True: "opens", False: "does not open", None: "cannot be tried"}[examined.opens]
    typer.echo(f"{examined.block}: {word}{': ' + examined.error if examined.error else ''}")
    for capability in examined.capabilities:
        word = {True: "may", False: "may not", None: "unknown whether it may"}[capability.allowed]
        detail = f" ({capability.detail})" if capability.detail else ""
        typer.echo(f"  {word} {capability.action}{detail}")
