"""What does the app's answer to a person change?

Answers come three ways: with the acknowledgement of a submission or a command, and through a response
URL. Each is checked as the Web API checks a message or a view; what Slack would not take is refused.
"""

from __future__ import annotations

from typing import Any

from deployments.sandbox.slack_people import Person
from deployments.sandbox.slack_rules import check_blocks, check_view
from deployments.sandbox.slack_store import BOT, Message, Workspace
from deployments.sandbox.slack_triggers import Response, Responses, Spent
from deployments.sandbox.slack_views import View, Views

_OURS = {"user": BOT["user_id"], "bot_id": BOT["bot_id"]}


class Refusal(ValueError):
    """Slack does not take this answer, in Slack's word."""


class Answers:
    """Applies answers to messages and modals."""

    def __init__(self, workspace: Workspace, views: Views) -> None:
        self._workspace = workspace
        self._views = views
        self.responses = Responses()

    def to_submission(self, person: Person, view: View, answer: Any) -> dict[str, str]:
        """Close, correct, replace or push as `response_action` says; the errors by block. Raises `Refusal`."""
        if answer in (None, "", {}):
            if self._views.find(person.id, view["id"]):
                self._views.close(person.id)
            return {}
        wish = answer.get("response_action") if isinstance(answer, dict) else None
        if wish == "errors":
            return self._errors(view, answer.get("errors"))
        if wish == "clear":
            self._views.close(person.id, all_=True)
            return {}
        if wish not in {"update", "push"} or check_view(answer.get("view")):
            raise Refusal("invalid_response_action")
        try:
            if wish == "push":
                self._views.push(person.id, answer["view"])
            else:
                self._views.update(answer["view"], view_id=view["id"])
        except Spent as error:
            raise Refusal(error.code) from error
        return {}

    def to_command(self, channel: str, person: Person, answer: Any) -> None:
        """Show what the acknowledgement of a command holds. Raises `Refusal`."""
        body = {"text": answer} if isinstance(answer, str) else answer
        if body:
            self._say(Response(channel, person.id, ""), body)

    def through_url(self, name: str, body: Any) -> tuple[int, str]:
        """Status and text for a POST to a response URL."""
        try:
            response = self.responses.find(name)
            self._apply(response, body)
        except Spent as error:
            return 404, error.code
        except Refusal as error:
            return 400, str(error)
        response.left -= 1
        return 200, "ok"

    def _apply(self, response: Response, body: Any) -> None:
        if not isinstance(body, dict):
            raise Refusal("invalid_payload")
        if body.get("delete_original") and response.ts:
            self._delete(response)
        elif body.get("replace_original") and response.ts:
            self._replace(response, _content(body))
        else:
            self._say(response, body)

    def _say(self, response: Response, body: dict[str, Any]) -> None:
        content = _content(body) | _OURS
        if thread := body.get("thread_ts"):
            content["thread_ts"] = str(thread)
        if body.get("response_type") == "in_channel":
            self._workspace.post(response.channel, content)
        else:
            self._workspace.whisper(response.channel, response.user, content)

    def _replace(self, response: Response, content: Message) -> None:
        if response.ts in self._workspace.whispers.get(response.channel, {}):
            self._workspace.rewrite(response.channel, response.ts, content)
        elif response.ts in self._workspace.messages[response.channel]:
            self._workspace.update(response.channel, response.ts, content)
        else:
            raise Refusal("message_not_found")

    def _delete(self, response: Response) -> None:
        if response.ts in self._workspace.whispers.get(response.channel, {}):
            self._workspace.unsay(response.channel, response.ts)
        elif not self._workspace.delete(response.channel, response.ts):
            raise Refusal("message_not_found")

    def _errors(self, view: View, errors: Any) -> dict[str, str]:
        inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
            raise Refusal("invalid_response_action")
        return {str(name): str(text) for name, text in errors.items()}


def _content(body: dict[str, Any]) -> Message:
    blocks = body.get("blocks") or []
    if not body.get("text") and not blocks:
        raise Refusal("no_text")
    if check_blocks(blocks):
        raise Refusal("invalid_blocks")
    return {"text": body.get("text", ""), "blocks": blocks}
