"""The journal as runs and approvals see it: each method is one transaction in the platform's one line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import UUID

from blocks.errors import Refused
from blocks.journal import actions, approvals, approvers, messages, requests, runs, steps, sweeps
from blocks.journal.connections import Connections
from blocks.journal.holding import holding
from blocks.ports.approvals import Approval, Approver, Judge, Plan, Policy, Ruling, Said, Standing
from blocks.ports.changes import Evidence
from blocks.ports.notifications import Sent
from blocks.ports.runs import Action, Lease, Run, RunMessage, RunState, Step


class RunRecords:
    """The `RunJournal` and `ApprovalJournal` ports on PostgreSQL."""

    _connections: Connections

    # -- runs and the lease --------------------------------------------------------------------

    def open_run(
        self,
        run: UUID,
        *,
        platform: str,
        action: str,
        subject: str,
        parameters: Mapping[str, object],
        requested_by: str,
        customer: str,
    ) -> Run:
        with self._connections.transaction() as connection:
            return runs.open_run(
                connection,
                run,
                platform=platform,
                action=action,
                subject=subject,
                parameters=parameters,
                requested_by=requested_by,
                customer=customer,
            )

    def run(self, run: UUID) -> Run:
        with self._connections.transaction() as connection:
            return runs.the_run(connection, run)

    def find_run(self, run: UUID) -> Run | None:
        """The run, None when the journal never heard of it."""
        with self._connections.transaction() as connection:
            return runs.find_run(connection, run)

    def runs(self, *, platform: str | None = None, states: Sequence[RunState] = ()) -> Sequence[Run]:
        with self._connections.transaction() as connection:
            return runs.list_runs(connection, platform, states)

    def actions(self, run: UUID) -> Sequence[Action]:
        with self._connections.transaction() as connection:
            return actions.read_actions(connection, run)

    def verify_actions(self, platform: str) -> int:
        """Lines checked; raises `Broken` naming the first whose hash does not follow."""
        with self._connections.transaction() as connection:
            return actions.verify_actions(connection, platform)

    def move_run(
        self,
        run: UUID,
        state: RunState,
        *,
        reason: str,
        who: str = "vigie",
        page: bool = False,
        keeps_lease: bool = False,
    ) -> Run:
        with self._connections.transaction() as connection:
            return runs.move(connection, run, state, reason, who, page=page, keeps_lease=keeps_lease)

    def count_resume(self, run: UUID) -> int:
        with self._connections.transaction() as connection:
            return runs.count_resume(connection, run)

    def request_stop(self, run: UUID, *, who: str, reason: str) -> Run:
        with self._connections.transaction() as connection:
            return runs.request_stop(connection, run, who, reason)

    def run_lock(self, run: UUID, *, overtaken: Callable[[], None]) -> AbstractContextManager[bool]:
        return holding(self._connections, _lock_key(run), overtaken)

    def is_executing(self, run: UUID) -> bool:
        high, low = divmod(_lock_key(run) % 2**64, 2**32)
        with self._connections.transaction() as connection:
            return sweeps.lock_is_held(connection, high, low)

    def take_lease(self, run: UUID) -> Lease:
        with self._connections.transaction() as connection:
            return runs.take_lease(connection, run)

    def release_lease(self, run: UUID) -> None:
        with self._connections.transaction() as connection:
            locked, _ = runs.lock_run(connection, run)
            runs.give_back(connection, locked, run)

    def lease(self, platform: str) -> Lease | None:
        with self._connections.transaction() as connection:
            return runs.find_lease(connection, platform)

    # -- steps ---------------------------------------------------------------------------------

    def step(self, run: UUID, key: str) -> Step | None:
        with self._connections.transaction() as connection:
            return steps.find_step(connection, run, key)

    def steps(self, run: UUID) -> Sequence[Step]:
        with self._connections.transaction() as connection:
            return steps.list_steps(connection, run)

    def intend(
        self, run: UUID, token: int, *, key: str, phase: str, item: str, text: str, baseline: Mapping[str, str]
    ) -> Step:
        with self._connections.transaction() as connection:
            return steps.intend(connection, run, token, key=key, phase=phase, item=item, text=text, baseline=baseline)

    def keep_evidence(self, run: UUID, token: int, key: str, evidence: Evidence) -> Step:
        with self._connections.transaction() as connection:
            return steps.keep_evidence(connection, run, token, key, evidence)

    def finish_step(self, run: UUID, token: int, key: str, outcome: str, evidence: Evidence | None) -> Step:
        with self._connections.transaction() as connection:
            return steps.finish(connection, run, token, key, outcome=outcome, evidence=evidence)

    def fail_step(self, run: UUID, token: int, key: str, reason: str) -> None:
        with self._connections.transaction() as connection:
            steps.fail(connection, run, token, key, reason)

    def claim_by_hand(self, run: UUID, key: str, *, who: str) -> Step:
        with self._connections.transaction() as connection:
            return steps.claim_by_hand(connection, run, key, who)

    # -- approvals -----------------------------------------------------------------------------

    def ask(
        self, run: UUID, *, plan: Plan, policy: Policy, requester: str, differences: Sequence[str] = ()
    ) -> Approval:
        with self._connections.transaction() as connection:
            return approvals.ask(
                connection, run, plan=plan, policy=policy, requester=requester, differences=differences
            )

    def approval(self, approval: UUID) -> Approval:
        with self._connections.transaction() as connection:
            return approvals.the_approval(connection, approval)

    def approvals(self, run: UUID) -> Sequence[Approval]:
        with self._connections.transaction() as connection:
            return approvals.approvals_of(connection, run)

    def waiting(self, platform: str | None = None) -> Sequence[Approval]:
        with self._connections.transaction() as connection:
            return approvals.waiting(connection, platform)

    def say(self, approval: UUID, said: Said, judge: Judge) -> tuple[Approval, Ruling]:
        with self._connections.transaction() as connection:
            return approvals.say(connection, approval, said, judge)

    def settle(self, approval: UUID, standing: Standing, *, reason: str, who: str = "vigie") -> Approval:
        with self._connections.transaction() as connection:
            return approvals.settle(connection, approval, standing, reason, who)

    def note_escalation(self, approval: UUID) -> Approval:
        with self._connections.transaction() as connection:
            return approvals.note_escalation(connection, approval)

    def ask_question(self, approval: UUID, *, who: str, text: str) -> Action:
        with self._connections.transaction() as connection:
            return approvals.ask_question(connection, approval, who, text)

    def review(self, approval: UUID, *, who: str) -> Approval:
        with self._connections.transaction() as connection:
            return approvals.review(connection, approval, who)

    def unreviewed(self) -> Sequence[Approval]:
        with self._connections.transaction() as connection:
            return approvals.unreviewed(connection)

    def form_count(self, approval: UUID) -> int:
        """How many forms of the Prefect UI were read for this question: the number of the next one."""
        with self._connections.transaction() as connection:
            return approvals.form_of(connection, approval)[0]

    def form_refusal(self, approval: UUID) -> str:
        """Why the last form's answer did not count; empty when it did."""
        with self._connections.transaction() as connection:
            return approvals.form_of(connection, approval)[1]

    def note_form(self, approval: UUID, number: int, refusal: str) -> None:
        """This form was read."""
        with self._connections.transaction() as connection:
            approvals.note_form(connection, approval, number, refusal)

    # -- approvers -----------------------------------------------------------------------------

    def enrol(self, name: str, sealed_secret: bytes) -> Approver:
        with self._connections.transaction() as connection:
            return approvers.enrol(connection, name, sealed_secret)

    def approver(self, name: str) -> Approver | None:
        with self._connections.transaction() as connection:
            return approvers.find_approver(connection, name)

    def approver_of(self, slack_team: str, slack_user: str) -> Approver | None:
        with self._connections.transaction() as connection:
            return approvers.approver_of(connection, slack_team, slack_user)

    def sealed_secret(self, name: str) -> bytes | None:
        with self._connections.transaction() as connection:
            return approvers.sealed_secret(connection, name)

    def link_slack(self, name: str, slack_team: str, slack_user: str, code_step: int) -> Approver:
        with self._connections.transaction() as connection:
            return approvers.link_slack(connection, name, slack_team, slack_user, code_step)

    def spend_code(self, name: str, code_step: int) -> None:
        """Use up a verified one-time code. Raises `Refused` when it was used before."""
        with self._connections.transaction() as connection:
            fresh = approvers.use_code(connection, name, code_step)
        if not fresh:
            raise Refused("this one-time code was used before", next_step="wait for the next one")

    def note_wrong_code(self, name: str) -> None:
        with self._connections.transaction() as connection:
            approvers.note_wrong_code(connection, name)

    def wrong_codes(self, name: str, within: timedelta) -> int:
        with self._connections.transaction() as connection:
            return approvers.wrong_codes(connection, name, within)

    # -- what comes through the gateway ----------------------------------------------------------

    def claim_request(self, key: str, lease: timedelta) -> bool:
        with self._connections.transaction() as connection:
            return requests.claim(connection, key, lease)

    def finish_request(self, key: str) -> None:
        with self._connections.transaction() as connection:
            requests.finish(connection, key)

    def forget_requests(self, keep: timedelta) -> int:
        with self._connections.transaction() as connection:
            return requests.forget(connection, keep)

    # -- what people see -----------------------------------------------------------------------

    def want_message(self, run: UUID, purpose: str, channel: str = "slack_message") -> None:
        with self._connections.transaction() as connection:
            messages.want_message(connection, run, purpose, channel)

    def claim_messages(self, run: UUID | None, *, limit_count: int, lease: timedelta) -> Sequence[RunMessage]:
        with self._connections.transaction() as connection:
            return messages.claim(connection, run, limit_count, lease)

    def mark_message_sent(self, message: RunMessage, sent: Sent) -> None:
        with self._connections.transaction() as connection:
            messages.mark_sent(connection, message, sent)

    def mark_message_failed(self, message: RunMessage, reason: str, retry_in: timedelta) -> None:
        with self._connections.transaction() as connection:
            messages.mark_failed(connection, message, reason, retry_in)

    def sent_message(self, run: UUID, purpose: str) -> Sent | None:
        with self._connections.transaction() as connection:
            return messages.sent_of(connection, run, purpose)

    def is_being_shown(self, run: UUID, purpose: str) -> bool:
        """Is somebody about to show people the newest version of this message?"""
        with self._connections.transaction() as connection:
            return messages.is_being_shown(connection, run, purpose)

    def waiting_messages(self) -> int:
        """How many messages people do not see in their newest version yet."""
        with self._connections.transaction() as connection:
            return messages.waiting_count(connection)


def _lock_key(run: UUID) -> int:
    """64 bits, so that two runs practically never share a lock."""
    return int.from_bytes(hashlib.sha256(f"vigie run {run}".encode()).digest()[:8], "big", signed=True)
