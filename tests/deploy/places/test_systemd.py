"""The units: systemd takes them, the programs take their command lines, and a secret reaches its service only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import needs_program
from tests.deploy.places.spoken import CHECKOUT, INSTALLED, PLACES, understood

SYSTEMD = PLACES / "systemd"
UNITS = sorted(path for path in SYSTEMD.glob("vigie*") if path.is_file())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
LONG_RUNNING = ["vigie-gateway", "vigie-prefect-server@", "vigie-prefect-services", "vigie-worker"]
NAMES_OF_SECRETS = re.compile(
    r"PASSWORD|SECRET|TOKEN|_DSN|AUTH_STRING|ENCRYPTION_KEY|CONNECTION_URL|REDIS.*URL|DOCKET_URL"
)


def settings(path: Path) -> dict[str, list[str]]:
    """Every setting of a unit, each with all its values; `Wants=` and the like may stand several times."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith(("#", "[")):
            found.setdefault(key, []).append(value)
    return found


def environment(name: str) -> dict[str, str]:
    lines = (SYSTEMD / "environment" / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture
def installed(tmp_path):
    """The units as an installation has them, with this checkout in the place of /opt/vigie."""
    units = tmp_path / "units"
    shutil.copytree(SYSTEMD, units, ignore=shutil.ignore_patterns("environment", "with-credentials"))
    for path in units.rglob("*"):
        if path.is_file():
            path.write_text(path.read_text().replace(INSTALLED, str(CHECKOUT)))
    instance = units / "vigie-prefect-server@4200.service"
    shutil.copy(units / "vigie-prefect-server@.service", instance)
    return units


def analyze(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = needs_program("systemd-analyze")
    return subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{installed}:", "SYSTEMD_PAGER": ""},
    )


def test_systemd_understands_every_unit(installed):
    units = sorted(str(path) for path in installed.glob("vigie*") if path.is_file() and "@." not in path.name)
    verified = analyze(installed, "verify", "--man=no", "--recursive-errors=yes", *units)
    ours = [line for line in (verified.stdout + verified.stderr).splitlines() if "vigie" in line]
    assert (verified.returncode, ours) == (0, [])


@pytest.mark.parametrize("spoil", ["Restrat=always", "KillMode=gently", "ExecStart=/nowhere/at/all"])
def test_systemd_would_tell_a_mistake(installed, spoil):
    unit = installed / "vigie-worker.service"
    key = spoil.partition("=")[0].replace("Restrat", "Restart")
    unit.write_text(re.sub(rf"^{key}=.*$", spoil, unit.read_text(), flags=re.MULTILINE))
    verified = analyze(installed, "verify", "--man=no", "--recursive-errors=yes", str(unit))
    assert "vigie-worker.service" in verified.stdout + verified.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_a_service_holds_no_privilege(installed, unit):
    """systemd's own exposure level, 10 is open; in tenths."""
    name = unit.name.replace("@.", "@4200.")
    judged = analyze(installed, "security", "--offline=yes", "--threshold=20", str(installed / name))
    assert judged.returncode == 0, judged.stdout


def test_every_command_line_is_one_its_program_takes():
    said = {unit.stem: [understood(line) for line in settings(unit)["ExecStart"]] for unit in SERVICES}
    assert said == {
        "vigie-gateway": ["vigie gateway"],
        "vigie-journal-care": ["vigie journal verify", "vigie journal retention"],
        "vigie-journal-upgrade": ["vigie journal upgrade"],
        "vigie-prefect-server@": ["prefect server start"],
        "vigie-prefect-services": ["prefect server services start"],
        "vigie-prefect-upgrade": ["prefect server database upgrade"],
        "vigie-worker": ["vigie worker"],
    }


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_every_variable_of_a_command_line_is_in_its_environment_file(unit):
    given = settings(unit)
    files = [Path(path).name for path in given["EnvironmentFile"]]
    named = set(re.findall(r"\$\{(\w+)\}", " ".join(given["ExecStart"])))
    assert named <= set().union(*(environment(name) for name in files))


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)
def test_every_credential_is_named_after_the_variable_and_the_file_it_comes_from(unit):
    for credential in settings(unit)["LoadCredential"]:
        name, _, source = credential.partition(":")
        assert source == f"/etc/vigie/credentials/{name}"
        assert NAMES_OF_SECRETS.search(name)


