"""Is a database role tried on every server that a check names with it, and on no other?"""

from __future__ import annotations

from pathlib import Path

from blocks.catalogue.databases import databases_of, databases_of_platform
from blocks.catalogue.loader import load_catalogue

FOLDER = Path(__file__).resolve().parents[3] / "deployments" / "catalogue"
PLATFORM = """
platforms:
  shop:
    customer: acme
    database_credentials: shared
    sites: {north: {provider: azure, region: northeurope, role: primary, credentials: cloud}}
    services:
      data:
        kind: postgres
        site: north
        checks:
          login: {kind: database, address: "b.example:5432", database: shop}
          again: {kind: database, address: "b.example:5432", database: shop}
          other: {kind: database, address: "a.example:5432", database: shop, credentials: own}
          follow: {kind: replication, address: "a.example:5432", database: shop, standby: s1}
          port: {kind: tcp, address: "c.example:5432"}
customers:
  acme: {language: en, time_zone: Europe/London, channel: ops}
"""


def test_each_place_once_with_the_credentials_it_is_checked_with(tmp_path):
    (tmp_path / "shop.yaml").write_text(PLATFORM)
    catalogue = load_catalogue(tmp_path)
    assert databases_of(catalogue, "shared") == [("a.example:5432", "shop"), ("b.example:5432", "shop")]
    assert databases_of(catalogue, "own") == [("a.example:5432", "shop")]
    assert databases_of(catalogue, "cloud") == []


def test_the_shipped_reader_is_tried_on_both_databases():
    catalogue = load_catalogue(FOLDER)
    both = [("db1.hearth.example:5432", "household"), ("db2.dc-west.hearth.example:5432", "household")]
    assert databases_of(catalogue, "postgres-hearth-reader") == both
    assert databases_of_platform(catalogue.platforms["storefront"], "postgres-hearth-reader") == []
