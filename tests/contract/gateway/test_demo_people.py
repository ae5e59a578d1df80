"""The demonstration's people at the sandbox's Slack, before the real gateway: linked, pressed, filled in, shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.approvals.block import ApproverKey
from blocks.errors import Broken
from blocks.ports.approvals import Door, Policy, Standing
from blocks.ports.runs import UNKNOWN_REQUESTER
from blocks.slack.app import SlackApp
from blocks.slack.block import SlackWorkspace
from deployments.commands.as_slack import SlackPage, buttons_of
from deployments.commands.demo_people import ACCOUNTS, Phones, Robot
from deployments.sandbox.listening import listening
from deployments.sandbox.slack import SlackSimulator
from deployments.sandbox.slack_people import APP, TEAM, find_person
from deployments.sandbox.slack_receiver import Secrets
from deployments.sandbox.slack_store import Workspace
from deployments.sandbox.state import State
from tasks.approvals.codes import STEP_S
from tests.contract.gateway.conftest import running

RULE = Policy(approvers=tuple(ACCOUNTS), quorum=1, needs_code=True, typed="hearth")


@dataclass
class Night:
    """One night at the sandbox's Slack: its people, the gateway, what was told on the console."""

    gateway: Any
    state: State
    slack: SlackPage
    said: list[str] = field(default_factory=list)

    def robot(self, **more: Any) -> Robot:
        phones = Phones(self.state, self.gateway.blocks[ApproverKey])
        return Robot(self.gateway.journal, phones, self.slack, self.said.append, pause_s=0.05, **more)

    async def asked(self, policy: Policy = RULE):
        """A question whose card is in the sandbox's Slack; nobody knows who asked, so that one yes more is needed."""
        question = self.gateway.ask(policy, UNKNOWN_REQUESTER)
        await self.gateway.until(lambda: self.card(question) is not None, "the card is there")
        return question

    def card(self, question):
        return self.slack.message(question.run, f"approval:{question.number}")

    async def do(self, act, *arguments, **more):
        return await asyncio.to_thread(act, *arguments, **more)

    async def answered(self, robot: Robot, question):
        """As the demonstration does it: people answer until enough have."""
        journal = self.gateway.journal

        def answer() -> bool:
            now = journal.approvals(question.run)[-1]
            if now.standing is Standing.WAITING:
                said = {each.approver for each in now.decisions}
                robot.answer(now, robot.ours([name for name in ACCOUNTS if name not in said]))
            return journal.approvals(question.run)[-1].standing is not Standing.WAITING

        await self.gateway.until(answer, "enough people answered")
        return journal.approvals(question.run)[-1]

    def link(self, name: str, user: str) -> None:
        """Somebody's own phone and account, which the demonstration knows nothing of."""
        self.gateway.enrol(name)
        step = int(self.gateway.journal.now().timestamp()) // STEP_S - 100
        self.gateway.journal.link_slack(name, TEAM, find_person(user).id, step)


@pytest.fixture
async def night(parts, tmp_path):
    state, known = State.at(tmp_path), Secrets.made()
    simulator = SlackSimulator(Workspace(tmp_path / "slack", ["hearth-ops"]), known, state)
    async with listening(simulator.app(), state, "slack", "slack.com") as (address, _):
        parts.blocks[SlackApp] = SlackApp(app_id=APP, team_id=TEAM, signing_secret=SecretStr(known.signing_secret))
        parts.blocks[SlackWorkspace] = SlackWorkspace(
            bot_token=SecretStr(known.token), base_url=f"https://{address}/api/", ca_file=str(tmp_path / "tls/ca.pem")
        )
        async with running(parts) as gateway:
            pages = {f"{kind}_url": f"{gateway.address}/slack/{path}" for kind, path in PATHS.items()}
            state.write_ready("gateway", gateway.address, **pages)
            night = Night(gateway, state, SlackPage(state, timeout_s=10))
            yield night
            night.slack.leave()


PATHS = {"interactivity": "interactive", "commands": "commands"}


async def test_two_people_press_fill_in_and_the_card_says_so_without_buttons(night):
    robot, journal = night.robot(), night.gateway.journal
    await night.do(robot.introduce, "hearth-ops")
    assert [line.split()[:3] for line in night.said] == [[name, "links", f"@{user}"] for name, user in ACCOUNTS.items()]
    assert {journal.approver_of(TEAM, find_person(user).id).name for user in ACCOUNTS.values()} == set(ACCOUNTS)

    robot.phones.used.clear()
    question = await night.asked()
    _give_new_codes(night, robot)
    settled = await night.answered(robot, question)
    assert settled.standing is Standing.GRANTED
    assert len(settled.decisions) == 2
    assert {each.door for each in settled.decisions} == {Door.SLACK}
    assert night.gateway.prefect.woken == [question.run]
    assert [line for line in night.said if "yes" in line] == [
        f"  {each.approver} says yes in Slack: Approve, typed word, one-time code" for each in settled.decisions
    ]
    told = await night.do(robot.see_decided, settled)
    assert all(each.approver in told for each in settled.decisions)
    assert buttons_of(await night.do(night.card, question)) == ()


def _give_new_codes(night, robot):
    """Half a minute passes: phones show other codes than those that linked."""
    for name in ACCOUNTS:
        night.link(name, ACCOUNTS[name])
        robot.phones.secrets[name] = night.gateway.secrets[name]


async def test_a_press_that_slack_loses_is_pressed_again_with_the_same_code(night):
    robot = night.robot()
    _give_new_codes(night, robot)
    question = await night.asked()
    await night.do(night.slack._act, "break", "", how="lose", times=1)
    settled = await night.answered(robot, question)
    assert settled.standing is Standing.GRANTED
    assert "(timeout); trying again" in night.said[0]


async def test_phones_and_accounts_of_others_are_left_alone(night):
    night.link("shift-lead", "lead")  # a phone of their own
    night.link("duty-operator", "engineer")  # on the account that the demonstration would take for another
    robot = night.robot()
    assert await night.do(robot.ours, tuple(ACCOUNTS)) == ["service-manager"]
    await night.do(robot.introduce, "hearth-ops")
    journal = night.gateway.journal
    assert journal.approver_of(TEAM, find_person("lead").id).name == "shift-lead"
    assert journal.approver_of(TEAM, find_person("engineer").id).name == "duty-operator"


async def test_a_card_that_still_offers_buttons_is_no_decision_that_people_saw(night):
    robot = night.robot(shown_s=0.3)
    question = await night.asked()
    with pytest.raises(Broken, match="does not show"):
        await night.do(robot.see_decided, question)
