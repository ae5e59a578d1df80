"""What does a work pool on ECS or on Azure Container Instances start, and with which secrets?

    python -m deployments.places.pools            # writes ecs/ and aci/base-job-template.json again
    python -m deployments.places.pools --check    # exit 1 when they are not what would be written

Each is the template of the installed prefect-aws or prefect-azure with a few lines of ours on top. The rule:
nothing that Prefect would guess (an image, a network with public addresses) is left to a guess. The journal's
address is in neither: a run takes it from the Prefect block "journal". prefect-aws would replace a container's
own secrets by its two, and Azure Container Instances shows every other variable to whoever may read the group.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLACES = Path(__file__).resolve().parent
_IMAGE = "The image built from deployments/places/image/Containerfile, with its tag"


def ecs_template() -> dict[str, Any]:
    """Base job template of a work pool of type ecs (prefect-aws). Raises KeyError when its shape is a new one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what prefect-aws says about itself
        from prefect_aws.workers.ecs_worker import ECSWorker

        template = ECSWorker.get_default_base_job_template()
    variables = template["variables"]["properties"]
    _preset(variables, "env", {"PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": "s3-bucket/vigie-results"})
    _preset(variables, "launch_type", "FARGATE")
    _preset(variables, "family", "vigie")
    _preset(variables, "cpu", 1024)
    _preset(variables, "memory", 2048)
    _preset(variables, "configure_cloudwatch_logs", value=True)
    _preset(variables, "match_latest_revision_in_family", value=True)
    variables["image"]["description"] = _IMAGE
    container = template["job_configuration"]["task_definition"]["containerDefinitions"][0]
    container["cpu"], container["memory"] = "{{ cpu }}", "{{ memory }}"
    container["stopTimeout"] = 120  # seconds, the longest that Fargate allows
    _demand(
        template,
        "cluster",
        "execution_role_arn",
        "image",
        "network_configuration",
        "prefect_api_auth_string_secret_arn",
        "task_role_arn",
        "vpc_id",
    )
    return template


def aci_template() -> dict[str, Any]:
    """Base job template of a work pool of type azure-container-instance (prefect-azure)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what prefect-azure says about itself
        from prefect_azure.workers.container_instance import AzureContainerWorker

        template = AzureContainerWorker.get_default_base_job_template()
    variables = template["variables"]["properties"]
    storage = "azure-blob-storage-container/vigie-results"
    _preset(variables, "env", {"PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": storage})
    _preset(variables, "entrypoint", "/usr/bin/tini")  # none given would mean Prefect's own, which our image lacks
    _preset(variables, "cpu", 1.0)
    _preset(variables, "memory", 2.0)
    variables["image"]["description"] = _IMAGE
    variables["image"].pop("default", None)
    _demand(template, "identities", "image", "resource_group_name", "subnet_ids", "subscription_id")
    return template


TEMPLATES: dict[str, Callable[[], dict[str, Any]]] = {"ecs": ecs_template, "aci": aci_template}


def written(template: dict[str, Any]) -> str:
    """A template as the files hold it."""
    return json.dumps(template, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Write the templates, or say which are not what would be written."""
    parser = argparse.ArgumentParser(description="Base job templates of the work pools")
    parser.add_argument("--check", action="store_true")
    only_check = parser.parse_args(arguments).check
    stale: list[str] = []
    for name, make in TEMPLATES.items():
        file, content = PLACES / name / "base-job-template.json", written(make())
        if not only_check:
            file.write_text(content, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != content:
            stale.append(str(file.relative_to(PLACES)))
    if stale:
        sys.exit(f"not what is written now: {', '.join(stale)}; run python -m deployments.places.pools")


def _preset(variables: dict[str, Any], name: str, value: Any) -> None:
    """A default of ours for a variable that must be there already."""
    variables[name]["default"] = value


def _demand(template: dict[str, Any], *names: str) -> None:
    """These have no default: a run without one is refused before anything starts."""
    properties = template["variables"]["properties"]
    for name in names:
        properties[name].pop("default", None)
    required = {*template["variables"].get("required", ()), *names}
    template["variables"]["required"] = sorted(required)


if __name__ == "__main__":
    main()
