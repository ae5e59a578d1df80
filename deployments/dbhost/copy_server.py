"""The server of a drill's copy: how is it started alone, what was written on it, and how is it now?

What it may do is given on its command line (copying.py). The rule: it stops in seconds or is ended, because a fence of
the real server beside it may be waiting; a copy has nothing to lose.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from blocks.errors import Broken
from deployments.dbhost.beyond import by_table, name_relations, scan
from deployments.dbhost.copying import ISOLATION, Room, admit
from deployments.dbhost.isolated import open_room
from deployments.dbhost.local import Facts, Local, read_history

if TYPE_CHECKING:
    from pathlib import Path

    from deployments.dbhost.cluster import Cluster
    from deployments.dbhost.keeper import Keeper
    from deployments.dbhost.memory import Copy

_STOP_S = 3.0
_RESTORED_TO = "SELECT pg_last_xact_replay_timestamp()"


class CopyServer:
    """At most one. Everything but `tell` and `facts` is the keeper's main thread's."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._cluster: Cluster | None = None
        self._socket: Path | None = None

    @property
    def started(self) -> bool:
        """Was it started by us, whether it lives or not?"""
        return self._cluster is not None

    @property
    def runs(self) -> bool:
        """Is its process there?"""
        return self._cluster is not None and self._cluster.running

    def launch(self, copy: Copy) -> None:
        """As a standby of nobody, or after its promotion as what it became."""
        config = self._keeper.config
        room = Room.of(config)
        self.stop()
        self._socket = open_room(config)
        self._cluster = room.cluster(copy.name)
        self._cluster.stop_leftover()
        settings = {
            **config.copy_settings,
            **ISOLATION,
            **room.replay(copy.backup),
            "listen_addresses": config.copy_listen,
            "cluster_name": copy.name,
            "unix_socket_directories": str(self._socket),
            "hba_file": str(admit(room.folder(copy.name), config, self._keeper.secrets)),
        }
        self._cluster.launch(config.copy_port, settings)

    def stop(self) -> None:
        """Stopped, in order if that takes no longer than a moment."""
        if self._cluster is not None:
            self._cluster.stop(wait_seconds=_STOP_S)
            self._cluster = None
        if self._socket is not None:
            shutil.rmtree(self._socket, ignore_errors=True)
            self._socket = None

    def last_words(self) -> Sequence[str]:
        """The last lines of its log."""
        return self._cluster.last_words() if self._cluster is not None else ()

    def facts(self) -> Facts | None:
        """What it says of itself, None while it does not answer."""
        return self._local().facts() if self._socket is not None else None

    def stop_and_count(self) -> Mapping[str, Any]:
        """Stop it for good; what its own timeline holds, named while it runs and counted when it is stopped."""
        cluster, facts = self._cluster, self.facts()
        if cluster is None or facts is None:
            raise Broken("the copy does not answer, so nothing on it can be counted", where=self._keeper.config.name)
        if facts.is_standby:
            self.stop()
            return {"rows": 0, "commits": 0, "by_table": {}}
        tables = name_relations(self._local())
        began = max(read_history(cluster.data_dir, facts.timeline).values())
        self.stop()
        found = scan(cluster, facts.timeline, began)
        counted = by_table(found.rows, tables)
        return {"rows": sum(counted.values()), "commits": found.commit_count, "by_table": counted}

    def tell(self, copy: Copy) -> Mapping[str, Any]:
        """The copy as the door's status has it, in the words of a server's own status."""
        facts = self.facts() if copy.state == "running" else None
        told: dict[str, Any] = {
            "name": copy.name,
            "state": copy.state,
            "text": copy.text,
            "until": copy.until,
            "counted": dict(copy.counted),
            "backup": copy.backup,
        }
        if facts is None:
            silent = {"role": "stopped", "system_id": "", "position_bytes": 0, "left_at": {}, "restored_to": ""}
            return {**told, **silent, "running": False, "timeline": copy.left_timeline}
        data_dir = Room.of(self._keeper.config).data(copy.name)
        return {
            **told,
            "role": "standby" if facts.is_standby else "primary",
            "running": True,
            "system_id": facts.system_id,
            "timeline": facts.timeline,
            "position_bytes": facts.position_bytes,
            "left_at": read_history(data_dir, facts.timeline),
            "restored_to": self._restored_to() if copy.backup else "",
        }

    def _restored_to(self) -> str:
        """The moment of the newest transaction that the archive gave back; also known after the promotion."""
        import psycopg

        with contextlib.suppress(psycopg.Error), self._local().session() as connection:
            ((at,),) = connection.execute(_RESTORED_TO).fetchall()
            return at.isoformat() if at is not None else ""
        return ""

    def _local(self) -> Local:
        config = self._keeper.config.model_copy(update={"port": self._keeper.config.copy_port})
        return Local(config, self._keeper.secrets, str(self._socket))
