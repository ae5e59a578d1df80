"""What exactly was measured in that sweep, reading by reading, attempt by attempt?

One gzip of JSON lines: first what it is about, then every reading. The rule: nothing is left out and
nothing is added; the same readings give the same bytes, so keeping them twice changes nothing.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from blocks.errors import Broken
from blocks.ports.health import Finding, FindingCode, Measurement, Missing, MissingCode, Reading, State, Unit

FORMAT = "vigie-evidence/1"
_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False)  # one for all lines: making it costs more than a line


def pack_evidence(readings: Iterable[Reading], about: Mapping[str, str]) -> bytes:
    """A header line with `about`, then a line a reading; gzip without a timestamp."""
    lines = [json.dumps({"format": FORMAT, **about}, sort_keys=True)]
    lines += [_LINE.encode(_written(reading)) for reading in readings]
    return gzip.compress("\n".join(lines).encode() + b"\n", compresslevel=6, mtime=0)


def unpack_evidence(content: bytes) -> tuple[dict[str, str], list[Reading]]:
    """(about, readings). Raises `Broken` when it is not whole or not ours."""
    try:
        head, *lines = gzip.decompress(content).decode().splitlines()
        about = json.loads(head)
        readings = [_read(json.loads(line)) for line in lines]
    except (ValueError, KeyError, EOFError, OSError) as error:
        raise Broken(
            f"this is not evidence of vigie ({type(error).__name__})", code=MissingCode.PROBE_FAILED.value
        ) from None
    if about.pop("format", "") != FORMAT:
        raise Broken("this evidence has a format that is not known here", code=MissingCode.PROBE_FAILED.value)
    return about, readings


def _written(reading: Reading) -> dict[str, Any]:
    written: dict[str, Any] = {
        "service": reading.service,
        "check": reading.check,
        "attempt": reading.attempt,
        "started_at": reading.started_at.isoformat(),
        "elapsed_ms": _number(reading.elapsed_ms),
        "measurements": [[m.name, _number(m.value), m.unit.value] for m in reading.measurements],
    }
    if reading.finding:
        written["finding"] = {
            "code": reading.finding.code.value,
            "state": reading.finding.state.value,
            "text": reading.finding.text,
        }
    if reading.missing:
        written["missing"] = {"code": reading.missing.code.value, "text": reading.missing.text}
    return written


def _read(line: Mapping[str, Any]) -> Reading:
    finding, missing = line.get("finding"), line.get("missing")
    return Reading(
        service=line["service"],
        check=line["check"],
        attempt=line["attempt"],
        started_at=datetime.fromisoformat(line["started_at"]),
        elapsed_ms=float(line["elapsed_ms"]),
        measurements=tuple(Measurement(name, float(value), Unit(unit)) for name, value, unit in line["measurements"]),
        finding=Finding(FindingCode(finding["code"]), finding["text"], State(finding["state"])) if finding else None,
        missing=Missing(MissingCode(missing["code"]), missing["text"]) if missing else None,
    )


def _number(value: float) -> float | str:
    """JSON knows neither infinity nor "not a number": they are written as words."""
    return value if math.isfinite(value) else str(value)
