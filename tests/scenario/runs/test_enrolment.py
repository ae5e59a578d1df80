"""`vigie approver`: a phone is enrolled by the QR code that is shown once, and its codes count."""

from __future__ import annotations

import io
import json
from urllib.parse import parse_qs, urlsplit

import pytest
import segno
from pyotp.totp import TOTP
from typer.testing import CliRunner

from deployments.commands.approver import app
from tasks.approvals.codes import enrolment_address, verify_code
from tasks.approvals.keys import load_unseal

pytestmark = [pytest.mark.scenario, pytest.mark.filterwarnings("ignore")]


def told(*arguments, code=0):
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    return done.output


def test_the_qr_code_is_that_of_the_secret_whose_codes_count_and_is_not_stored(desk):
    shown = told("enrol", "duty-operator")
    secret = shown.partition("By hand: ")[2].strip()
    expected = io.StringIO()
    segno.make(enrolment_address("duty-operator", secret), error="m").terminal(out=expected, compact=True)
    assert expected.getvalue() in shown
    now = desk.journal.now()
    assert verify_code(desk.journal, load_unseal(), "duty-operator", TOTP(secret).at(now), now)
    assert secret.encode() not in desk.journal.sealed_secret("duty-operator")


def test_a_fresh_phone_replaces_the_former_one_and_its_slack_account(desk):
    first = told("enrol", "duty-operator", "--json")
    desk.journal.link_slack("duty-operator", "T0SANDBOX0", "U0OPERATOR0", 7)
    (mine,) = [each for each in json.loads(told("list", "--json")) if each["name"] == "duty-operator"]
    assert (mine["enrolled"], mine["slack"]) == (True, "U0OPERATOR0")
    second = told("enrol", "duty-operator", "--json")
    former, fresh = (parse_qs(urlsplit(json.loads(each)["address"]).query)["secret"][0] for each in (first, second))
    assert former != fresh
    assert desk.journal.approver_of("T0SANDBOX0", "U0OPERATOR0") is None
    assert "duty-operator" in told("list")


def test_who_stands_in_no_rule_is_not_enrolled(desk):
    assert "approvals.yaml names nobody 'stranger'" in told("enrol", "stranger", code=1)
    assert desk.journal.approver("stranger") is None
