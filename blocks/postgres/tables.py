"""Is the data on a promoted database what clients may return to?

A Great Expectations suite a table, run by the database itself: not fewer rows than last known, keys whole and
unique, something recent, and a sample of references that lead somewhere. The rule: a suite that could not be run is
no good news, and a table that the plan names and the database lacks is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from blocks.errors import Retryable
from blocks.network.names import host_and_port
from blocks.ports.recovery import DataVerdict

if TYPE_CHECKING:
    from blocks.catalogue.recovery import ReplicatedData, Table
    from blocks.ports.network import Routes
    from blocks.postgres.block import PostgresReader

_SAMPLE = 1000  # rows of a table whose references are looked up
_LIMIT_MS = 60_000


def judge_tables(
    reader: PostgresReader, routes: Routes, address: str, data: ReplicatedData, last_known: Mapping[str, int]
) -> DataVerdict:
    """Every table of the plan on the server at `address` (host:port); `last_known` is table -> rows before.

    Raises `Retryable` when the database does not answer.
    """
    import great_expectations as gx
    from great_expectations.datasource.fluent.interfaces import TestConnectionError
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from sqlalchemy.exc import SQLAlchemyError

    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    try:
        source = context.data_sources.add_postgres(
            data.name,
            connection_string=_address(reader, address, data.database),
            create_temp_table=False,
            kwargs={"connect_args": _connect(reader, routes, address), "pool_size": 2},
        )
        faults = [
            fault
            for name, table in data.tables.items()
            for fault in _judged(gx, source, name, table, last_known.get(name))
        ]
    except (SQLAlchemyError, GreatExpectationsError, TestConnectionError) as error:
        raise Retryable(
            f"the data of {data.name} could not be judged ({type(error).__name__})",
            where=f"{address}/{data.database}",
            next_step="does the database answer, and may the reader read its tables?",
        ) from None  # the library's own text holds the password
    finally:
        _close(context, data.name)
    return DataVerdict(data=data.name, address=address, table_count=len(data.tables), faults=tuple(faults))


def _address(reader: PostgresReader, address: str, database: str) -> str:
    host, port = host_and_port(address, 5432)
    options = reader.connection_options()
    who = f"{quote(options['user'], safe='')}:{quote(options['password'], safe='')}"
    return f"postgresql+psycopg://{who}@{host}:{port}/{quote(database, safe='')}"


def _connect(reader: PostgresReader, routes: Routes, address: str) -> dict[str, Any]:
    host, port = host_and_port(address, 5432)
    there, at = routes.lead(host, port)
    led = {"hostaddr": there, "port": at} if (there, at) != (host, port) else {}
    options = {name: value for name, value in reader.connection_options().items() if name not in {"user", "password"}}
    return {
        **options,
        **led,
        "connect_timeout": 10,
        "application_name": "vigie",
        "options": f"-c default_transaction_read_only=on -c statement_timeout={_LIMIT_MS}",
    }


def _close(context: Any, name: str) -> None:
    source = context.data_sources.all().get(name)
    if source is not None:
        source.get_engine().dispose()


def _judged(gx: Any, source: Any, name: str, table: Table, known_count: int | None) -> Iterator[str]:
    from sqlalchemy import inspect

    schema, _, bare = name.rpartition(".")
    if not inspect(source.get_engine()).has_table(bare, schema or None):
        yield f"table {name} is not there"
        return
    asset = source.add_table_asset(name, table_name=bare, schema_name=schema or None)
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    result = batch.validate(gx.ExpectationSuite(name=name, expectations=_expectations(gx, table, known_count)))
    for outcome in result.results:
        if not outcome.success:
            yield f"{name}: {_why(outcome)}"


def _expectations(gx: Any, table: Table, known_count: int | None) -> Sequence[Any]:
    gxe = gx.expectations
    found = [
        gxe.ExpectColumnValuesToNotBeNull(column=column, meta={"fault": f"{column} is missing in some rows"})
        for column in table.key
    ]
    found.append(_unique(gxe, table.key))
    if known_count is not None:
        least = int(known_count * (1 - table.shrinks_at_most / 100))
        meaning = f"fewer than {least} rows ({known_count} were known, {table.shrinks_at_most:g} % may be missing)"
        found.append(gxe.ExpectTableRowCountToBeBetween(min_value=least, meta={"fault": meaning}))
    if table.recent and table.recent_within:
        found.append(_recent(gxe, table.recent, table.recent_within))
    found += [_leads_somewhere(gxe, table.recent, column, target) for column, target in table.references.items()]
    return found


def _unique(gxe: Any, key: Sequence[str]) -> Any:
    meta = {"fault": f"{', '.join(key)} is not unique"}
    if len(key) == 1:
        return gxe.ExpectColumnValuesToBeUnique(column=key[0], meta=meta)
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(key), meta=meta)


def _recent(gxe: Any, column: str, within: timedelta) -> Any:
    seconds = within.total_seconds()
    query = (
        f"SELECT newest FROM (SELECT max({_quoted(column)}) AS newest FROM {{batch}}) AS newest_row "  # noqa: S608
        f"WHERE newest IS NULL OR newest < now() - make_interval(secs => {seconds:g})"
    )
    meaning = f"nothing in {column} is younger than {within}"
    return gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, description=meaning, meta={"fault": meaning})


def _leads_somewhere(gxe: Any, recent: str | None, column: str, target: str) -> Any:
    """A sample of the newest rows, which a crash endangers most; of any rows where no column says which are new."""
    there, _, key = target.rpartition(".")
    order = f"{_quoted(recent)} DESC NULLS FIRST" if recent else "random()"
    sample = f"SELECT {_quoted(column)} FROM {{batch}} ORDER BY {order} LIMIT {_SAMPLE}"  # noqa: S608
    query = (
        f"SELECT {_quoted(column)} FROM ({sample}) AS looked_up "  # noqa: S608
        f"WHERE {_quoted(column)} IS NOT NULL AND NOT EXISTS "
        f"(SELECT 1 FROM {_qualified(there)} AS target WHERE target.{_quoted(key)} = looked_up.{_quoted(column)})"
    )
    meaning = f"{column} leads to rows of {target} that are not there (of {_SAMPLE} looked up)"
    return gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, description=meaning, meta={"fault": meaning})


def _qualified(name: str) -> str:
    return ".".join(_quoted(part) for part in name.split("."))


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _why(outcome: Any) -> str:
    """The fault in our words; what the library or the database says instead is no verdict, and is named by type."""
    meaning = str(outcome.expectation_config.meta["fault"])
    if _raised(outcome.exception_info or {}):
        return f"could not be judged: {meaning}?"
    counted = outcome.expectation_config.type == "expect_table_row_count_to_be_between"
    return f"{meaning}: {outcome.result['observed_value']}" if counted else meaning


def _raised(info: Mapping[str, Any]) -> bool:
    return bool(info.get("raised_exception")) or any(
        isinstance(each, Mapping) and each.get("raised_exception") for each in info.values()
    )
