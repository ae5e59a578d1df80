"""What should Prefect know, what does it know, and how does one become the other?

prefect.yaml lists the deployments; the catalogue adds a schedule, a dropdown entry, a versioned
block and a dead-man's switch a platform. Applying twice changes nothing the second time; `--dry-run`
shows what would change and `--check` fails when something would. A catalogue with one mistake
registers nothing at all. A schedule that somebody paused by hand stays paused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from blocks.catalogue.approvals import ApprovalRules
from blocks.catalogue.model import Catalogue, Platform
from blocks.errors import Broken, Retryable
from blocks.orchestrator.loading import known_prefect
from deployments.listing import DeploymentEntry, EachPlatform, PrefectFile

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.flows import Flow

    from blocks.catalogue.block import PlatformBlock

_ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it should be. `verb` is create, update or delete; `keys` say what differs."""

    verb: str
    kind: str
    name: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a line for people: 'update deployment health-sweep/sweep (schedules)'."""
        detail = f" ({', '.join(self.keys)})" if self.keys else ""
        return f"{self.verb} {self.kind} {self.name}{detail}"


@dataclass(frozen=True, slots=True)
class Item:
    """Something Prefect should know: what is wanted, what is there (None when nothing is), how to make it so."""

    kind: str
    name: str
    wanted: Mapping[str, Any]
    actual: Mapping[str, Any] | None
    make: Callable[[], Awaitable[object] | None] = field(repr=False)
    unwanted: bool = False  # it is there and should not be: `make` deletes it

    def change(self) -> Change | None:
        """How the actual differs from the wanted; None when it does not."""
        if self.unwanted:
            return Change("delete", self.kind, self.name)
        if self.actual is None:
            return Change("create", self.kind, self.name)
        keys = tuple(key for key, value in self.wanted.items() if self.actual.get(key) != value)
        return Change("update", self.kind, self.name, keys) if keys else None


async def register(
    catalogue: Catalogue,
    rules: ApprovalRules,
    listing: PrefectFile,
    *,
    code: Path,
    really: bool,
    on_change: Callable[[Change], None],
) -> list[Change]:
    """Make Prefect know what catalogue, rules and prefect.yaml say; unless `really`, only find out what would change.

    `code` is the folder that holds prefect.yaml: where runs find the flows. Raises `Broken` before
    anything is changed when an entrypoint does not load, `Retryable` when Prefect does not answer.
    """
    from prefect import get_client

    from deployments.starters import starter_items
    from deployments.switches import door_items, switch_items

    flows = load_flows(listing, code)
    changes: list[Change] = []

    async def settle(items: list[Item]) -> None:
        for item in items:
            if (change := item.change()) is not None:
                changes.append(change)
                on_change(change)
                if really:
                    making = item.make()
                    if making is not None:
                        await making

    with prefect_answers():
        async with get_client() as client:
            await settle(await _block_type_items(client))
            await settle(
                [await _pool_item(client, name) for name in sorted({d.work_pool.name for d in listing.deployments})]
            )
            await settle(await _platform_items(client, catalogue))
            await settle([await _rules_item(client, rules)])
            await settle(
                [await _deployment_item(client, catalogue, e, flows[e.entrypoint], code) for e in listing.deployments]
            )
            await settle(await starter_items(client, listing, flows))
            await settle(await door_items(client, catalogue))
            await settle(await switch_items(client, catalogue))
    return changes


def load_flows(listing: PrefectFile, code: Path) -> dict[str, Flow[..., Any]]:
    """Entrypoint -> its flow, loaded for real. Raises `Broken` naming the deployment that could not start."""
    from prefect.flows import load_flow_from_entrypoint
    from prefect.utilities.callables import parameter_schema

    flows: dict[str, Flow[..., Any]] = {}
    for entry in listing.deployments:
        where = f"deployment {entry.name} in prefect.yaml"
        try:
            flow = load_flow_from_entrypoint(str(code / entry.entrypoint), use_placeholder_flow=False)
        except Exception as error:  # whatever its module raises when it is imported
            raise Broken(
                f"entrypoint {entry.entrypoint} does not load: {type(error).__name__}: {error}",
                where=where,
                next_step="correct entrypoint and apply again",
            ) from error
        each = entry.each_platform
        known = parameter_schema(flow).properties
        named = [] if each is None else [each.parameter, *([each.services.parameter] if each.services else [])]
        if unknown := [name for name in named if name not in known]:
            raise Broken(
                f"each_platform: {flow.name} has no parameter {unknown[0]!r}, only {', '.join(known)}",
                where=where,
                next_step="correct it and apply again",
            )
        flows[entry.entrypoint] = flow
    return flows


@contextmanager
def prefect_answers() -> Generator[None]:
    """Say in a sentence that Prefect does not answer, or does not take what it is told."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    where = known_prefect()
    try:
        yield
    except PrefectHTTPStatusError as error:
        raise Broken(
            f"Prefect answered {error.response.status_code} to {error.request.method} {error.request.url.path}",
            where=where,
            next_step="401 is a wrong PREFECT_API_AUTH_STRING; else read the Prefect server's log",
        ) from error
    except (httpx.HTTPError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "Failed to reach API" not in str(error):
            raise
        raise Retryable(
            f"Prefect does not answer ({type(error).__name__})",
            where=where,
            next_step="see that the Prefect server runs (vigie status in the sandbox), then apply again",
        ) from error


# -- blocks -----------------------------------------------------------------------------------


async def _block_type_items(client: PrefectClient) -> list[Item]:
    from deployments.block_types import block_classes

    items: list[Item] = []
    for block in block_classes():
        slug = block.get_block_type_slug()
        items.append(
            Item(
                "block type",
                slug,
                {"schema": block._calculate_schema_checksum()},  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
                await _schema_of(client, slug, block._calculate_schema_checksum()),  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
                lambda block=block: block.register_type_and_schema(client=client),
            )
        )
    return items


async def _schema_of(client: PrefectClient, slug: str, checksum: str) -> Mapping[str, Any] | None:
    from prefect.exceptions import ObjectNotFound

    with suppress(ObjectNotFound):  # a schema is there as long as its type is
        return {"schema": (await client.read_block_schema_by_checksum(checksum)).checksum}
    try:
        await client.read_block_type_by_slug(slug)
    except ObjectNotFound:
        return None
    return {}


async def _platform_items(client: PrefectClient, catalogue: Catalogue) -> list[Item]:
    """One a platform; the block of a platform that left the catalogue goes, and nobody can sweep it by mistake."""
    from blocks.catalogue.block import PlatformBlock

    there = await _saved_platforms(client)
    items: list[Item] = []
    for platform in catalogue.platforms.values():
        block = PlatformBlock.of(platform, catalogue.customers[platform.customer])
        saved = there.pop(platform.name, None)
        items.append(
            Item(
                "platform",
                platform.name,
                _content_of(block),
                saved.data if saved else None,
                lambda block=block, name=platform.name: block.save(name, overwrite=True, client=client),  # pyright: ignore[reportArgumentType]
            )
        )
    return [*items, *(_leaving(client, name, saved.id) for name, saved in there.items())]


def _leaving(client: PrefectClient, name: str, saved: UUID) -> Item:
    return Item("platform", name, {}, {}, lambda: client.delete_block_document(saved), unwanted=True)


async def _saved_platforms(client: PrefectClient) -> dict[str, Any]:
    from prefect.exceptions import ObjectNotFound

    from blocks.catalogue.block import PlatformBlock

    saved: list[Any] = []
    with suppress(ObjectNotFound):  # on a dry run before the first: the block type itself is not there
        saved += await client.read_block_documents_by_type(PlatformBlock.get_block_type_slug())
    return {document.name: document for document in saved}


def _content_of(block: PlatformBlock) -> Mapping[str, Any]:
    """All of it and not its digest alone: a platform edited by hand keeps its digest."""
    return block.model_dump(include={"customer_name", "digest", "platform_json", "customer_json"})


async def _rules_item(client: PrefectClient, rules: ApprovalRules) -> Item:
    from blocks.approvals.block import RULES_NAME, ApprovalRulesBlock

    block = ApprovalRulesBlock.of(rules)
    saved: Mapping[str, Any] | None = None
    with suppress(ValueError):  # there are none yet: they will be saved
        there = await ApprovalRulesBlock.aload(RULES_NAME, client=client)
        saved = {"digest": there.digest, "rules_json": there.rules_json}
    wanted = {"digest": block.digest, "rules_json": block.rules_json}
    return Item(
        "approval rules",
        RULES_NAME,
        wanted,
        saved,
        lambda: block.save(RULES_NAME, overwrite=True, client=client),  # pyright: ignore[reportArgumentType]
    )


# -- where and what runs ----------------------------------------------------------------------


async def _pool_item(client: PrefectClient, name: str) -> Item:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound

    actual: Mapping[str, Any] | None = None
    with suppress(ObjectNotFound):  # when there is none yet it will be created
        actual = {"type": (await client.read_work_pool(name)).type}
    # An existing pool keeps the type its operators gave it.
    wanted = {"type": actual["type"] if actual else "process"}
    return Item(
        "work pool", name, wanted, actual, lambda: client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    )


async def _deployment_item(
    client: PrefectClient, catalogue: Catalogue, entry: DeploymentEntry, flow: Flow[..., Any], code: Path
) -> Item:
    from prefect.exceptions import ObjectNotFound
    from prefect.utilities.callables import parameter_schema

    name = f"{flow.name}/{entry.name}"
    wanted: dict[str, Any] = {
        "entrypoint": entry.entrypoint,
        "path": str(code),
        "pull_steps": pull_steps(code),
        "description": entry.description,
        "tags": sorted(entry.tags),
        "work_pool": entry.work_pool.name,
        "parameters": with_choices(parameter_schema(flow).model_dump(), entry, catalogue),
        "enforced": True,
        "schedules": wanted_schedules(entry, catalogue),
    }
    actual: dict[str, Any] | None = None
    active: dict[str, bool] = {}
    try:
        there = await client.read_deployment_by_name(name)
        active = {s.slug: s.active for s in there.schedules if s.slug}
        actual = {
            "entrypoint": there.entrypoint,
            "path": there.path,
            "pull_steps": there.pull_steps,
            "description": there.description,
            "tags": sorted(there.tags),
            "work_pool": there.work_pool_name,
            "parameters": there.parameter_openapi_schema,
            "enforced": there.enforce_parameter_schema,
            "schedules": {
                s.slug or "": {"every_s": _interval_s(s.schedule), "parameters": s.parameters} for s in there.schedules
            },
        }
    except ObjectNotFound:
        pass  # there is none yet: it will be created

    async def make() -> None:
        from prefect.client.schemas.actions import DeploymentScheduleCreate
        from prefect.client.schemas.schedules import IntervalSchedule

        schedules = [
            DeploymentScheduleCreate(
                slug=slug,
                active=active.get(slug, True),
                parameters=schedule["parameters"],
                schedule=IntervalSchedule(
                    interval=timedelta(seconds=schedule["every_s"]),
                    anchor_date=_ANCHOR + _stagger(slug, schedule["every_s"]),  # pyright: ignore[reportArgumentType]
                ),
            )
            for slug, schedule in wanted["schedules"].items()
        ]
        await client.create_deployment(
            flow_id=await client.create_flow(flow),
            name=entry.name,
            entrypoint=entry.entrypoint,
            path=str(code),
            pull_steps=pull_steps(code),
            description=entry.description,
            tags=sorted(entry.tags),
            work_pool_name=entry.work_pool.name,
            parameter_openapi_schema=wanted["parameters"],
            enforce_parameter_schema=True,
            schedules=schedules,
        )

    return Item("deployment", name, wanted, actual, make)


def pull_steps(code: Path) -> list[dict[str, Any]]:
    """Runs work where the code is. Without this Prefect copies the whole folder for every run."""
    return [{"prefect.deployments.steps.set_working_directory": {"directory": str(code)}}]


def with_choices(schema: dict[str, Any], entry: DeploymentEntry, catalogue: Catalogue) -> dict[str, Any]:
    """The flow's parameter schema with the catalogue's platforms, and services, as the choices of its parameters."""
    each = entry.each_platform
    if each is not None and catalogue.platforms:
        schema["properties"][each.parameter]["enum"] = sorted(chosen_platforms(each, catalogue))
    if each is not None and each.services is not None:
        schema["properties"][each.services.parameter]["enum"] = restarted_services(catalogue)
    return schema


def chosen_platforms(each: EachPlatform, catalogue: Catalogue) -> dict[str, Platform]:
    """Name -> platform, of those that the deployment is for."""
    return {name: found for name, found in catalogue.platforms.items() if each.that is None or found.recovery}


def restarted_services(catalogue: Catalogue) -> list[str]:
    """Names of the services of all platforms whose kind vigie can restart."""
    from blocks.catalogue.kinds import KINDS

    services = (each for platform in catalogue.platforms.values() for each in platform.services.values())
    return sorted({service.name for service in services if KINDS[service.kind].restarts})


def wanted_schedules(entry: DeploymentEntry, catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    """Slug -> interval in seconds and parameters: one a platform, or the deployment's own."""
    each, every = entry.each_platform, entry.every
    if each is None:
        return {} if every is None else {entry.name: {"every_s": every.total_seconds(), "parameters": {}}}
    return {
        f"{entry.name}-{name}": {"every_s": interval.total_seconds(), "parameters": {each.parameter: name}}
        for name, platform in sorted(chosen_platforms(each, catalogue).items())
        if (interval := getattr(platform, each.schedule) if each.schedule else every) is not None
    }


def _interval_s(schedule: object) -> float | None:
    interval = getattr(schedule, "interval", None)
    return interval.total_seconds() if isinstance(interval, timedelta) else None


def _stagger(slug: str, every_s: float) -> timedelta:
    """Platforms do not all start in the same second; the same platform always starts at the same one."""
    share = int.from_bytes(hashlib.sha256(slug.encode()).digest()[:4]) / 2**32
    return timedelta(seconds=int(share * every_s))
