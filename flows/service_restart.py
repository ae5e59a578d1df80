"""Restart a service of a platform: with approval, one thing at a time, health before and after, and proof.

Plan → ask → look → restart each → look until it is well. A retry or a crash repeats no restart that took effect.
"""

from __future__ import annotations

from tasks.approvals.asking import approved
from tasks.restarts.steps import look_before, look_until_well, plan_restart, restart
from tasks.restarts.values import RestartReport
from tasks.runs.runbook import runbook, this_run


@runbook(name="service-restart", run_name="restart {service} of {platform}", subject="service")
def service_restart(platform: str, service: str, reason: str) -> RestartReport:
    """Restart a service: an App Service or machine, an Auto Scaling group instance by instance, a server.

    Args:
        platform: the platform's name in the catalogue.
        service: which of its services.
        reason: why, for those who must approve it.

    """
    granted = approved(lambda: plan_restart(platform, service, reason))
    before = look_before(platform, service)
    done = [restart(this_run().order(granted, step), platform, service, step.text) for step in granted.plan.steps]
    after = look_until_well(platform, service)
    return RestartReport(platform, service, before, after, tuple(step.outcome for step in done))
