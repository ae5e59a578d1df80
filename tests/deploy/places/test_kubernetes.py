"""The manifests: Kubernetes' own schemas take them, and what they name in each other is there."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from tests.deploy.places.spoken import CHECKOUT, PLACES, understood

KUBERNETES = PLACES / "kubernetes"
VERSIONS = ("1.29", "1.37")  # the oldest and the newest that somebody may still have
VALUES = YAML(typ="safe").load((KUBERNETES / "server-values.yaml").read_text())
DOCUMENTS: list[dict[str, Any]] = [
    document
    for file in sorted((KUBERNETES / "manifests").iterdir())
    for document in YAML(typ="safe").load_all(file.read_text())
]
# What the chart prefect-server offers (its values.yaml as of August 2026) and we use; below these keys stands
# what Kubernetes defines. A key that is not the chart's would be dropped in silence.
CHART_KEYS = {
    "fullnameOverride",
    "global.prefect.image.repository",
    "global.prefect.image.prefectTag",
    "global.prefect.env",
    "server.replicaCount",
    "server.command",
    "server.automountServiceAccountToken",
    "server.terminationGracePeriodSeconds",
    "server.basicAuth.enabled",
    "server.basicAuth.existingSecret",
    "server.uiConfig.prefectUiApiUrl",
    "server.containerSecurityContext",
    "server.affinity",
    "backgroundServices.runAsSeparateDeployment",
    "backgroundServices.replicaCount",
    "backgroundServices.command",
    "backgroundServices.automountServiceAccountToken",
    "backgroundServices.terminationGracePeriodSeconds",
    "backgroundServices.containerSecurityContext",
    "backgroundServices.messaging.redis.host",
    "backgroundServices.messaging.redis.ssl",
    "backgroundServices.messaging.redis.existingSecret",
    "backgroundServices.messaging.redis.existingSecretPasswordKey",
    "backgroundServices.messaging.docket.existingSecret",
    "backgroundServices.messaging.docket.existingSecretKey",
    "migrations.enabled",
    "migrations.entrypoint",
    "migrations.timeoutSeconds",
    "migrations.resources",
    "externalDatabase.existingSecret",
    "externalDatabase.connectionStringSecretKey",
    "secret.create",
    "postgresql.enabled",
    "redis.enabled",
}


def title(document: dict[str, Any]) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def pods() -> dict[str, dict[str, Any]]:
    """Each workload -> the template of its pods."""
    found = {}
    for document in DOCUMENTS:
        spec = document["spec"]
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found[title(document)] = spec["template"]
    return found


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def deep(thing: Any, key: str) -> list[Any]:
    """Every value under `key`, wherever it stands."""
    if isinstance(thing, dict):
        return [v for k, v in thing.items() if k == key] + [f for v in thing.values() for f in deep(v, key)]
    return [found for each in thing for found in deep(each, key)] if isinstance(thing, list) else []


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return equal and all(labels.get(e["key"]) in e["values"] for e in selector.get("matchExpressions", []))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_kubernetes_own_schema_takes_it_and_knows_every_key(document, version):
    kubernetes_validate.validate(document, version, strict=True)


def test_the_schema_would_tell_a_mistake():
    worker = next(document for document in DOCUMENTS if title(document) == "Deployment/worker")
    wrong = {**worker, "spec": {**worker["spec"], "replcias": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_every_command_line_is_one_its_program_takes():
    said = {name: [understood(c["args"]) for c in containers(pod)] for name, pod in pods().items()}
    assert said == {
        "CronJob/journal-care": ["vigie journal verify", "vigie journal retention"],
        "Deployment/gateway": ["vigie gateway"],
        "Deployment/worker": ["vigie worker"],
        "Job/journal-upgrade": ["vigie journal upgrade"],
    }


@pytest.mark.parametrize(("name", "pod"), pods().items(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_pod_holds_no_privilege(name, pod):
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    for container in containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]


def test_one_image_everywhere():
    images = set(deep(DOCUMENTS, "image"))
    chart = VALUES["global"]["prefect"]["image"]
    assert images == {f"{chart['repository']}:{chart['prefectTag']}"}


def test_a_worker_that_is_stopped_may_finish_what_it_runs_as_long_as_under_systemd():
    worker = pods()["Deployment/worker"]
    assert worker["spec"]["terminationGracePeriodSeconds"] == 30 * 60
    said = containers(worker)[0]["args"]
    assert said[said.index("--drain") + 1] == str(30 * 60 - 60)


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if "selector" in d["spec"]], ids=title)
def test_a_selector_finds_pods(document):
    selector = document["spec"]["selector"]
    selector = selector if document["kind"] != "Service" else {"matchLabels": selector}
    if document["metadata"]["name"] == "prefect-server":  # the chart's own labels
        assert selector["matchLabels"] == {
            "app.kubernetes.io/name": VALUES["fullnameOverride"],
            "app.kubernetes.io/component": "server",
        }
        return
    found = [name for name, pod in pods().items() if selects(selector, pod["metadata"]["labels"])]
    assert found == [f"Deployment/{document['metadata']['name']}"]


def test_every_pod_is_let_out_by_one_policy_of_its_own():
    """Under the default of nothing a pod that no policy selects would hang on its first connection."""
    policies = [d for d in DOCUMENTS if d["kind"] == "NetworkPolicy" and d["spec"]["podSelector"]]
    for name, pod in pods().items():
        labels = pod["metadata"]["labels"]
        chosen = [title(p) for p in policies if selects(p["spec"]["podSelector"], labels)]
        assert len(chosen) == 1, name


def test_nothing_is_open_but_what_is_said():
    default = next(d for d in DOCUMENTS if title(d) == "NetworkPolicy/nothing-by-default")
    assert default["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    opened = {
        d["metadata"]["name"]: deep(d["spec"].get("ingress", []), "port") for d in DOCUMENTS if "ingress" in d["spec"]
    }
    assert opened == {"prefect-server": [4200], "gateway": [8080]}
    assert deep(pods()["Deployment/gateway"], "containerPort") == [8080]
    gateway = containers(pods()["Deployment/gateway"])[0]["args"]
    assert gateway[gateway.index("--port") + 1] == "8080"


def test_every_secret_that_is_named_is_listed_with_its_keys_on_the_page():
    page = (CHECKOUT / "docs" / "placing.md").read_text()
    listed = set(re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \|", page, re.MULTILINE))
    named = {(r["name"], r["key"]) for r in [*deep(DOCUMENTS, "secretKeyRef"), *deep(VALUES, "secretKeyRef")]}
    redis = VALUES["backgroundServices"]["messaging"]
    named |= {
        (VALUES["server"]["basicAuth"]["existingSecret"], "auth-string"),
        (redis["redis"]["existingSecret"], redis["redis"]["existingSecretPasswordKey"]),
        (redis["docket"]["existingSecret"], redis["docket"]["existingSecretKey"]),
        (VALUES["externalDatabase"]["existingSecret"], VALUES["externalDatabase"]["connectionStringSecretKey"]),
    }
    assert named == listed


def test_no_secret_is_written_out():
    plain = {each["name"] for env in [*deep(DOCUMENTS, "env"), *deep(VALUES, "env")] for each in env if "value" in each}
    assert [name for name in plain if re.search(r"PASSWORD|SECRET|DSN|AUTH_STRING|KEY$|REDIS.*URL", name)] == []


def dotted(values: dict[str, Any], prefix: str = "") -> set[str]:
    found = set[str]()
    for key, value in values.items():
        path = f"{prefix}{key}"
        inner = isinstance(value, dict) and not any(path == known for known in CHART_KEYS)
        found |= dotted(value, f"{path}.") if inner else {path}
    return found


def test_every_value_is_one_that_the_chart_has():
    assert dotted(VALUES) == CHART_KEYS


def test_the_chart_starts_our_image_by_what_it_has():
    """Its own entry point is a file of Prefect's image."""
    container = (PLACES / "image" / "Containerfile").read_text()
    assert f"ENTRYPOINT {['tini', '-g', '--']}".replace("'", '"') in container
    assert VALUES["server"]["command"] == VALUES["backgroundServices"]["command"] == ["tini", "-g", "--"]


def test_the_databases_are_not_the_charts():
    assert VALUES["postgresql"] == VALUES["redis"] == {"enabled": False}
    assert VALUES["secret"] == {"create": False}
