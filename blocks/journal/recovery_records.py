"""The journal as recovery sees it: each method is one transaction in the platform's one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from blocks.journal import commits, drills, moves, rejoins, returns, rooms, runs, takings, together
from blocks.journal.connections import Connections
from blocks.ports.approvals import Approval, Plan
from blocks.ports.credentials import Touched
from blocks.ports.drills import Drill, DrillVerdict, LeasedResource, OldSideCount, RestoreTest
from blocks.ports.recovery import CommitLook, Loss, Move, MoveKind, MoveState
from blocks.ports.room import RoomClaim, RoomWanted


class RecoveryRecords:
    """The `RecoveryJournal`, `RoomJournal`, `JointJournal` and `DrillJournal` ports on PostgreSQL."""

    _connections: Connections

    # -- moves ---------------------------------------------------------------------------------

    def active_site(self, platform: str) -> str:
        with self._connections.transaction() as connection:
            return moves.active_site(connection, platform)

    def begin_move(
        self,
        run: UUID,
        token: int,
        *,
        platform: str,
        kind: MoveKind,
        from_site: str,
        to_site: str,
        outage_at: datetime | None,
        detected_at: datetime | None,
        decided_at: datetime | None,
    ) -> Move:
        with self._connections.transaction() as connection:
            return moves.begin(
                connection,
                run,
                token,
                platform=platform,
                kind=kind,
                from_site=from_site,
                to_site=to_site,
                outage_at=outage_at,
                detected_at=detected_at,
                decided_at=decided_at,
            )

    def move_serves(self, run: UUID, token: int, *, commit_within: timedelta | None, rolls_back: bool) -> Move:
        with self._connections.transaction() as connection:
            return moves.serves(connection, run, token, commit_within=commit_within, rolls_back=rolls_back)

    def settle_move(self, run: UUID, state: MoveState, *, who: str) -> Move:
        with self._connections.transaction() as connection:
            return moves.settle(connection, run, state, who)

    def judge_share(self, run: UUID, token: int, *, item: str, comes: str, back_to: int, text: str) -> None:
        with self._connections.transaction() as connection:
            moves.judge_share(connection, run, token, item=item, comes=comes, back_to=back_to, text=text)

    def keep_loss(self, run: UUID, loss: Loss) -> Move:
        with self._connections.transaction() as connection:
            return moves.keep_loss(connection, run, loss)

    def move(self, run: UUID) -> Move | None:
        with self._connections.transaction() as connection:
            return moves.find_move(connection, run)

    def moves(self, platform: str, limit_count: int = 20) -> Sequence[Move]:
        with self._connections.transaction() as connection:
            return moves.list_moves(connection, platform, limit_count)

    def moves_to_settle(self) -> Sequence[Move]:
        with self._connections.transaction() as connection:
            return moves.to_settle(connection)

    def newest_moves(self) -> Sequence[Move]:
        with self._connections.transaction() as connection:
            return moves.newest(connection)

    def standing_yes(self, move: UUID) -> Approval:
        with self._connections.transaction() as connection:
            locked, _ = runs.lock_run(connection, move)
            return returns.the_yes(connection, locked, moves.the_move(connection, move))

    def promise_return(self, move: UUID, run: UUID) -> None:
        with self._connections.transaction() as connection:
            runs.lock_run(connection, move)  # what is read of the move holds until the end
            returns.promise(connection, moves.the_move(connection, move), run)

    def grant_return(self, move: UUID, run: UUID, plan: Plan) -> Approval:
        with self._connections.transaction() as connection:
            runs.lock_run(connection, move)
            return returns.grant(connection, moves.the_move(connection, move), run, plan)

    def way_back_of(self, move: UUID) -> UUID | None:
        with self._connections.transaction() as connection:
            return returns.way_back_of(connection, move)

    def taken_back_by(self, run: UUID) -> UUID | None:
        with self._connections.transaction() as connection:
            return returns.taken_back_by(connection, run)

    def promise_rejoin(self, move: UUID, run: UUID) -> None:
        with self._connections.transaction() as connection:
            runs.lock_run(connection, move)  # what is read of the move holds until the end
            rejoins.promise(connection, moves.the_move(connection, move), run)

    def grant_rejoin(self, move: UUID, run: UUID, plan: Plan) -> Approval:
        with self._connections.transaction() as connection:
            runs.lock_run(connection, move)
            return rejoins.grant(connection, moves.the_move(connection, move), run, plan)

    def rejoins_of(self, move: UUID) -> Sequence[UUID]:
        with self._connections.transaction() as connection:
            return rejoins.rejoins_of(connection, move)

    def rejoin_for(self, run: UUID) -> UUID | None:
        with self._connections.transaction() as connection:
            return rejoins.move_of(connection, run)

    def keep_fenced_late(  # noqa: PLR0917  as the port has it
        self, move: UUID, run: UUID, token: int, item: str, begin: datetime, end: datetime
    ) -> None:
        with self._connections.transaction() as connection:
            rejoins.keep_fenced_late(connection, moves.the_move(connection, move), run, token, item, begin, end)

    def durations(self, platform: str, action: str) -> Mapping[tuple[str, str], Sequence[timedelta]]:
        with self._connections.transaction() as connection:
            return moves.durations(connection, platform, action)

    def touched(self, platform: str, *, taking: str, giving: str) -> tuple[Touched, ...]:
        with self._connections.transaction() as connection:
            return takings.touched(connection, platform, taking=taking, giving=giving)

    # -- whom commits waited for -----------------------------------------------------------------

    def keep_commit_look(self, platform: str, look: CommitLook) -> None:
        with self._connections.transaction() as connection:
            commits.keep(connection, platform, look)

    def commit_look(self, platform: str, data: str) -> CommitLook | None:
        with self._connections.transaction() as connection:
            return commits.newest(connection, platform, data)

    def last_acted(self, platform: str, items: Sequence[str]) -> datetime | None:
        with self._connections.transaction() as connection:
            return commits.last_acted(connection, platform, items)

    # -- reports ---------------------------------------------------------------------------------

    def keep_report(self, run: UUID, *, text: str, facts: Mapping[str, object]) -> None:
        with self._connections.transaction() as connection:
            drills.keep_report(connection, run, text=text, facts=facts)

    def keep_old_side(self, run: UUID, counts: Sequence[OldSideCount]) -> None:
        with self._connections.transaction() as connection:
            drills.keep_old_side(connection, run, counts)

    def old_side(self, run: UUID) -> Sequence[OldSideCount]:
        with self._connections.transaction() as connection:
            return drills.old_side(connection, run)

    # -- several platforms at once -------------------------------------------------------------

    def room_claims(self, pool: str, *, since: datetime, apart_from: str) -> Sequence[RoomClaim]:
        with self._connections.transaction() as connection:
            return rooms.claims(connection, pool, since, apart_from)

    def room_of(self, run: UUID) -> RoomClaim | None:
        with self._connections.transaction() as connection:
            return rooms.living_of(connection, run)

    def claim_room(self, run: UUID, wanted: RoomWanted) -> RoomClaim:
        with self._connections.transaction() as connection:
            return together.claim_room(connection, run, wanted)

    def promise_part(self, approval: UUID, run: UUID, wanted: RoomWanted) -> Approval:
        with self._connections.transaction() as connection:
            return together.promise(connection, approval, run, wanted)

    def part_runs(self, approval: UUID) -> Mapping[str, UUID]:
        with self._connections.transaction() as connection:
            return together.runs_of(connection, approval)

    def part_of(self, run: UUID) -> UUID | None:
        with self._connections.transaction() as connection:
            return together.part_of(connection, run)

    # -- drills --------------------------------------------------------------------------------

    def keep_drill(
        self,
        run: UUID,
        *,
        verdict: DrillVerdict,
        text: str,
        leftovers: Sequence[str] = (),
        durations: Mapping[str, timedelta],
    ) -> Drill:
        with self._connections.transaction() as connection:
            return drills.keep_drill(
                connection, run, verdict=verdict, text=text, leftovers=leftovers, durations=durations
            )

    def drill(self, run: UUID) -> Drill | None:
        with self._connections.transaction() as connection:
            return drills.find_drill(connection, run)

    def drills(self, platform: str, limit_count: int = 20) -> Sequence[Drill]:
        with self._connections.transaction() as connection:
            return drills.list_drills(connection, platform, limit_count)

    def keep_restore_test(self, run: UUID, *, data: str, restored_to: datetime, passed: bool, text: str) -> RestoreTest:
        with self._connections.transaction() as connection:
            return drills.keep_restore_test(
                connection, run, data=data, restored_to=restored_to, passed=passed, text=text
            )

    def restore_tests(self, platform: str, limit_count: int = 20) -> Sequence[RestoreTest]:
        with self._connections.transaction() as connection:
            return drills.list_restore_tests(connection, platform, limit_count)

    def lease_resource(self, run: UUID, *, kind: str, reference: str, until: datetime) -> LeasedResource:
        with self._connections.transaction() as connection:
            return drills.lease(connection, run, kind=kind, reference=reference, until=until)

    def free_resource(self, run: UUID, *, kind: str, reference: str) -> None:
        with self._connections.transaction() as connection:
            drills.free(connection, run, kind=kind, reference=reference)

    def leased_resources(self, run: UUID) -> Sequence[LeasedResource]:
        with self._connections.transaction() as connection:
            return drills.leased_of(connection, run)

    def leaked_resources(self) -> Sequence[LeasedResource]:
        with self._connections.transaction() as connection:
            return drills.leaked(connection)

    def was_reminded(self, platform: str, name: str, day: date) -> bool:
        with self._connections.transaction() as connection:
            return drills.was_reminded(connection, platform, name, day)

    def remind(self, run: UUID, *, name: str, day: date, text: str, facts: Mapping[str, object]) -> bool:
        with self._connections.transaction() as connection:
            return drills.remind(connection, run, name=name, day=day, text=text, facts=facts)
