"""How is each service, what explains it, and is its promise at risk?

The invariants, before any code:

1.  *No evidence is never good news.* What was not measured is `unknown`: a missing reading, a
    limit without its measurement, a number that is not one, a check never seen, a service without
    checks. `unknown` is a problem, worse than a warning, and ends nothing.
2.  *One blip is not believed.* A problem is soft until `attempts` bad results in a row made it
    hard (Icinga 2's rules); ok is always hard. A service that changes its mind too often flaps.
3.  *Old news changes nothing.* A reading that is not newer than the last one taken into account
    leaves the status as it was, so a repeated sweep decides the same.
4.  *What is measured wins over what is deduced.* A dependency explains a problem only when it is
    itself in a hard critical or unknown state, as measured. A service measured ok is never hidden,
    whatever it depends on, and it breaks the chain: what fails above it has its own cause.
5.  *Every problem has a cause that is itself a problem* and has no failed dependency of its own.
6.  *Suppress telling, never checking.* Maintenance mutes a service; its state is decided all the same.
7.  *A budget burns on evidence*: a burn is raised by three bad sweeps at least, over its threshold
    both in the long window (it matters) and in the short one (it still goes on).

No I/O, no clock, no Prefect: time and evidence are arguments. This is the public face; the rules
are in `limits`, `statemachine`, `flapping`, `graph` and `slo` beside it.
"""

from __future__ import annotations

from tasks.health.flapping import flapping_pct
from tasks.health.graph import assess_services
from tasks.health.limits import assess_reading, explain_reading, is_well
from tasks.health.slo import BURN_RULES, Budget, BurnRule, assess_budgets, assess_burn, burn_threshold, sli_samples
from tasks.health.statemachine import advance, needs_recheck

__all__ = [
    "BURN_RULES",
    "Budget",
    "BurnRule",
    "advance",
    "assess_budgets",
    "assess_burn",
    "assess_reading",
    "assess_services",
    "burn_threshold",
    "explain_reading",
    "flapping_pct",
    "is_well",
    "needs_recheck",
    "sli_samples",
]
