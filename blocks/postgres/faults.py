"""What does a failed login or query say: the database is ill, or our own role was refused?

The rule: our role being refused is no evidence about the service; it is raised as `Refused` and the
check becomes `unknown`. A server that starts up, is full, lost its database, or does not speak
PostgreSQL is a finding. During a login the client library hands on words, not codes, and servers
speak their own language: those of English and French servers are known, others become LOGIN_FAILED
with the server's own words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from blocks.errors import Broken, Refused
from blocks.network.wording import tidy
from blocks.ports.health import Finding, FindingCode, MissingCode

if TYPE_CHECKING:
    import psycopg

_REFUSED_ROLE = re.compile(
    r"password authentication failed|authentication failed for user|no pg_hba\.conf entry|role \S+ does not exist"
    r"|is not permitted to log in|permission denied for database|no password supplied|fe_sendauth"
    r"|authentification par mot de passe|authentification .* échouée|aucune entrée dans pg_hba|le rôle .* n'existe pas"
    r"|n'est pas autorisé à se connecter|droit refusé pour la base",
    re.IGNORECASE,
)
_LOGIN: tuple[tuple[re.Pattern[str], FindingCode, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), code, said)
    for pattern, code, said in (
        (r"connection refused", FindingCode.CONNECTION_REFUSED, "refused the connection: nothing listens there"),
        (
            r"too many (clients|connections)|connection slots|trop de (clients|connexions)|emplacements de connexion",
            FindingCode.LOGIN_FAILED,
            "is full: it takes no more connections",
        ),
        (
            r"starting up|se lance|en cours de démarrage",
            FindingCode.RESOURCE_STATE,
            "is starting up and takes no logins",
        ),
        (r"shutting down|s'arrête|en cours d'arrêt", FindingCode.RESOURCE_STATE, "is shutting down"),
        (r"in recovery mode|mode de restauration", FindingCode.RESOURCE_STATE, "is recovering from a crash"),
        (
            r"not accepting connections|n'accepte pas de connexions|not yet accepting|pas encore accepter",
            FindingCode.RESOURCE_STATE,
            "is not accepting connections",
        ),
        (r"certificate has expired", FindingCode.CERTIFICATE_EXPIRED, "shows a certificate that has expired"),
        (
            r"certificate .* does not match host name",
            FindingCode.CERTIFICATE_WRONG_NAME,
            "shows a certificate for another name",
        ),
        (
            r"certificate verify failed|self-signed certificate",
            FindingCode.CERTIFICATE_UNTRUSTED,
            "shows a certificate of an authority that is not trusted",
        ),
        (
            r"server does not support SSL",
            FindingCode.TLS_FAILED,
            "does not offer TLS, and the credentials demand it",
        ),
        (
            r"invalid response to SSL negotiation|expected authentication request|invalid .*length in.*authentication",
            FindingCode.NOT_HTTP,
            "answered something that is not PostgreSQL",
        ),
        (r"SSL error|SSL SYSCALL", FindingCode.TLS_FAILED, "failed the TLS handshake"),
        (
            r"server closed the connection|connection reset|reset by peer|EOF detected|broken pipe",
            FindingCode.CONNECTION_LOST,
            "dropped the connection",
        ),
        (
            r"no route to host|host is down|timed out|timeout expired",
            FindingCode.NO_ANSWER,
            "cannot be reached: the network reports that the host is gone",
        ),
    )
)
_ANSWERS: dict[str, tuple[FindingCode, str]] = {
    "57014": (FindingCode.NO_ANSWER, "let us in, but did not answer in time"),
    "57P": (FindingCode.CONNECTION_LOST, "ended the session: it is going down"),
    "08": (FindingCode.CONNECTION_LOST, "lost the connection in the middle of an answer"),
    "53": (FindingCode.RESOURCE_STATE, "has run out of a resource"),
    "58": (FindingCode.RESOURCE_STATE, "reports an error of its disk or system"),
    "XX": (FindingCode.RESOURCE_STATE, "reports damage"),
}


def login_failed(error: psycopg.OperationalError, where: str, user: str) -> Finding:
    """The finding for a login that failed. Raises `Refused` where it is our role that was turned away."""
    words = str(error)
    if _REFUSED_ROLE.search(words):
        raise Refused(
            f"PostgreSQL refused the reader's login as {tidy(user, 40)}",
            where=where,
            next_step="check the password in the reader's block, the role, and pg_hba.conf",
            code=MissingCode.CREDENTIALS,
        ) from None
    for pattern, code, said in _LOGIN:
        if pattern.search(words):
            return Finding(code, f"{where} {said}")
    if re.search(r"root certificate file|could not read certificate|certificate file .* does not exist", words):
        raise Broken(
            "the file of trusted authorities cannot be read",
            where=where,
            next_step="correct ca_file of the reader's block",
            code=MissingCode.PROBE_FAILED,
        ) from None
    return Finding(FindingCode.LOGIN_FAILED, f"{where} let nobody in: {_said(words)}")


def query_failed(error: psycopg.Error, where: str) -> Finding:
    """The finding for a question that failed. Raises `Refused` for a missing right, `Broken` for an odd answer."""
    state = error.sqlstate or ("08" if _is_lost(error) else "")
    if state == "42501":
        raise lacking_right(where) from None
    for start, (code, said) in _ANSWERS.items():
        if state.startswith(start):
            return Finding(code, f"{where} {said}")
    raise Broken(
        f"PostgreSQL answered with an error that the probe does not know (SQLSTATE {state or 'none'})",
        where=where,
        next_step="see whether this server is a PostgreSQL 13 or newer; else report a defect of vigie",
        code=MissingCode.UNEXPECTED_ANSWER,
    ) from None


def lacking_right(where: str) -> Refused:
    """The role got in, but may not see what the check asks."""
    return Refused(
        "the reader's role may not see the state of replication",
        where=where,
        next_step="GRANT pg_monitor to the role of the reader's block",
        code=MissingCode.CREDENTIALS,
    )


def _is_lost(error: psycopg.Error) -> bool:
    import psycopg

    return isinstance(error, psycopg.OperationalError)


def _said(words: str) -> str:
    """The server's own sentence, without the client library's preamble."""
    return f'"{tidy(words.rsplit("FATAL:", 1)[-1].strip(), 80)}"'
