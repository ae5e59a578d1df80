"""Who is rung through PagerDuty, and for what?

PagerDuty's Events API v2: a trigger rings, an acknowledge stops the escalation, a resolve ends it. The
dedup key is the incident's id, so the same trigger twice rings once.
Source: PagerDuty, "Events API v2 Overview" and "Send an Alert Event" (field lengths and severities).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from blocks.pager.calling import call
from blocks.ports.incidents import READINESS, Severity
from blocks.ports.notifications import IncidentPicture, PagerAction, Sent
from blocks.ports.showing import Call
from blocks.slack.markup import plain
from blocks.slack.words import root_name, say, shortened, story_of, voice_of

if TYPE_CHECKING:
    import aiohttp

EVENTS_URL: Final = "https://events.pagerduty.com/v2/enqueue"
MOST_SUMMARY: Final = 1024
MOST_SPOKEN: Final = 200  # a phone reads it aloud
MOST_DEDUP_KEY: Final = 255
_SEVERITY = {Severity.PAGE: "critical", Severity.TICKET: "warning", Severity.NOTICE: "info"}
_FIELD, _NAME = 500, 255


class PagerDutyPager:
    """Implements `Pager` and `RunPager` with the Events API v2."""

    def __init__(self, session: aiohttp.ClientSession, routing_key: str, events_url: str) -> None:
        self._session = session
        self._routing_key = routing_key
        self._events_url = events_url

    async def send(self, action: PagerAction, picture: IncidentPicture, dedup_key: str) -> Sent:
        event = pagerduty_event(action, picture, dedup_key, self._routing_key)
        answer = await call(self._session, self._events_url, json.dumps(event).encode(), {})
        return Sent(str(answer.body.get("dedup_key") or dedup_key))

    async def ring(self, call_: Call, dedup_key: str) -> Sent:
        """Ring for a run: nobody decided yet, or a person is needed. Stop when that is over."""
        event = run_event(call_, dedup_key, self._routing_key)
        answer = await call(self._session, self._events_url, json.dumps(event).encode(), {})
        return Sent(str(answer.body.get("dedup_key") or dedup_key))

    async def knows_key(self) -> None:
        """Acknowledge what does not exist: rings nobody, and raises as `send` would."""
        event = {"routing_key": self._routing_key, "event_action": "acknowledge", "dedup_key": "vigie-blocks-check"}
        await call(self._session, self._events_url, json.dumps(event).encode(), {})


def pagerduty_event(action: PagerAction, picture: IncidentPicture, dedup_key: str, routing_key: str) -> dict[str, Any]:
    """The event as the API wants it; acknowledge and resolve need no payload."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action.value,
        "dedup_key": dedup_key[:MOST_DEDUP_KEY],
    }
    if action is not PagerAction.TRIGGER:
        return event
    event |= {"client": "vigie", "payload": _payload(picture)}
    if picture.run_url:
        label = voice_of(picture).say("incident.run")
        event |= {"client_url": picture.run_url, "links": [{"href": picture.run_url, "text": label}]}
    return event


def run_event(call_: Call, dedup_key: str, routing_key: str) -> dict[str, Any]:
    """A trigger about a run, or its end."""
    action = PagerAction.RESOLVE if call_.is_over else PagerAction.TRIGGER
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action.value,
        "dedup_key": dedup_key[:MOST_DEDUP_KEY],
    }
    if call_.is_over:
        return event
    event["client"] = "vigie"
    event["payload"] = {
        "summary": plain(call_.summary, MOST_SUMMARY),
        "source": plain(call_.platform, _NAME) or "vigie",
        "severity": "critical",
        "timestamp": call_.since.isoformat(),
        "component": plain(call_.subject, _NAME),
        "group": plain(call_.customer, _NAME),
        "class": "run",
        "custom_details": {"sentence": plain(call_.sentence, _FIELD)},
    }
    if call_.run_url:
        label = say(call_.language, "incident.run")
        event |= {"client_url": call_.run_url, "links": [{"href": call_.run_url, "text": label}]}
    return event


def summary_of(picture: IncidentPicture) -> str:
    """What the phone shows and reads aloud."""
    voice, incident = voice_of(picture), picture.incident
    said = voice.say(
        "pager.summary",
        platform=incident.platform,
        root=root_name(voice, incident),
        cause=shortened(picture, MOST_SPOKEN),
    )
    return plain(said, MOST_SUMMARY)


def _payload(picture: IncidentPicture) -> dict[str, Any]:
    incident = picture.incident
    return {
        "summary": summary_of(picture),
        "source": plain(incident.platform, _NAME) or "vigie",
        "severity": _SEVERITY[incident.severity],
        "timestamp": incident.opened_at.isoformat(),
        "component": plain(incident.root, _NAME),
        "group": plain(picture.customer, _NAME),
        "class": _class_of(incident.root),
        "custom_details": {
            "incident": str(incident.id),
            "sentence": plain(story_of(picture), _FIELD),
            "affected": [plain(name, _FIELD) for name in incident.affected[:50]],
            "clients": plain(picture.clients, _FIELD),
            "tried": [plain(step, _FIELD) for step in picture.tried[:20]],
            "reopened": incident.reopened_count,
        },
    }


def _class_of(root: str) -> str:
    if root.startswith(READINESS):
        return "readiness"
    return "slo" if root.startswith("slo:") else "monitoring" if root == "monitoring" else "health"
