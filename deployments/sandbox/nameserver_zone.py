"""What stands in the example zones, and who may change which of it?

Records, kept in the sandbox's folder so that a changed one is still changed at the next start, and changes as in
RFC 2136: all prerequisites first, then all changes, or nothing.

The rule: a change that is not signed by a key of ours is refused, and a key changes only the names it was made for.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update

from deployments.sandbox.state import read_json, write_json

ZONES = ("hearth.example.", "storefront.example.")
ADDRESSES = {
    "api.hearth.example.": "192.0.2.10",
    "api.azure-west.hearth.example.": "192.0.2.10",
    "updates.hearth.example.": "192.0.2.11",
    "db.hearth.example.": "192.0.2.20",
    "db1.hearth.example.": "192.0.2.20",
    "ns1.hearth.example.": "192.0.2.53",
    "api.dc-west.hearth.example.": "198.51.100.10",
    "db2.dc-west.hearth.example.": "198.51.100.20",
    "shop.storefront.example.": "203.0.113.10",
}
TTL_S = 30
OPERATOR_KEY = "vigie-hearth."
MAY_CHANGE = {OPERATOR_KEY: {("db.hearth.example.", "A")}}
_FIRST_SERIAL = 2026112801


def operator_key(folder: Path) -> dict[str, str]:
    """Name, algorithm and secret of the operator's key; made once, so that saved blocks stay right."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = read_json(folder / "key.json")
    if "secret" not in kept:
        kept = {"name": OPERATOR_KEY, "algorithm": "hmac-sha256"}
        kept["secret"] = base64.b64encode(secrets.token_bytes(32)).decode()
        write_json(folder / "key.json", kept)
    return cast("dict[str, str]", kept)


class Records:
    """The zones' addresses. Without a folder they are forgotten."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = folder / "records.json" if folder else None
        kept: dict[str, Any] = read_json(self._file) if self._file else {}
        changed: dict[str, dict[str, list[str]]] = kept.get("changed", {})
        self._seed: dict[str, dict[str, list[str]]] = {name: {"A": [address]} for name, address in ADDRESSES.items()}
        self._records = self._seed | changed
        self.serial = int(kept.get("serial", _FIRST_SERIAL))
        key = operator_key(folder) if folder else None
        self.keys = {dns.name.from_text(key["name"]): _key(key)} if key else {}

    def values(self, name: str, kind: str) -> list[str] | None:
        """The values of a type; None when the name does not exist."""
        found = {kind: values for kind, values in self._records.get(name, {}).items() if values}
        return found.get(kind, []) if found else None

    def change(self, message: dns.update.UpdateMessage) -> dns.rcode.Rcode:
        """Do what a message asks, if it may and if its prerequisites hold; what the answer is."""
        if message.zone[0].name.to_text().lower() not in ZONES:
            return dns.rcode.NOTAUTH
        if not message.had_tsig or not self._may(message):
            return dns.rcode.REFUSED
        unmet = self._unmet(message.prerequisite)
        if unmet != dns.rcode.NOERROR:
            return unmet
        before = {name: dict(kinds) for name, kinds in self._records.items()}
        for rrset in message.update:
            self._apply(rrset)
        if self._records != before:
            self.serial += 1
            self._keep()
        return dns.rcode.NOERROR

    def _may(self, message: dns.update.UpdateMessage) -> bool:
        granted = MAY_CHANGE.get(str(message.keyname), set())
        return all((_name(rrset), dns.rdatatype.to_text(rrset.rdtype)) in granted for rrset in message.update)

    def _unmet(self, prerequisites: Iterable[dns.rrset.RRset]) -> dns.rcode.Rcode:
        """RFC 2136, 3.2."""
        valued = list[tuple[tuple[str, str], list[str]]]()
        for rrset in prerequisites:
            name, kind = _name(rrset), dns.rdatatype.to_text(rrset.rdtype)
            there = self.values(name, kind)
            if rrset.deleting is None:
                valued.append(((name, kind), [item.to_text() for item in rrset]))
            elif kind == "ANY":
                if (there is None) == (rrset.deleting == dns.rdataclass.ANY):
                    return dns.rcode.NXDOMAIN if there is None else dns.rcode.YXDOMAIN
            elif bool(there) != (rrset.deleting == dns.rdataclass.ANY):
                return dns.rcode.YXRRSET if there else dns.rcode.NXRRSET
        for (name, kind), group in groupby(sorted(valued), key=lambda pair: pair[0]):
            wanted = sorted(value for _, values in group for value in values)
            if sorted(self.values(name, kind) or []) != wanted:
                return dns.rcode.NXRRSET
        return dns.rcode.NOERROR

    def _apply(self, rrset: dns.rrset.RRset) -> None:
        """RFC 2136, 3.4: add, delete a set, delete one of it."""
        kinds = dict(self._records.get(_name(rrset), {}))
        kind, given = dns.rdatatype.to_text(rrset.rdtype), [item.to_text() for item in rrset]
        if rrset.deleting == dns.rdataclass.ANY:
            kinds = {} if kind == "ANY" else kinds | {kind: []}
        elif rrset.deleting == dns.rdataclass.NONE:
            kinds[kind] = [value for value in kinds.get(kind, []) if value not in given]
        else:
            kinds[kind] = sorted({*kinds.get(kind, []), *given})
        self._records[_name(rrset)] = kinds

    def _keep(self) -> None:
        if self._file is not None:
            changed = {name: kinds for name, kinds in self._records.items() if kinds != self._seed.get(name)}
            write_json(self._file, {"serial": self.serial, "changed": changed})


def _key(kept: dict[str, str]) -> dns.tsig.Key:
    return dns.tsig.Key(kept["name"], kept["secret"], kept["algorithm"])


def _name(rrset: dns.rrset.RRset) -> str:
    return rrset.name.to_text().lower()
