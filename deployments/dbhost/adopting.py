"""How does a folder that was restored take the place of a server's data, and what becomes of what was there?

    adopt     the folder becomes the data of a fenced server; a release starts it, a follow makes it a standby
    adopt, `closed`   the server is fenced by the order itself and starts from the folder at once, as a primary that is
              closed to writes until it is opened: its data is verified first

The rules: what was there is kept beside it, whole, with the end of its log; nothing is deleted. A folder is exchanged
to its end, also after we were killed between the two renames. Nothing starts while another server takes writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blocks.errors import Refused
from deployments.dbhost import archive
from deployments.dbhost.peers import ask_peers
from deployments.dbhost.settings import close

if TYPE_CHECKING:
    from deployments.dbhost.config import HostConfig
    from deployments.dbhost.keeper import Keeper
    from deployments.dbhost.memory import Memory, Operation

Outcome = tuple[str, Mapping[str, Any]]


def adopt(keeper: Keeper, operation: Operation) -> Outcome:
    """Let a restored folder take the place of the server's. Raises `Refused`."""
    name, data_dir = str(operation.arguments.get("folder")), keeper.config.data_dir
    former = data_dir.with_name(f"{data_dir.name}.before-{operation.token[:16]}")
    closed = operation.arguments.get("closed") is True
    _require_restored(keeper, name, was_taken=former.is_dir())
    if closed:
        _require_no_writer(keeper)
        keeper.memory.raise_fence(operation.token, f"{name} takes the place of its data")
        keeper.halt(clean=True)
    if keeper.memory.fence is None or keeper.cluster.running:
        raise Refused(f"{keeper.config.name} is not fenced", next_step="fence it first")
    _exchange(keeper, name, former.name)
    keeper.waiting.end()
    if closed:
        close(data_dir)
        keeper.require_may_run()
        keeper.memory.lower_fence()
        keeper.launch()
    said = f"{name} is the data of {keeper.config.name} now; what was there is in {former.name}"
    return said, {"kept": former.name, "folder": name}


def finish_adopting(config: HostConfig, memory: Memory) -> None:
    """An exchange that our own end interrupted goes on to its end."""
    going = memory.adopting
    if not going:
        return
    data_dir, restored = config.data_dir, config.data_dir.with_name(str(going["folder"]))
    former = config.data_dir.with_name(str(going["former"]))
    if restored.is_dir() and not former.is_dir():
        data_dir.rename(former)
    if restored.is_dir():
        restored.rename(data_dir)
    memory.note_adopting("", "")


def _exchange(keeper: Keeper, name: str, former: str) -> None:
    data_dir, memory = keeper.config.data_dir, keeper.memory
    if data_dir.with_name(name).is_dir():
        memory.note_adopting(name, former)
        finish_adopting(keeper.config, memory)
    keeper.forget_control()
    archive.keep_the_end(keeper.config, data_dir.with_name(former))


def _require_restored(keeper: Keeper, name: str, *, was_taken: bool) -> None:
    data_dir = keeper.config.data_dir
    if not name.startswith(f"{data_dir.name}.restored-"):
        raise Refused(f"{name} is no folder that was restored here")
    if not data_dir.with_name(name).is_dir() and not was_taken:
        raise Refused(f"{name} is not there", next_step="restore first")


def _require_no_writer(keeper: Keeper) -> None:
    writing = [peer.address for peer in ask_peers(keeper.config, keeper.secrets) if peer.takes_writes]
    if writing:
        raise Refused(
            f"{', '.join(writing)} takes writes: what is restored must not start beside it",
            where=keeper.config.name,
            next_step="fence that one first",
        )