@pytest.mark.parametrize("file", sorted((SYSTEMD / "environment").iterdir()), ids=lambda path: path.name)
def test_no_secret_stands_in_an_environment_file(file):
    assert [name for name in environment(file.name) if NAMES_OF_SECRETS.search(name)] == []


def test_only_who_needs_a_secret_is_handed_it():
    handed = {unit.stem: {c.partition(":")[0] for c in settings(unit)["LoadCredential"]} for unit in SERVICES}
    assert handed["vigie-worker"] == handed["vigie-gateway"] == {"PREFECT_API_AUTH_STRING", "VIGIE_JOURNAL_DSN"}
    assert handed["vigie-journal-upgrade"] == handed["vigie-journal-care"] == {"VIGIE_JOURNAL_DSN"}
    assert not any("VIGIE_JOURNAL_DSN" in names for stem, names in handed.items() if "prefect" in stem)


def test_what_runs_long_comes_back_and_the_rest_does_not():
    restarted = {unit.stem for unit in SERVICES if settings(unit).get("Restart") == ["always"]}
    assert sorted(restarted) == LONG_RUNNING
    oneshots = {unit.stem for unit in SERVICES if settings(unit)["Type"] == ["oneshot"]}
    assert restarted | oneshots == {unit.stem for unit in SERVICES}


def test_a_worker_that_is_stopped_may_finish_what_it_runs():
    """A signal to the whole group would cut the very steps the worker waits for."""
    worker = settings(SYSTEMD / "vigie-worker.service")
    assert (worker["KillMode"], worker["KillSignal"], worker["OOMPolicy"]) == (["mixed"], ["SIGTERM"], ["continue"])
    assert worker["TimeoutStopSec"] == ["30min"]
    assert int(environment("worker.env")["DRAIN_S"]) == 30 * 60 - 60


def test_the_target_wants_everything_that_runs_and_stopping_it_stops_everything():
    wanted = " ".join(settings(SYSTEMD / "vigie.target")["Wants"]).replace("@4200.", "@.").split()
    running = {unit.name for unit in UNITS if unit.stem in LONG_RUNNING or unit.suffix == ".timer"}
    assert set(wanted) == running
    assert all(settings(SYSTEMD / name)["PartOf"] == ["vigie.target"] for name in running)


def test_who_decides_starts_after_the_journal_is_right():
    for name in ("vigie-worker", "vigie-gateway", "vigie-journal-care"):
        unit = settings(SYSTEMD / f"{name}.service")
        assert "vigie-journal-upgrade.service" in " ".join(unit["Requires"])
        assert "vigie-journal-upgrade.service" in " ".join(unit["After"])


def hand_over(credentials: dict[str, str], folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    for name, value in credentials.items():
        (folder / name).write_text(value)
    return subprocess.run(
        [SYSTEMD / "with-credentials", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(folder)},
    )


def test_each_credential_becomes_a_variable_exactly_as_it_was_written(tmp_path):
    secret = "postgresql://vigie:p a$$'\"\\`x=#@db/journal\n"
    ran = hand_over({"VIGIE_JOURNAL_DSN": secret, "OTHER": "2"}, tmp_path / "c", "env")
    seen = dict(line.split("=", 1) for line in ran.stdout.splitlines())
    assert (seen["VIGIE_JOURNAL_DSN"], seen["OTHER"]) == (secret.rstrip("\n"), "2")


def test_arguments_and_the_exit_code_pass_through(tmp_path):
    ran = hand_over({"A": "1"}, tmp_path / "c", "sh", "-c", 'printf "%s|" "$@"; exit 7', "sh", "a b", "c")
    assert (ran.returncode, ran.stdout) == (7, "a b|c|")


@pytest.mark.parametrize("credentials", [{}, {"VIGIE_JOURNAL_DSN": ""}])
def test_a_credential_that_is_absent_or_empty_starts_nothing(tmp_path, credentials):
    ran = hand_over(credentials, tmp_path / "c", "echo", "started")
    assert (ran.returncode, ran.stdout) == (78, "")
    assert "credential" in ran.stderr


def test_without_a_credentials_directory_nothing_starts():
    ran = subprocess.run(
        [SYSTEMD / "with-credentials", "echo", "started"], capture_output=True, text=True, check=False, env={}
    )
    assert ran.returncode != 0
    assert "LoadCredential" in ran.stderr
