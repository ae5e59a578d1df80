"""Which handler answers what Slack sends? The official framework's app, with ours registered.

The rules: Slack's own verification stays on behind ours; an action that nobody knows is refused; nothing is asked
of Slack before a request is dealt with, so that buttons work while its API is slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blocks.slack.cards import ASK
from blocks.slack.modals import ANSWER, CHOOSE, LINK, PARAMETERS, QUESTION
from deployments.gateway.answers import CHOICES, Answers
from deployments.gateway.desk import LINK_BUTTON, Counter
from deployments.gateway.linking import Linking
from deployments.gateway.manual import Manual
from deployments.gateway.settings import Known
from deployments.gateway.steering import STEERS, Steering

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp

COMMAND, SHORTCUT = "/vigie", "vigie"


def build_slack_app(known: Known, counter: Counter) -> AsyncApp:
    """The app with its handlers; `counter` holds the client that is used for everything."""
    from slack_bolt.async_app import AsyncApp

    app = AsyncApp(
        name="vigie",
        signing_secret=known.signing_secret,
        client=counter.client,
        authorize=_authorize(known),
    )
    _register(app, counter)
    return app


def _authorize(known: Known) -> Any:
    """We are who the saved block says, without asking Slack each time; `check_origin` has refused all others."""

    async def authorize(enterprise_id: str | None) -> Any:
        from slack_bolt.authorization import AuthorizeResult

        return AuthorizeResult(enterprise_id=enterprise_id, team_id=known.team_id, bot_token=known.bot_token)

    return authorize


def _register(app: Any, counter: Counter) -> None:
    answers, linking, manual = Answers(counter), Linking(counter), Manual(counter)
    steering = Steering(counter)
    for name in (*CHOICES, ASK):
        app.action(name)(answers.press)
    for name in STEERS:
        app.action(name)(steering.press)
    app.action(LINK_BUTTON)(linking.press)
    app.view(ANSWER)(answers.submit)
    app.view(QUESTION)(answers.ask)
    app.view(LINK)(linking.submit)
    app.view(CHOOSE)(manual.chosen)
    app.view(PARAMETERS)(manual.filled_in)
    app.command(COMMAND)(manual.command)
    app.shortcut(SHORTCUT)(manual.shortcut)
