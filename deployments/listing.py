"""Does prefect.yaml say only what we understand?

Prefect drops an unknown key silently and loads nothing at all for a wrong work pool; here both are
refused before anything is registered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from blocks.catalogue.quantities import Duration
from blocks.errors import Broken


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorkPool(_Strict):
    """Where the runs of a deployment are picked up."""

    name: str


class Services(_Strict):
    """A choice of the services, of all platforms, that something can be done to."""

    parameter: str
    that: Literal["restart"]


class EachPlatform(_Strict):
    """What the catalogue adds: a choice of platforms for `parameter`, of services for `services`, a schedule each."""

    parameter: str
    that: Literal["moves"] | None = None  # only platforms with a recovery plan
    services: Services | None = None
    schedule: Literal["sweep_every"] | None = None


class OnEvent(_Strict):
    """Which of Prefect's events start it besides: a run at once instead of at the next time of its schedule."""

    events: tuple[str, ...] = Field(min_length=1)
    tag: str  # of the runs whose events count


class DeploymentEntry(_Strict):
    """One deployment as prefect.yaml lists it."""

    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...] = ()
    work_pool: WorkPool
    each_platform: EachPlatform | None = None
    every: Duration | None = None
    on_event: OnEvent | None = None

    @model_validator(mode="after")
    def _one_interval(self) -> Self:
        if self.every is not None and self.each_platform is not None and self.each_platform.schedule is not None:
            raise ValueError("expected either every or each_platform.schedule: each would start it")
        return self

    @property
    def action(self) -> str:
        """The flow's name as approval rules use it: the file's name with dashes."""
        return Path(self.entrypoint.partition(":")[0]).stem.replace("_", "-")


class PrefectFile(_Strict):
    """prefect.yaml as a whole."""

    name: str
    prefect_version: str = Field(alias="prefect-version")
    definitions: dict[str, Any] = Field(default_factory=dict)
    deployments: tuple[DeploymentEntry, ...]

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [f"{entry.name} of {entry.entrypoint}" for entry in self.deployments]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"listed twice: {', '.join(sorted(twice))}")
        return self


def read_listing(path: Path) -> PrefectFile:
    """Read prefect.yaml. Raises `Broken` naming the key that is wrong."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return PrefectFile.model_validate(YAML(typ="safe", pure=True).load(path))
    except (YAMLError, OSError) as error:
        raise Broken(f"{path.name} cannot be read: {error}", where=str(path)) from error
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise Broken(f"{path.name}: {found}", where=str(path), next_step="correct it and apply again") from error
