"""Where does hearth run in the sandbox? In a simulated Azure, seeded from the catalogue.

`python -m deployments.sandbox.azure --state DIR` serves Resource Manager and its login over TLS on
loopback and says so in DIR/ready/azure.json, with what an AzureReader block needs. The rule: a client
sees Azure, and differs from production by address, authority and credential only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import ssl
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.azure.actions import EXAMINE_ACTIONS, MOVE_ACTIONS, RESTART_ACTIONS
from deployments.sandbox.authority import ensure_authority
from deployments.sandbox.azure_app import AzureSimulator, Happening
from deployments.sandbox.azure_kept import described, restore
from deployments.sandbox.azure_kinds import CATALOGUE_KINDS
from deployments.sandbox.azure_login import Login
from deployments.sandbox.azure_seed import let_keep_rights, seeded_store
from deployments.sandbox.azure_spec import Specification
from deployments.sandbox.kept import Kept
from deployments.sandbox.restarting import restarting_behind, starting_behind, stopping_behind
from deployments.sandbox.state import State, read_json, write_json

if TYPE_CHECKING:
    from blocks.catalogue.model import Catalogue
    from deployments.sandbox.azure_store import Store

TENANT = "22222222-2222-4222-8222-222222222222"
_NAMES = ("127.0.0.1", "localhost", "management.azure.com", "login.microsoftonline.com")


def subscriptions(store: Store) -> list[str]:
    """The subscriptions that the store's resources live in."""
    return sorted({key.split("/")[2] for key in store.names().values()})


def open_specification() -> Specification | None:
    """Microsoft's specifications, where VIGIE_CONFORMANCE points at them; None elsewhere."""
    folder = Path(os.environ.get("VIGIE_CONFORMANCE", "../shared/conformance")) / "azure-rest"
    return Specification(folder.resolve()) if (folder / "specification").is_dir() else None


async def serve(state: State, catalogue: Catalogue, port: int) -> None:
    """Serve until SIGTERM or SIGINT; ready is written once requests are answered."""
    from aiohttp import web

    login, operator = _login(state.home / "azure")
    simulator = AzureSimulator(seeded_store(catalogue), login, open_specification())
    let_keep_rights(simulator.store, operator)
    kept = Kept(state.home / "azure" / "resources.json")
    restore(simulator.store, simulator.log, kept.read())
    simulator.keep = lambda store, log: kept.write(described(store, log))
    simulator.granted_to[operator] = [*EXAMINE_ACTIONS, *RESTART_ACTIONS.values(), *MOVE_ACTIONS]
    simulator.happened |= _behind(state, catalogue)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = ensure_authority(state.home)
    context.load_cert_chain(authority.issue(*_NAMES))
    runner = web.AppRunner(simulator.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    address = f"127.0.0.1:{runner.addresses[0][1]}"
    block = _block(address, login, simulator.store, str(authority.ca_file))
    acting = {"operator_client_id": operator, "operator_client_secret": login.others[operator]}
    state.write_ready("azure", address, **block, **acting)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await runner.cleanup()
    simulator.save()


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to end."""
    from blocks.catalogue.loader import load_catalogue

    parser = argparse.ArgumentParser(description="Azure of the sandbox")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--catalogue", type=Path, default=Path("deployments/catalogue"))
    asked = parser.parse_args(arguments)
    asyncio.run(serve(State.at(asked.state), load_catalogue(asked.catalogue), asked.port))


def _login(folder: Path) -> tuple[Login, str]:
    """The reader's and the operator's credentials, made once, kept with the sandbox; also the operator's id."""
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = {who: _credential(folder / f"{who}.json") for who in ("reader", "operator")}
    operator = kept["operator"]
    login = Login(TENANT, kept["reader"]["client_id"], kept["reader"]["client_secret"])
    login.others[operator["client_id"]] = operator["client_secret"]
    return login, operator["client_id"]


def _credential(file: Path) -> dict[str, str]:
    kept = read_json(file)
    if not kept:
        kept = {"client_id": str(uuid.uuid4()), "client_secret": secrets.token_urlsafe(24)}
        write_json(file, kept)
    return kept


def _behind(state: State, catalogue: Catalogue) -> dict[str, Happening]:
    """What happens to a resource -> it happens to what stands for the service that has it."""
    named = {
        service.resource.lower(): service.name
        for platform in catalogue.platforms.values()
        for service in platform.services.values()
        if service.kind in CATALOGUE_KINDS
    }

    def of_service(begin: Happening) -> Happening:
        return lambda address: begin(named.get(address.lower(), ""))

    happening = {"restarted": restarting_behind, "stopped": stopping_behind, "started": starting_behind}
    return {event: of_service(behind(state)) for event, behind in happening.items()}


def _block(address: str, login: Login, store: Store, ca_file: str) -> dict[str, Any]:
    """The fields of the AzureReader block that leads here."""
    return {
        "tenant_id": login.tenant,
        "client_id": login.client,
        "client_secret": login.secret,
        "subscription_id": next(iter(subscriptions(store)), ""),
        "arm_endpoint": f"https://{address}",
        "authority_host": f"https://{address}",
        "ca_file": ca_file,
    }


if __name__ == "__main__":
    main()
