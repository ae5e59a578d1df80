"""Who runs the server of this folder, and does it take writes only when it may?

The keeper is the postmaster's parent. It carries out one order after the other on its main thread, because a server
is tied to the thread that starts it; a fence is on the disk before the order is even queued.

The rules: a fenced folder never starts as a primary, whoever restarts what; a former primary asks its peers before it
takes writes (decide.py); what ended by itself is started again the same way, three times in ten minutes at most.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from blocks.errors import Refused, VigieError
from deployments.dbhost import archive
from deployments.dbhost.adopting import finish_adopting
from deployments.dbhost.backups import Backups
from deployments.dbhost.cluster import Cluster
from deployments.dbhost.config import HostConfig
from deployments.dbhost.copies import Copies
from deployments.dbhost.decide import Ruling, must_fence, rule_start
from deployments.dbhost.heartbeat import Heartbeat
from deployments.dbhost.local import Facts, Local, newest_timeline, read_history, to_bytes
from deployments.dbhost.memory import Memory, Operation
from deployments.dbhost.peers import ask_peers
from deployments.dbhost.source import conninfo, write_passfile
from deployments.dbhost.waiting import Waiting

ITSELF = "itself"
FENCE_SECONDS = 5.0
_LOOK_EVERY_S = 0.1
_ASK_PEERS_EVERY_S = 2.0
_RESTARTS = 3
_RESTARTS_WITHIN_S = 600.0
_log = logging.getLogger("vigie.dbhost")

Carry = Callable[["Keeper", Operation], tuple[str, Mapping[str, Any]]]


class Keeper:
    """The server of one data folder. `changed` is called whenever its process came or went."""

    def __init__(
        self, config: HostConfig, carry: Mapping[str, Carry], changed: Callable[[], None] = lambda: None
    ) -> None:
        self.config, self.secrets = config, config.secrets()
        self.memory = Memory(config.state_dir)
        self.local = Local(config, self.secrets)
        self.cluster = Cluster(
            name=config.name,
            data_dir=config.data_dir,
            bin_dir=config.bin_dir,
            log_file=config.state_dir / "postgres.log",
            identity=config.identity,
        )
        self.copies, self.backups = Copies(self), Backups(self)
        self.last_error = ""
        self._carry, self._changed = carry, changed
        self._orders: queue.SimpleQueue[Operation | None] = queue.SimpleQueue()
        self._ended: dict[tuple[str, str], threading.Event] = {}
        self._restarts: deque[float] = deque()
        self._wants_writes = False  # it waits for an older primary to give way
        self._asked_again_at = 0.0
        self._serving = threading.Event()  # it runs for others too, not only for us
        self._serving_since = 0.0
        self.waiting = Waiting(self.local, self.memory, self._serving.is_set)
        self._control: tuple[str, int, int] | None = None

    # -- its life

    def run(self, stopping: threading.Event) -> None:
        """Start what may start, then carry out orders until told to stop. On the main thread."""
        write_passfile(self.config, self.secrets)
        finish_adopting(self.config, self.memory)
        beating = Heartbeat(self.local, self._serving.is_set, self._saw)
        watching = threading.Thread(target=self._watch_peers, args=(stopping,), name="vigie-peers", daemon=True)
        try:
            self._boot()
            beating.start()
            watching.start()
            self.waiting.start()
            self._changed()
            while not stopping.is_set():
                self._take_order()
                self._look_after()
                self.copies.look_after()
                self.backups.look_after()
        finally:
            stopping.set()
            beating.stop()
            self.waiting.stop()
            self.copies.stop()
            self.backups.stop()
            self.halt(clean=True)

    def halt(self, *, clean: bool, wait_seconds: float = 0.0) -> None:
        """Stop the server in order, within the configured time or `wait_seconds`."""
        was_running = self.cluster.running
        self._serving.clear()
        self.cluster.stop(wait_seconds=wait_seconds or self.config.stop_seconds)
        if was_running:
            self.memory.note(clean=clean)
            self._control = None
            self._changed()

    def launch(self) -> None:
        """Start the server as what its folder says it is. Raises `Refused` under a fence, `Broken` when it fails."""
        fence = self.memory.fence
        if fence is not None:
            raise Refused(f"{self.config.name} is fenced by {fence.by}: {fence.why}", next_step="release it first")
        if self.cluster.running:
            return
        self.cluster.stop_leftover()
        known = self.memory.note(role="standby" if self.cluster.is_standby else "primary", clean=False, wanted=True)
        source = known.source or self.config.follows
        settings = {"listen_addresses": self.config.listen_addresses, **archive.settings(self.config)}
        if self.cluster.is_standby and source:
            settings["primary_conninfo"] = conninfo(self.config, source)
            settings["primary_slot_name"] = known.slot or self.config.application_name
            settings["wal_retrieve_retry_interval"] = "500ms"
        self.cluster.launch(self.config.port, settings)
        if not self.cluster.await_ready(self.local.answers):
            raise Refused(
                f"port {self.config.port} is taken", where=self.config.name, next_step="end what listens there"
            )
        self.last_error = ""
        self._serving_since = time.monotonic()
        self._serving.set()
        self._changed()

    def served_for_s(self) -> float:
        """How long its server has run for others."""
        return time.monotonic() - self._serving_since if self._serving.is_set() else 0.0

    def require_may_run(self) -> None:
        """Raises `Refused` where this folder would become a second primary; a person's word stands for silent peers."""
        if self.cluster.is_standby:
            return
        ruling = self.rule_start(starts_alone=True)
        if not ruling.may_start:
            raise Refused(
                f"{self.config.name} must not take writes: {ruling.why}",
                next_step="let it follow, or fence the other first",
            )

    def rule_start(self, *, starts_alone: bool) -> Ruling:
        """May this folder's server start as a primary?"""
        system, timeline, _ = self.control()
        peers = ask_peers(self.config, self.secrets)
        return rule_start(system, timeline, peers, starts_alone=starts_alone)

    # -- orders

    def submit(self, verb: str, token: str, arguments: Mapping[str, Any]) -> Operation:
        """Take an order, once per token; a fence holds from here on, also if we end before it is carried out."""
        if verb not in self._carry:
            raise Refused(f"{verb} is no order of a database host", next_step=f"one of {', '.join(self._carry)}")
        operation, fresh = self.memory.begin(token, verb, arguments)
        if fresh:
            self._ended[verb, token] = threading.Event()
            if verb == "fence":
                self.memory.raise_fence(token, str(arguments.get("why") or "ordered"))
            self._orders.put(operation)
        return operation

    def await_end(self, operation: Operation, seconds: float) -> Operation:
        """Its outcome, or how it is after so long."""
        ended = self._ended.get((operation.verb, operation.token))
        if ended is not None:
            ended.wait(seconds)
        return self.memory.operation(operation.token, operation.verb) or operation

    def fence_itself(self, why: str) -> None:
        """Fenced from now on; the main thread stops the server."""
        _log.error("%s fences itself: %s", self.config.name, why)
        self.memory.raise_fence(ITSELF, why)
        self._orders.put(None)

    def _take_order(self) -> None:
        try:
            operation = self._orders.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            return
        if operation is None:
            self.halt(clean=False, wait_seconds=FENCE_SECONDS)
            return
        try:
            text, result = self._carry[operation.verb](self, operation)
        except VigieError as error:
            _log.warning("%s failed: %s", operation.verb, error)
            self.memory.end(operation, "failed", str(error), {"error": type(error).__name__})
        except Exception as error:  # noqa: BLE001  an order that fails oddly ends no server; it is said in its outcome
            _log.exception("%s failed", operation.verb)
            said = f"{operation.verb} failed with {type(error).__name__}: {error}"
            self.memory.end(operation, "failed", said, {"error": "Broken"})
        else:
            _log.info("%s: %s", operation.verb, text)
            self.memory.end(operation, "done", text, result)
        finally:
            self._control = None
            self._ended.pop((operation.verb, operation.token), threading.Event()).set()

    # -- looking after it

    def _boot(self) -> None:
        """Start, unless the fence, an order or a peer says no. A failure is said in the status, the door stays open."""
        self._wants_writes = False
        self.cluster.stop_leftover()
        if self.memory.fence is not None or not self.memory.known.wanted:
            return
        try:
            if not self.cluster.is_standby:
                ruling = self.rule_start(starts_alone=self.config.starts_alone)
                if ruling.waits:
                    self._wants_writes, self.last_error = True, f"waiting: {ruling.why}"
                    return
                if not ruling.may_start:
                    self.memory.raise_fence(ITSELF, ruling.why)
                    _log.error("%s stays fenced: %s", self.config.name, ruling.why)
                    return
            self.launch()
        except VigieError as error:
            self.last_error = str(error)
            _log.error("%s does not start: %s", self.config.name, error)

    def _look_after(self) -> None:
        """A server that ended by itself is started again as at boot, a few times; one that waits asks again."""
        if self._wants_writes and time.monotonic() > self._asked_again_at:
            self._asked_again_at = time.monotonic() + _ASK_PEERS_EVERY_S / 2
            self._boot()
        if self.cluster.process is None or self.cluster.running:
            return
        self._serving.clear()
        self.cluster.process = None
        self._control = None
        self.memory.note(clean=False)
        self._changed()
        while self._restarts and time.monotonic() - self._restarts[0] > _RESTARTS_WITHIN_S:
            self._restarts.popleft()
        self.last_error = f"the server ended by itself: {' / '.join(self.cluster.last_words(2))}"
        if len(self._restarts) < _RESTARTS:
            self._restarts.append(time.monotonic())
            self._boot()

    def _watch_peers(self, stopping: threading.Event) -> None:
        """A primary that was left behind notices, also when it started while nobody answered."""
        while not stopping.wait(_ASK_PEERS_EVERY_S):
            facts = self.local.facts() if self._serving.is_set() and self.config.peers else None
            if facts is None or facts.is_standby:
                continue
            why = must_fence(facts.system_id, facts.timeline, ask_peers(self.config, self.secrets))
            if why and self.memory.fence is None:
                self.fence_itself(why)

    def _saw(self, facts: Facts) -> None:
        self.memory.note(role="standby" if facts.is_standby else "primary", timeline=facts.timeline)

    # -- how it is

    def facts(self) -> Facts | None:
        """What the server says of itself now; None when it does not run for others."""
        return self.local.facts() if self._serving.is_set() else None

    def control(self) -> tuple[str, int, int]:
        """(system id, timeline, position) of a folder whose server does not run, by its control file."""
        if self._control is None or self.cluster.running:
            data = self.cluster.control_data()
            timelines = ("Latest checkpoint's TimeLineID", "Min recovery ending loc's timeline")
            timeline = max(newest_timeline(self.config.data_dir), *(int(data.get(name) or 0) for name in timelines))
            positions = ("Latest checkpoint location", "Minimum recovery ending location")
            position = max(to_bytes(data.get(name) or "0/0") for name in positions)
            self._control = (data["Database system identifier"], timeline, position)
        return self._control

    def forget_control(self) -> None:
        """Its folder is another one now."""
        self._control = None

    def status(self) -> Mapping[str, Any]:
        """How the server is, in what the door answers."""
        facts, fence, known = self.facts(), self.memory.fence, self.memory.known
        if facts is not None:
            role = "standby" if facts.is_standby else "closed" if facts.read_only else "primary"
            system, timeline, position = facts.system_id, facts.timeline, facts.position_bytes
        else:
            role = "starting" if self._serving.is_set() else "stopped"
            system, timeline, position = self.control()
        role = "fenced" if fence is not None else role
        return {
            "name": self.config.name,
            "role": role,
            "takes_writes": role == "primary",
            "wants_writes": role == "closed" or (role == "stopped" and self._wants_writes),
            "is_standby": self.cluster.is_standby,
            "running": self._serving.is_set() and self.cluster.running,
            "system_id": system,
            "timeline": timeline,
            "position_bytes": position,
            "left_at": read_history(self.config.data_dir, timeline),
            "fence": {"by": fence.by, "since": fence.since, "why": fence.why} if fence else None,
            "application_name": self.config.application_name,
            "source": (known.source or self.config.follows) if self.cluster.is_standby else "",
            "waits_for": self.memory.waits_for,
            "last_error": self.last_error,
            "beyond": self.memory.all_beyond(),
            "copies": self.copies.status(),
            "backups": self.backups.status(),
        }
