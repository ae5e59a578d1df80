"""Who must say yes to which action on which platform?

`deployments/approvals.yaml` as types: groups of approvers, and rules. The rules: where no rule fits, nothing
may be asked and so nothing done; of several the narrowest counts (platform before action before customer); two
that overlap without one being narrower are a mistake, because nobody could say which one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from blocks.catalogue.checks import Model
from blocks.catalogue.document import Document
from blocks.catalogue.mistakes import CatalogueInvalid, Mistake, listed, nearest_name
from blocks.catalogue.model import Catalogue
from blocks.catalogue.quantities import Duration
from blocks.catalogue.texts import Name
from blocks.errors import Refused
from blocks.ports.approvals import Policy

ANY = "*"
_SCOPE = ("platform", "action", "customer")


class ApprovalRule(Model):
    """One rule. `customer`, `platform`, `action` are names or `*`; people are groups or names."""

    customer: str = ANY
    platform: str = ANY
    action: str = ANY
    approvers: tuple[Name, ...] = Field(min_length=1)
    quorum: Annotated[int, Field(strict=True, ge=1, le=5)] = 1
    requester_may_approve: Annotated[bool, Field(strict=True)] = False
    expires: Duration = Field(default="30min")  # type: ignore[assignment]
    escalate_after: Duration | None = None
    escalate_to: tuple[Name, ...] = ()
    one_time_code: Annotated[bool, Field(strict=True)] = False
    typed: Annotated[str, Field(max_length=40)] = ""
    break_glass: tuple[Name, ...] = ()

    def fits(self, customer: str, platform: str, action: str) -> bool:
        """Does it speak of this action on this platform?"""
        asked = {"customer": customer, "platform": platform, "action": action}
        return all(getattr(self, key) in {ANY, value} for key, value in asked.items())

    @property
    def narrowness(self) -> tuple[bool, ...]:
        """Larger is narrower; compared between rules that fit the same case."""
        return tuple(getattr(self, key) != ANY for key in _SCOPE)


class ApprovalRules(Model):
    """All rules; `groups` name who belongs together."""

    groups: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    rules: tuple[ApprovalRule, ...] = Field(min_length=1)

    def people(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Groups and names as names, each once, in order."""
        return tuple(dict.fromkeys(each for name in names for each in self.groups.get(name, (name,))))

    def policy_for(self, customer: str, platform: str, action: str) -> Policy:
        """The policy of an action on a platform. Raises `Refused` where no rule fits."""
        fitting = [rule for rule in self.rules if rule.fits(customer, platform, action)]
        if not fitting:
            raise Refused(
                f"no rule says who may approve {action} on {platform}, so nobody may",
                where="approvals.yaml",
                next_step="add a rule, have it reviewed, and run vigie apply",
            )
        rule = max(fitting, key=lambda each: each.narrowness)
        return Policy(
            approvers=self.people(rule.approvers),
            quorum=rule.quorum,
            requester_may_approve=rule.requester_may_approve,
            expires_after_s=rule.expires.total_seconds(),
            escalate_after_s=rule.escalate_after.total_seconds() if rule.escalate_after else 0.0,
            escalate_to=self.people(rule.escalate_to),
            needs_code=rule.one_time_code,
            typed=rule.typed,
            glass=self.people(rule.break_glass),
        )

    def everybody(self) -> tuple[str, ...]:
        """Every name that may ever decide."""
        named = (name for rule in self.rules for name in (*rule.approvers, *rule.escalate_to, *rule.break_glass))
        return tuple(sorted(set(self.people(tuple(named)))))


def load_rules(file: Path, catalogue: Catalogue, actions: tuple[str, ...]) -> ApprovalRules:
    """Read the file, held against the catalogue and the flows that ask. Raises `CatalogueInvalid` with all mistakes."""
    document = Document(file)
    if not document.readable:
        raise CatalogueInvalid(document.mistakes)
    try:
        rules = ApprovalRules.model_validate(document.value)
    except ValidationError as error:
        found = [_explain(document, detail) for detail in error.errors(include_url=False)]
        raise CatalogueInvalid([*document.mistakes, *found]) from None
    mistakes = [*document.mistakes, *_unknown(document, rules, catalogue, actions), *_quorums(document, rules)]
    mistakes += _ambiguous(document, rules)
    if mistakes:
        raise CatalogueInvalid(sorted(set(mistakes)))
    return rules


def _explain(document: Document, detail: Mapping[str, Any]) -> Mistake:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    if detail["type"] == "extra_forbidden":
        known = [*ApprovalRule.model_fields] if path[:1] == ("rules",) else [*ApprovalRules.model_fields]
        return document.mistake(document.at_key(path), f"unknown key {path[-1]!r}", nearest_name(str(path[-1]), known))
    if detail["type"] == "missing":
        return document.mistake(document.at_key(path[:-1]), f"missing key {path[-1]!r}")
    error = detail.get("ctx", {}).get("error")
    said = str(error) if error else str(detail["msg"]).replace("Input should be", "expected")
    return document.mistake(document.at_value(path), said)


def _unknown(document: Document, rules: ApprovalRules, catalogue: Catalogue, actions: tuple[str, ...]) -> list[Mistake]:
    known = {"customer": catalogue.customers, "platform": catalogue.platforms, "action": actions}
    found: list[Mistake] = []
    for index, rule in enumerate(rules.rules):
        for key, names in known.items():
            value = getattr(rule, key)
            if value != ANY and value not in names:
                text = f"unknown {key} {value!r}, expected one of {listed(names)} or '*'"
                found.append(
                    document.mistake(document.at_value(("rules", index, key)), text, nearest_name(value, names))
                )
    return found


def _quorums(document: Document, rules: ApprovalRules) -> list[Mistake]:
    """A quorum that can never be reached would let every request expire."""
    return [
        document.mistake(
            document.at_value(("rules", index, "quorum")),
            f"expected a quorum that {len(rules.people(rule.approvers))} approvers can reach, not {rule.quorum}",
        )
        for index, rule in enumerate(rules.rules)
        if rule.quorum > len(rules.people(rule.approvers))
    ]


def _ambiguous(document: Document, rules: ApprovalRules) -> list[Mistake]:
    found: list[Mistake] = []
    for later, rule in enumerate(rules.rules):
        for earlier, other in enumerate(rules.rules[:later]):
            if _overlap(rule, other) and not _is_narrower(rule, other) and not _is_narrower(other, rule):
                line = document.at_value(("rules", earlier)).line
                text = f"this rule and the one of line {line} speak of the same case, and neither is narrower"
                found.append(document.mistake(document.at_value(("rules", later)), text))
    return found


def _overlap(one: ApprovalRule, other: ApprovalRule) -> bool:
    return all(
        ANY in {getattr(one, key), getattr(other, key)} or getattr(one, key) == getattr(other, key) for key in _SCOPE
    )


def _is_narrower(one: ApprovalRule, other: ApprovalRule) -> bool:
    pairs = list(zip(one.narrowness, other.narrowness, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
