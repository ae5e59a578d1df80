"""How is this move done by hand, on the night when Prefect is down too?

One page to print and keep: the plan as it would be approved, then each step with the exact commands, what must be seen
before the next one, and a line to note who did it and when. Pure: the same platform and plan give the same page.

The rules: no secret is on paper, only where each one is; nothing is fetched and nothing is carried out by a browser;
the order is the plan's, and what stands in one box may be done side by side.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime

from blocks.catalogue.model import Platform, Site
from blocks.ports.approvals import Plan, PlanStep
from blocks.slack.pieces import action_name
from blocks.slack.rulings import retell
from blocks.slack.voice import Voice
from tasks.recovery.by_hand import ByHand, Secret, by_hand, variable
from tasks.recovery.items import parse_item
from tasks.recovery.order import groups_of
from tasks.reports.moves.page import html_page
from tasks.reports.moves.picture import phase_name

_LOGINS = {
    "azure": (
        'az login --service-principal --username "${name}_CLIENT_ID" --password "${name}_CLIENT_SECRET" '
        '--tenant "${name}_TENANT_ID"'
    ),
    "openstack": (
        "export OS_AUTH_TYPE=v3applicationcredential OS_IDENTITY_API_VERSION=3 "
        'OS_AUTH_URL="${name}_AUTH_URL" OS_APPLICATION_CREDENTIAL_ID="${name}_ID" '
        'OS_APPLICATION_CREDENTIAL_SECRET="${name}_SECRET" OS_REGION_NAME={region}'
    ),
}
_STYLE = """
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f1f3f5; border: 1px solid #d5d9de; padding: .5rem;
      font: 13px/1.4 ui-monospace, monospace }
