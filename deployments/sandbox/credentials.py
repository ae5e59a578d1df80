"""How does a flow in the sandbox find the sandbox's clouds? By the blocks a person would fill in.

Saves the credential and configuration blocks under the names that the catalogue uses, with the
addresses of now. `python -m deployments.sandbox.credentials --state DIR`, once at each start; with
`--apply` it then does what `vigie apply` does, because importing Prefect twice is time somebody waits.

The rule: sandbox and production differ by what is in these blocks, and by nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.furnished import Furnished
from deployments.sandbox.names import connect_map, outside_map
from deployments.sandbox.state import State, read_json, write_json, write_text

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect.client.orchestration import PrefectClient

_PATIENCE_S = 120.0
STANDS = "Prefect knows everything as a former start left it: nothing is told again."


def blocks_of(state: State) -> dict[str, Block]:
    """Block name -> block, for every component that is ready."""
    found: dict[str, Block] = {}
    for name, component, build in _BLOCKS:
        if state.is_ready(component):
            found[name] = build(state, state.read_ready(component))
    return found


def _azure(_state: State, ready: dict[str, Any]) -> Block:
    from blocks.azure.block import AzureReader

    return AzureReader(**_azure_fields(ready))


def _azure_operator(_state: State, ready: dict[str, Any]) -> Block:
    from blocks.azure.block import AzureOperator

    acting = {"client_id": ready["operator_client_id"], "client_secret": ready["operator_client_secret"]}
    return AzureOperator(**(_azure_fields(ready) | acting))


def _azure_fields(ready: dict[str, Any]) -> dict[str, Any]:
    from blocks.azure.block import AzureReader

    return {name: value for name, value in ready.items() if name in AzureReader.model_fields}


def _aws(state: State, ready: dict[str, Any]) -> Block:
    from prefect_aws import AwsCredentials
    from prefect_aws.client_parameters import AwsClientParameters

    return AwsCredentials(
        aws_access_key_id=ready["access_key_id"],
        aws_secret_access_key=ready["secret_access_key"],
        region_name="eu-west-1",
        aws_client_parameters=AwsClientParameters(
            endpoint_url=ready["endpoint_url"], verify=True, verify_cert_path=Path(_ca(state))
        ),
    )


def _aws_operator(state: State, ready: dict[str, Any]) -> Block:
    acting = {"access_key_id": ready["operator_key_id"], "secret_access_key": ready["operator_secret_key"]}
    return _aws(state, ready | acting)


def _openstack(state: State, ready: dict[str, Any]) -> Block:
    from blocks.openstack.block import OpenStackReader

    wanted = ("auth_url", "region", "application_credential_id", "application_credential_secret")
    return OpenStackReader(**{name: ready[name] for name in wanted}, ca_file=_ca(state))


def _openstack_operator(state: State, ready: dict[str, Any]) -> Block:
    from blocks.openstack.block import OpenStackOperator

    return OpenStackOperator(
        auth_url=ready["auth_url"],
        region=ready["region"],
        application_credential_id=ready["operator_credential_id"],
        application_credential_secret=ready["operator_credential_secret"],
        ca_file=_ca(state),
    )


def _postgres(_state: State, ready: dict[str, Any]) -> Block:
    from blocks.postgres.block import PostgresReader

    return PostgresReader(user=ready["reader"], password=ready["reader_password"], sslmode="disable")


def _postgres_operator(_state: State, ready: dict[str, Any]) -> Block:
    from blocks.postgres.block import PostgresOperator

    return PostgresOperator(user=ready["operator"], password=ready["operator_password"], sslmode="disable")


def _database_host(state: State, ready: dict[str, Any]) -> Block:
    from blocks.postgres.block import DatabaseHost

    return DatabaseHost(token=SecretStr(ready["door_reader_token"]), doors=ready["doors"], ca_file=_ca(state))


def _database_host_operator(state: State, ready: dict[str, Any]) -> Block:
    return _database_host(state, ready | {"door_reader_token": ready["door_operator_token"]})


def _tsig(_state: State, ready: dict[str, Any]) -> Block:
    from blocks.dns.block import TsigKey

    return TsigKey(**ready["tsig"])


def _network(state: State, _ready: dict[str, Any]) -> Block:
    from blocks.network.block import ProbeNetwork

    return ProbeNetwork(connect_to=connect_map(state), ca_file=_ca(state))


def _outside(state: State, _ready: dict[str, Any]) -> Block:
    """The network of somebody who does not share vigie's."""
    from blocks.network.block import ProbeNetwork

    return ProbeNetwork(connect_to=outside_map(state), ca_file=_ca(state))


def _slack(state: State, ready: dict[str, Any]) -> Block:
    from blocks.slack.block import SlackWorkspace

    return SlackWorkspace(bot_token=ready["token"], base_url=f"https://{ready['address']}/api/", ca_file=_ca(state))


def _slack_app(_state: State, ready: dict[str, Any]) -> Block:
    from blocks.slack.app import SlackApp

    return SlackApp(
        app_id=ready["app_id"],
        team_id=ready["team_id"],
        signing_secret=SecretStr(ready["signing_secret"]),
        app_token=SecretStr(ready["app_token"]),
    )


def _pagerduty(state: State, ready: dict[str, Any]) -> Block:
    from blocks.pager.block import PagerDuty

    events_url = f"https://{ready['address']}{ready['events_path']}"
    return PagerDuty(
        routing_key=ready["routing_key"],
        events_url=events_url,
        ca_file=_ca(state),
    )


