"""How Keystone, Placement and Nova are set up so that they fit on one machine and forget soon.

Everything listens on loopback, a dead compute host is noticed within half a minute, and Nova's own driver that pretends to
run machines stands for the hypervisors. What a role may do is exactly what
docs/permissions-openstack.md tells people to write.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

DOCUMENT = Path(__file__).parents[2] / "docs" / "permissions-openstack.md"
REGION = "dc-west"
HOSTS = ("compute-1", "compute-2")
Settings = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Places:
    """Where everything is."""

    folder: Path
    environment: Path  # OpenStack's own virtual environment
    keystone: int
    placement: int
    nova: int
    messages: int
    around: str
    password: str
    databases: Mapping[str, str]  # name -> where it is

    @property
    def auth_url(self) -> str:
        return f"http://127.0.0.1:{self.keystone}/v3"

    def etc(self, name: str) -> Path:
        return self.folder / "etc" / name


def write_settings(places: Places) -> None:
    """Every file that the services read."""
    (places.folder / "etc").mkdir()
    _write(places.etc("keystone.conf"), _keystone(places))
    _write(places.etc("placement.conf"), _placement(places))
    _write(places.etc("nova.conf"), _nova(places))
    for host in HOSTS:
        _write(places.etc(f"{host}.conf"), _compute(places, host))
    places.etc("policy.yaml").write_text(yaml.safe_dump(documented_policy()))
    shutil.copy(places.environment / "etc" / "nova" / "api-paste.ini", places.etc("api-paste.ini"))
    _write_token_keys(places.folder / "fernet")


def documented_policy() -> dict[str, str]:
    """The rules that the page on permissions tells people to write."""
    found = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return {name: rule for text in found for name, rule in yaml.safe_load(text).items()}


def _keystone(places: Places) -> Settings:
    return {
        "database": _database(places, "keystone"),
        "token": {"provider": "fernet"},
        "fernet_tokens": {"key_repository": places.folder / "fernet"},
        "fernet_receipts": {"key_repository": places.folder / "fernet"},
        "identity": {"password_hash_rounds": 4},
    }


def _placement(places: Places) -> Settings:
    return {
        "api": {"auth_strategy": "keystone"},
        "placement_database": _database(places, "placement"),
        "keystone_authtoken": _service(places),
    }


def _nova(places: Places) -> dict[str, Mapping[str, object]]:
    service = _service(places)
    return {
        "DEFAULT": {
            "state_path": places.folder / "nova",
            "compute_driver": "fake.SmallFakeDriver",
            "transport_url": f"rabbit://guest:guest@127.0.0.1:{places.messages}/",
            "my_ip": "127.0.0.1",
            "enabled_apis": "osapi_compute",
            "reserved_host_memory_mb": 0,
            "report_interval": 3,
            "service_down_time": 30,
        },
        "api": {"auth_strategy": "keystone"},
        "api_database": _database(places, "nova_api"),
        "database": _database(places, "nova"),
        "keystone_authtoken": service,
        "service_user": {"send_service_user_token": True, **service},
        "placement": service,
        "neutron": {"endpoint_override": places.around, **service},
        "glance": {"api_servers": places.around},
        "oslo_concurrency": {"lock_path": places.folder / "locks"},
        "oslo_messaging_notifications": {"driver": "noop"},
        "oslo_policy": {"policy_file": places.etc("policy.yaml")},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 2},
        "vnc": {"enabled": False},
    }


def _compute(places: Places, host: str) -> Settings:
    """A compute host has a name and a state of its own, and no way into the databases."""
    settings = _nova(places)
    del settings["api_database"], settings["database"]
    settings["DEFAULT"] = {**settings["DEFAULT"], "host": host, "state_path": places.folder / host}
    return settings


def _service(places: Places) -> Mapping[str, object]:
    return {
        "www_authenticate_uri": places.auth_url,
        "auth_url": places.auth_url,
        "auth_type": "password",
        "username": "nova",
        "password": places.password,
        "project_name": "service",
        "user_domain_id": "default",
        "project_domain_id": "default",
        "region_name": REGION,
    }


def _database(places: Places, name: str) -> Mapping[str, object]:
    return {"connection": places.databases[name], "max_pool_size": 5}


def _write(file: Path, settings: Settings) -> None:
    lines: list[str] = []
    for section, values in settings.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items()), ""]
    file.write_text("\n".join(lines), encoding="utf-8")


def _write_token_keys(folder: Path) -> None:
    """Keystone's two: the one that signs, and the next one."""
    folder.mkdir(mode=0o700)
    for name in ("0", "1"):
        (folder / name).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
        (folder / name).chmod(0o600)