.group { border-left: 3px solid #1f2328; padding-left: .8rem; margin: 1rem 0 }
.step { break-inside: avoid; margin-bottom: 1.2rem } .step h3 { margin: .2rem 0; font-size: 1rem }
.sign { color: #6b7280; font-size: .85rem } .must { font-weight: 600 }
"""


def render_paper(platform: Platform, plan: Plan, *, at: datetime, language: str, time_zone: str) -> str:
    """The page. Raises `Broken` for a step that the platform's plan does not have."""
    voice = Voice(language, time_zone)
    steps = (*plan.steps, *plan.when_back)
    typed = {(step.phase, step.item): by_hand(platform, parse_item(step.item), step.phase) for step in steps}
    title = voice.say("paper.title", action=action_name(voice, plan.action), platform=plan.platform)
    body = [
        f"<style>{_STYLE}</style><h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(voice.say('paper.made', moment=voice.moment(at), digest=plan.digest[:12]))}</p>",
        f"<p class=must>{html.escape(voice.say('paper.rule'))}</p>",
        _known(voice, plan),
        _secrets(voice, [secret for each in typed.values() for secret in each.secrets], _operators(platform, plan)),
        *_phases(voice, platform, plan.steps, typed),
        *_when_back(voice, platform, plan, typed),
        f"<p class=must>{html.escape(voice.say('paper.afterwards'))}</p>",
    ]
    return html_page(title, "".join(body), language)


# -- what one must know first ------------------------------------------------------------------


def _known(voice: Voice, plan: Plan) -> str:
    lines = [retell(voice, plan.reason)] if plan.reason else []
    lines += [voice.say("paper.candidate", name=plan.candidate)] if plan.candidate else []
    lines += [voice.say("card.role", site=site, role=retell(voice, role)) for site, role in plan.roles.items()]
    lines += [_fact(voice, name, how) for name, how in plan.coverage.items()]
    lines += [
        voice.say("paper.bound", name=retell(voice, b.name), most=voice.number(b.at_most), unit=retell(voice, b.unit))
        for b in plan.bounds
    ]
    lines += [_fact(voice, guard.name, guard.text) for guard in plan.guards]
    lines += [retell(voice, sentence) for sentence in plan.known_wrong]
    listed = "".join(f"<li>{html.escape(line.strip())}</li>" for line in lines)
    return f"<h2>{html.escape(voice.say('paper.known'))}</h2><ul>{listed}</ul>" if listed else ""


def _fact(voice: Voice, name: str, text: str) -> str:
    return voice.say("card.guard", name=retell(voice, name), text=retell(voice, text))


def _operators(platform: Platform, plan: Plan) -> list[Site]:
    """The sites whose providers are told anything; all of them where a step does not say."""
    named = {parse_item(step.item).site for step in (*plan.steps, *plan.when_back)}
    sites = [site for site in platform.sites.values() if site.name in named and site.provider in _LOGINS]
    return sites or list(platform.sites.values())


def _secrets(voice: Voice, secrets: Sequence[Secret], sites: Sequence[Site]) -> str:
    rows = [
        (secret.variable, voice.say(f"paper.secret.{secret.what}"), secret.block) for secret in dict.fromkeys(secrets)
    ]
    rows += [
        (f"{variable(site.operator)}_…", voice.say("paper.secret.login"), site.operator)
        for site in sites
        if site.operator is not None
    ]
    head = "".join(
        f"<th>{html.escape(voice.say(f'paper.column.{name}'))}</th>" for name in ("variable", "what", "block")
    )
    listed = "".join("<tr>" + "".join(f"<td>{html.escape(value)}</td>" for value in row) + "</tr>" for row in rows)
    logins = [
        _LOGINS[site.provider].format(name=variable(site.operator), region=site.region)
        for site in sites
        if site.operator is not None and site.provider in _LOGINS
    ]
    return (
        f"<h2>{html.escape(voice.say('paper.secrets'))}</h2><p>{html.escape(voice.say('paper.secrets_why'))}</p>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{listed}</tbody></table></div>'
        f"<h2>{html.escape(voice.say('paper.logins'))}</h2>{_typed(logins)}"
    )


# -- the steps ---------------------------------------------------------------------------------


def _when_back(voice: Voice, platform: Platform, plan: Plan, typed: dict[tuple[str, str], ByHand]) -> list[str]:
    """What vigie would do by itself when the site that was left answers again."""
    if not plan.when_back:
        return []
    title = f"<h2>{html.escape(voice.say('paper.when_back'))}</h2>"
    return [title, *_phases(voice, platform, plan.when_back, typed, number=len(plan.steps))]


def _phases(
    voice: Voice,
    platform: Platform,
    planned: Sequence[PlanStep],
    typed: dict[tuple[str, str], ByHand],
    number: int = 0,
) -> list[str]:
    parts: list[str] = []
    for phase in dict.fromkeys(step.phase for step in planned):
        parts.append(f"<h2>{html.escape(phase_name(voice, phase))}</h2>")
        for group in groups_of(platform, [step for step in planned if step.phase == phase]):
            steps = [
                _step(voice, number + place, step, typed[step.phase, step.item])
                for place, step in enumerate(group, start=1)
            ]
            number += len(group)
            together = f"<p class=sign>{html.escape(voice.say('paper.together'))}</p>" if len(group) > 1 else ""
            parts.append(f"<div class=group>{together}{''.join(steps)}</div>")
    return parts


def _step(voice: Voice, number: int, step: PlanStep, typed: ByHand) -> str:
    note = voice.say(typed.note, **(typed.blanks or {})) if typed.note else ""
    look = f"<p class=sign>{html.escape(voice.say('paper.look'))}</p>{_typed(typed.look)}" if typed.look else ""
    return (
        f"<div class=step><h3>☐ {number}. {html.escape(retell(voice, step.text))}</h3>"
        f"<p class=sign>{html.escape(step.item)}</p>"
        f"{_typed(typed.commands)}{look}"
        + (f"<p>{html.escape(note)}</p>" if note else "")
        + f"<p class=sign>{html.escape(voice.say('paper.sign'))}</p></div>"
    )


def _typed(commands: Sequence[str]) -> str:
    return "".join(f"<pre>{html.escape(command)}</pre>" for command in commands)