def _webhook(state: State, ready: dict[str, Any]) -> Block:
    from blocks.pager.block import WebhookPager

    return WebhookPager(url=SecretStr(f"https://{ready['address']}/ring"), ca_file=_ca(state))


def _journal(_state: State, ready: dict[str, Any]) -> Block:
    from blocks.journal.block import JournalDatabase

    return JournalDatabase(dsn=ready["journal_dsn"])


def _approver_key(state: State, _ready: dict[str, Any]) -> Block:
    """Made once: with another key nobody who enrolled could answer."""
    from blocks.approvals.block import ApproverKey, new_key

    file = state.home / "approver.key"
    if not file.exists():
        write_text(file, new_key())
    return ApproverKey(key=SecretStr(file.read_text(encoding="ascii").strip()))


_BLOCKS: tuple[tuple[str, str, Callable[[State, dict[str, Any]], Block]], ...] = (
    ("azure-hearth-reader", "azure", _azure),
    ("azure-hearth-operator", "azure", _azure_operator),
    ("aws-storefront-reader", "aws", _aws),
    ("aws-storefront-operator", "aws", _aws_operator),
    ("openstack-hearth-reader", "openstack", _openstack),
    ("openstack-hearth-operator", "openstack", _openstack_operator),
    ("postgres-hearth-reader", "household-primary", _postgres),
    ("dns-hearth-operator", "nameserver", _tsig),
    ("postgres-hearth-operator", "household-primary", _postgres_operator),
    ("database-host-hearth-reader", "household-primary", _database_host),
    ("database-host-hearth-operator", "household-primary", _database_host_operator),
    ("probe-network", "relay", _network),
    ("outside-network", "relay", _outside),
    ("slack", "slack", _slack),
    ("slack-app", "slack", _slack_app),
    ("pagerduty-hearth", "pager", _pagerduty),
    ("webhook-storefront", "pager", _webhook),
    ("journal", "control-database", _journal),
    ("approver-key", "control-database", _approver_key),
)


def _ca(state: State) -> str:
    return str(ensure_authority(state.home).ca_file)


async def save_blocks(blocks: dict[str, Block], note: Path | None = None) -> None:
    """Save them under their names; those that a former start saved just so, and nobody touched since, are left alone.

    `note` remembers what was saved and when, because a block costs half a dozen calls and somebody waits.
    """
    from prefect import get_client

    digests = {name: _digest(block) for name, block in blocks.items()}
    known = read_json(note) if note else {}
    async with get_client() as client:  # one for all: opening it costs as much as a block
        there = await _saved_at(client)
        for name, block in blocks.items():
            if name not in there or known.get(name) != [digests[name], there[name]]:
                await block.asave(name, overwrite=True, client=client)
        there = await _saved_at(client)
    if note:
        write_json(note, {name: [digests[name], there[name]] for name in blocks})


async def _saved_at(client: PrefectClient) -> dict[str, str]:
    """Name -> when it was saved last."""
    documents = await client.read_block_documents(limit=200, include_secrets=False)
    return {str(document.name): str(document.updated) for document in documents}


def _digest(block: Block) -> str:
    """Of what the block is and holds, whether or not it was saved already."""
    held = json.loads(block.model_dump_json(context={"include_secrets": True}))
    fields = {name: value for name, value in held.items() if name in type(block).model_fields}
    return sha256(json.dumps([type(block).model_json_schema(), fields], sort_keys=True).encode()).hexdigest()


async def _when_ready(state: State, needed: list[str], furnished: Furnished | None) -> bool:
    """Import everything while the components still start; wait for those whose address is to be saved.

    False when all of it stands as a former start left it: nothing was imported then, and nothing saved.
    """
    if furnished is not None and furnished.may_hold() and await _stands(state, needed, furnished):
        return False
    for heavy in ("prefect.client.orchestration", "deployments.apply", "deployments.commands.apply"):
        import_module(heavy)
    import_module("deployments.block_types").block_classes()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await _all_there(state, [name for name in needed if name != "worker"])
            await save_blocks(blocks_of(state), state.home / "blocks.json")
            await _all_there(state, needed)
    except TimeoutError:
        missing = ", ".join(name for name in needed if not state.is_ready(name))
        awaited = f"these were not ready: {missing}" if missing else "Prefect did not answer; the machine may be busy"
        sys.exit(f"the blocks of the sandbox were not saved within {_PATIENCE_S:.0f} s: {awaited}")
    return True


async def _stands(state: State, needed: list[str], furnished: Furnished) -> bool:
    """Whoever waits too long for a component says so in the other way of doing it."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await _all_there(state, needed)
    except TimeoutError:
        return False
    return await asyncio.to_thread(furnished.holds, components_of_blocks())


def components_of_blocks() -> frozenset[str]:
    """Those whose addresses and secrets stand in blocks."""
    return frozenset(component for _, component, _ in _BLOCKS)


async def _all_there(state: State, needed: list[str]) -> None:
    while not all(state.is_ready(name) for name in needed):  # noqa: ASYNC110  another process says so
        await asyncio.sleep(0.1)


def main() -> None:
    """Save the blocks of one sandbox."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--apply", action="store_true", help="then register deployments, as `vigie apply` does")
    parser.add_argument("--need", default="", help="components to wait for, with commas")
    arguments = parser.parse_args()
    state = State.at(arguments.state)
    furnished = Furnished(state) if arguments.apply else None
    saved = asyncio.run(_when_ready(state, [name for name in arguments.need.split(",") if name], furnished))
    if not saved:
        sys.stdout.write(f"{STANDS}\n")
    elif furnished is not None:
        from deployments.commands.apply import apply

        apply()
        furnished.remember(components_of_blocks())


if __name__ == "__main__":
    main()
