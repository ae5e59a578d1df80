"""A small right catalogue that tests spoil, and marks that say where the mistake should be pointed at."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.catalogue.loader import check_catalogue
from blocks.catalogue.mistakes import Mistake

MARK = "@@"

RIGHT = """\
customers:
  acme:
    language: en
    time_zone: Europe/London
    channel: acme-ops
    pager: acme-pager
platforms:
  shop:
    customer: acme
    database_credentials: acme-postgres
    sites:
      north:
        provider: azure
        region: northeurope
        role: primary
        credentials: acme-azure
      ireland:
        provider: aws
        region: eu-west-1
        role: recovery
        credentials: acme-aws
    redundancy_groups:
      fronts: [front, front-two]
    services:
      front:
        kind: web
        site: north
        criticality: critical
        depends_on: [data]
        checks:
          page:
            kind: http
            url: https://shop.acme.example/
            latency: {warning: "> 300 ms", critical: "> 1 s"}
            slo: true
          beat:
            kind: heartbeat
            beat: nightly
            deadline: 26h
        slos:
          reachable:
            objective: 99.9 %
      front-two:
        kind: web
        site: north
        checks:
          port:
            kind: tcp
            address: two.acme.example:443
      data:
        kind: postgres
        site: north
        checks:
          login:
            kind: database
            address: db.acme.example:5432
            database: shop
      orders:
        kind: aws.sqs_queue
        site: ireland
        resource: acme-orders
        depends_on: ["group:fronts"]
        checks:
          backlog:
            kind: queue
            age: {critical: "> 10 min"}
          oldest:
            kind: metric
            metric: AWS/SQS/ApproximateAgeOfOldestMessage
            unit: s
            value: {warning: "> 5 min"}
      machine:
        kind: azure.virtual_machine
        site: north
        resource: /subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/acme/providers/Microsoft.Compute/virtualMachines/one
        checks:
          health:
            kind: resource_health
    maintenance:
      patches:
        rrule: FREQ=WEEKLY;BYDAY=SU
        start: "02:00"
        duration: 2h
        services: [data]
"""


class Example:
    """The right catalogue in a folder of its own; `@@` in a text stands before what must be pointed at."""

    right = RIGHT

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def spoiled(self, old: str, new: str, text: str = RIGHT) -> str:
        """The text with its one `old` replaced."""
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the example"
        return text.replace(old, new)

    def check(self, **files: str) -> tuple[list[Mistake], list[tuple[str, int, int]]]:
        """The mistakes of `files` (name without .yaml -> text), and the places that were marked in them."""
        places: list[tuple[str, int, int]] = []
        for name, marked in files.items():
            text, marks = _unmark(marked)
            (self.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
            places += [(str(self.folder / f"{name}.yaml"), line, column) for line, column in marks]
        return check_catalogue(self.folder), sorted(places)


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return Example(tmp_path)


def _unmark(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without its marks, and the line and column of what each stood before, counted from one."""
    places: list[tuple[int, int]] = []
    while MARK in text:
        before = text[: text.index(MARK)]
        places.append((before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1))
        text = text.replace(MARK, "", 1)
    return text, places
