"""What does a person type for one step of a move, when nothing of vigie runs?

The same change that the step makes, with the tools that every engineer has: az, openstack, psql, nsupdate, and curl to
the database host's door. Two lists a step: what to type, and what to look at before the next one.

The rules: a secret is never written here, only the variable that holds it and the block it is in; every value that
goes into a command is quoted for the shell; what has no command says so in words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from shlex import quote

from blocks.catalogue.model import DatabaseCheck, HttpCheck, Platform, Service
from blocks.catalogue.recovery import AddedStep, DnsSwitch, Recovery, ReplicatedData, Table, TrafficManagerSwitch
from blocks.errors import Broken
from tasks.recovery.items import Item, Verb
from tasks.recovery.returning import addresses_asked

_UNPLANNED = "DATABASE_OPERATOR"  # where the plan names no block
_MOST_SAMPLES = 100
_AFTERWARDS = "settle"


@dataclass(frozen=True, slots=True)
class Secret:
    """A variable that must be filled before a command is typed. `what` is a text's key: token, password, key_file."""

    variable: str
    block: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """One step as a person does it. `note` is a text's key, with what fills it."""

    commands: tuple[str, ...] = ()
    look: tuple[str, ...] = ()
    note: str = ""
    blanks: Mapping[str, str] | None = None
    secrets: tuple[Secret, ...] = ()


def by_hand(platform: Platform, item: Item, phase: str = "") -> ByHand:
    """The commands of one item; in the phase `settle` a service gets the size at which its site rests.

    Raises `Broken` for something that the platform's plan does not have.
    """
    if platform.recovery is None:
        raise Broken(f"{platform.name} has no recovery plan", next_step="write one: docs/catalogue.md")
    try:
        return _VERBS[item.verb](_Case(platform, platform.recovery, item, phase))
    except KeyError as error:
        raise Broken(
            f"{item} names {error}, which the recovery plan of {platform.name} does not have",
            next_step="the plan was made with another catalogue: make it again",
        ) from None


def variable(block: str, ending: str = "") -> str:
    """The name under which a block's secret is typed: postgres-hearth-operator -> POSTGRES_HEARTH_OPERATOR."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in block.upper())
    return f"{plain}_{ending}" if ending else plain


@dataclass(frozen=True, slots=True)
class _Case:
    """One item with everything it names."""

    platform: Platform
    plan: Recovery
    item: Item
    phase: str

    @property
    def data(self) -> ReplicatedData:
        return self.plan.data[self.item.thing]

    @property
    def other_site(self) -> str:
        return next(site for site in self.data.members if site != self.item.site)

    @property
    def service(self) -> Service:
        """What stands for the thing in this site."""
        thing, site = self.item.thing, self.item.site
        if self.item.verb in {Verb.STOP_WORKER, Verb.START_WORKER}:
            return self.platform.services[self.plan.second_workers[thing].sites[site]]
        if self.item.verb in {Verb.STOP_MACHINE, Verb.START_MACHINE}:
            return self.platform.services[thing]
        return self.platform.services[self.plan.services[thing].sites[site]]

    @property
    def operator(self) -> str:
        return self.plan.database_operator or _UNPLANNED

    def address(self, site: str) -> tuple[str, str]:
        """Host and port of the database's member there, as its own check knows it."""
        service = self.platform.services[self.data.members[site]]
        check = next(c for c in service.checks.values() if isinstance(c, DatabaseCheck))
        host, _, port = check.address.rpartition(":")
        return host, port


# -- databases ---------------------------------------------------------------------------------


def _ordered(order: str, **arguments: object) -> Callable[[_Case], ByHand]:
    """An order to the database host's door: given again under the same token it is carried out once."""

    def give(case: _Case) -> ByHand:
        door = f"https://{case.data.hosts[case.item.site]}/v1"
        filled = {name: str(value).format(**_places(case)) for name, value in arguments.items()}
        token = _token(case)
        body = quote(json.dumps({"token": token, "why": "by hand", **filled}))
        secret = Secret(variable(case.operator, "TOKEN"), case.operator, "token")
        auth = _curl(secret)
        return ByHand(
            commands=(f"{auth} -H 'Content-Type: application/json' -d {body} {quote(f'{door}/orders/{order}')}",),
            look=(f"{auth} {quote(f'{door}/orders/{order}/{token}')}", f"{auth} {quote(f'{door}/status')}"),
            note=f"paper.note.{order}",
            secrets=(secret,),
        )

    return give


def _places(case: _Case) -> Mapping[str, str]:
    host, port = case.address(case.other_site)
    return {"other": f"{host}:{port}", "key": str(case.item).replace(":", "-")}


def _save(case: _Case) -> ByHand:
    """The position is what the promoted server says of its own beginning."""
    door = f"https://{case.data.hosts[case.item.site]}/v1"
    there = f"https://{case.data.hosts[case.other_site]}/v1/status"
    secret = Secret(variable(case.operator, "TOKEN"), case.operator, "token")
    token = _token(case)
    fixed = json.dumps({"token": token, "why": "by hand", "key": _places(case)["key"]}).removesuffix("}")
    body = f'{fixed}, "timeline": $TIMELINE, "position_bytes": $POSITION}}'.replace('"', '\\"')
    return ByHand(
        commands=(
            f"{_curl(secret)} {quote(there)}",
            "TIMELINE=…; POSITION=…",
            f"{_curl(secret)} -H 'Content-Type: application/json' -d \"{body}\" {quote(f'{door}/orders/save')}",
        ),
        look=(f"{_curl(secret)} {quote(f'{door}/orders/save/{token}')}",),
        note="paper.note.save",
        secrets=(secret,),
    )


def _restore(case: _Case) -> ByHand:
    """Paper is printed before anybody knows the moment; each try has a token of its own."""
    return _blank(case, "restore", "moment", "MOMENT")


def _adopt(case: _Case) -> ByHand:
    """The folder is what the restore answered; the host fences its server itself, and starts it closed."""
    return _blank(case, "adopt", "folder", "FOLDER", closed=True)


def _blank(case: _Case, order: str, argument: str, filled: str, **more: object) -> ByHand:
    """An order with something that a person fills in."""
    door = f"https://{case.data.hosts[case.item.site]}/v1"
    secret = Secret(variable(case.operator, "TOKEN"), case.operator, "token")
    body = json.dumps({"token": "$ONCE", "why": "by hand", argument: f"${filled}", **more}).replace('"', '\\"')
    given = f"-H 'Content-Type: application/json' -d \"{body}\" {quote(f'{door}/orders/{order}')}"
    return ByHand(
        commands=(f"{filled}=…; ONCE=$(date +%Y%m%d%H%M%S%N)", f"{_curl(secret)} {given}"),
        look=(
            f'{_curl(secret)} {quote(f"{door}/orders/{order}/")}"$ONCE"',
            f"{_curl(secret)} {quote(f'{door}/status')}",
        ),
        note=f"paper.note.{order}",
        secrets=(secret,),
    )


def _token(case: _Case) -> str:
    """The same for the same item of the same platform: typed twice, it is carried out once."""
    return hashlib.sha256(f"paper {case.platform.name} {case.item}".encode()).hexdigest()


def _curl(secret: Secret) -> str:
    return f'curl --fail-with-body -H "Authorization: Bearer ${secret.variable}"'


def _asked(*statements: str, look: str, note: str = "") -> Callable[[_Case], ByHand]:
    """SQL on the site's own server, as its operator."""

    def ask(case: _Case) -> ByHand:
        typed = _psql(case, *statements) if statements else ""
        return ByHand(
            commands=(typed,) if typed else (),
            look=(_psql(case, look),),
            note=note,
            secrets=(Secret("PGPASSWORD", case.operator, "password"),),
        )

    return ask


def _psql(case: _Case, *statements: str) -> str:
    host, port = case.address(case.item.site)
    asked = "".join(f" -c {quote(statement)}" for statement in statements)
    user = f'"${variable(case.operator, "USER")}"'
    return f"psql -X -v ON_ERROR_STOP=1 -h {quote(host)} -p {port} -U {user} -d {quote(case.data.database)}{asked}"


_RELOAD = "SELECT pg_reload_conf()"
_ROLE = "SELECT pg_is_in_recovery(), pg_walfile_name(pg_current_wal_lsn())"
_PROMOTE = _asked(
    "ALTER SYSTEM RESET synchronous_standby_names",
    "ALTER SYSTEM SET default_transaction_read_only = 'on'",
    _RELOAD,
    "SHOW default_transaction_read_only",
    "SELECT pg_promote(true, 60)",
    look=_ROLE,
    note="paper.note.promote",
)
_OPEN = _asked(
    "ALTER SYSTEM RESET default_transaction_read_only",
    _RELOAD,
    look="SHOW default_transaction_read_only",
    note="paper.note.open",
)
_DRAIN = _asked(
    "ALTER SYSTEM SET default_transaction_read_only = 'on'",
    _RELOAD,
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity a JOIN pg_roles r ON r.rolname = a.usename "
    "WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() AND NOT r.rolsuper",
    look="SELECT application_name, state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) AS bytes_behind "
    "FROM pg_stat_replication",
    note="paper.note.drain",
)
_WAITS = "SELECT application_name, state, sync_state FROM pg_stat_replication"


def _stand_alone(case: _Case) -> ByHand:
    waits = _asked("ALTER SYSTEM SET synchronous_standby_names = ''", _RELOAD, look="SHOW synchronous_standby_names")
    asked, slots = waits(case), _ordered("unslot")(case)
    return ByHand(
        commands=asked.commands + slots.commands,
        look=asked.look + slots.look[:1],
        note="paper.note.stand_alone",
        secrets=asked.secrets + slots.secrets,
    )


def _release(case: _Case) -> ByHand:
    """Both ways of being held back are undone: the fence, and the drain."""
    fence = _ordered("release")(case)
    drain = _asked("ALTER SYSTEM RESET default_transaction_read_only", _RELOAD, look=_ROLE)(case)
    return ByHand(
        commands=fence.commands + drain.commands,
        look=fence.look[1:] + drain.look,
        note=fence.note,
        secrets=fence.secrets + drain.secrets,
    )


def _protect(case: _Case) -> ByHand:
    """The standby's name is read from the server itself, where it streams."""
    shown = _psql(case, _WAITS)
    setting = '"ALTER SYSTEM SET synchronous_standby_names = \'\\"$STANDBY\\"\'"'
    return ByHand(
        commands=(shown, "STANDBY=…", f"{_psql(case)} -c {setting} -c {quote(_RELOAD)}"),
        look=(shown,),
        note="paper.note.protect",
        secrets=(Secret("PGPASSWORD", case.operator, "password"),),
    )


def _protect_while_followed(case: _Case) -> ByHand:
    """The same by the database host, which lets go of those who wait where the standby is gone."""
    shown, told = _psql(case, _WAITS), _blank(case, "protect", "standby", "STANDBY")
    return ByHand(
        commands=(shown, *told.commands),
        look=(*told.look[:1], shown),
        note="paper.note.protect_while_followed",
        secrets=(Secret("PGPASSWORD", case.operator, "password"), *told.secrets),
    )


def _verify_data(case: _Case) -> ByHand:
    """Each table: how many rows, no key twice or absent, how recent, a sample of what it points to."""
    statements = [question for name, table in case.data.tables.items() for question in _questions(name, table)]
    return _asked(look="; ".join(statements) if statements else "SELECT 1", note="paper.note.verify_data")(case)


def _questions(name: str, table: Table) -> Iterator[str]:
    key = ", ".join(table.key)
    recent = f", max({table.recent})" if table.recent else ""
    yield f"SELECT count(*){recent} FROM {name}"  # noqa: S608  for a person to type
    absent = " OR ".join(f"{column} IS NULL" for column in table.key)
    yield f"SELECT {key}, count(*) FROM {name} GROUP BY {key} HAVING count(*) > 1 OR {absent} LIMIT 5"  # noqa: S608
    for column, target in table.references.items():
        there, _, other = target.rpartition(".")
        yield (
            f"SELECT s.{column} FROM (SELECT {column} FROM {name} WHERE {column} IS NOT NULL LIMIT {_MOST_SAMPLES}) s "  # noqa: S608
            f"WHERE NOT EXISTS (SELECT 1 FROM {there} t WHERE t.{other} = s.{column})"
        )


# -- compute -----------------------------------------------------------------------------------

_TOOLS: Mapping[str, Mapping[str, tuple[tuple[str, ...], str]]] = {
    "azure.app_service": {
        "stop": (("az webapp stop --ids {it}",), "az webapp show --ids {it} --query state -o tsv"),
        "start": (("az webapp start --ids {it}",), "az webapp show --ids {it} --query state -o tsv"),
        "recycle": (("az webapp restart --ids {it}",), "az webapp show --ids {it} --query state -o tsv"),
        "resize": (
            (
                "PLAN=$(az webapp show --ids {it} --query appServicePlanId -o tsv)",
                'az appservice plan update --ids "$PLAN" --sku {size}',
            ),
            'az appservice plan show --ids "$PLAN" --query sku',
        ),
    },
    "azure.virtual_machine": {
        "stop": (("az vm deallocate --ids {it}",), "az vm get-instance-view --ids {it} --query instanceView.statuses"),
        "start": (("az vm start --ids {it}",), "az vm get-instance-view --ids {it} --query instanceView.statuses"),
        "recycle": (("az vm restart --ids {it}",), "az vm get-instance-view --ids {it} --query instanceView.statuses"),
        "resize": (("az vm resize --ids {it} --size {size}",), "az vm show --ids {it} --query hardwareProfile.vmSize"),
    },
    "openstack.server": {
        "stop": (("openstack server stop {it}",), "openstack server show {it} -c status -c OS-EXT-STS:task_state"),
        "start": (("openstack server start {it}",), "openstack server show {it} -c status -c OS-EXT-STS:task_state"),
        "recycle": (("openstack server reboot --wait {it}",), "openstack server show {it} -c status"),
        "resize": (
            ("openstack server resize --flavor {size} --wait {it}", "openstack server resize confirm {it}"),
            "openstack server show {it} -c status -c flavor",
        ),
    },
}


def _on_service(deed: str) -> Callable[[_Case], ByHand]:
    def do(case: _Case) -> ByHand:
        service = case.service
        tool = _TOOLS.get(service.kind, {}).get(deed)
        if tool is None:
            known = {"kind": service.kind, "name": service.resource or service.name}
            return ByHand(note=f"paper.note.no_tool.{deed}", blanks=known)
        words = {"it": quote(service.resource), "size": quote(_size(case)) if deed == "resize" else ""}
        commands, look = tool
        return ByHand(commands=tuple(each.format(**words) for each in commands), look=(look.format(**words),))

    return do


def _size(case: _Case) -> str:
    sizes = case.plan.services[case.item.thing].sizes[case.item.site]
    return sizes.rest if case.phase == _AFTERWARDS else sizes.active


# -- traffic and clients -----------------------------------------------------------------------


def _shift(case: _Case) -> ByHand:
    switch = case.plan.traffic[case.item.thing]
    return _by_name(case, switch) if isinstance(switch, DnsSwitch) else _by_weight(case, switch)


def _close(case: _Case) -> ByHand:
    """Every endpoint disabled. A name is never closed: no plan says so."""
    switch = case.plan.traffic[case.item.thing]
    assert isinstance(switch, TrafficManagerSwitch)
    where, subscription, look = _profile(switch)
    commands = tuple(_weigh(where, subscription, endpoint, 0) for endpoint in switch.endpoints.values())
    return ByHand(commands=commands, look=(look,), note="paper.note.close")


def _by_name(case: _Case, switch: DnsSwitch) -> ByHand:
    """The prerequisite refuses the change where somebody else was there before."""
    new = switch.values[case.item.site]
    old = next(value for site, value in switch.values.items() if site != case.item.site)
    server, _, port = switch.server.rpartition(":")
    lines = (
        f"server {server} {port}",
        f"zone {switch.zone}",
        f"prereq yxrrset {switch.record}. IN {switch.type} {old}",
        f"update delete {switch.record}. {switch.type}",
        f"update add {switch.record}. {round(switch.ttl.total_seconds())} {switch.type} {new}",
        "send",
    )
    secret = Secret(variable(switch.key, "KEY_FILE"), switch.key, "key_file")
    typed = "\n".join((f"nsupdate -k \"${secret.variable}\" <<'END'", *lines, "END"))
    look = f"dig +short @{server} -p {port} {quote(switch.record)} {switch.type}"
    return ByHand(commands=(typed,), look=(look,), note="paper.note.name", secrets=(secret,))


def _by_weight(case: _Case, switch: TrafficManagerSwitch) -> ByHand:
    """A share of nothing is a disabled endpoint: a weight of 0 does not exist. Who gets more is set first."""
    where, subscription, look = _profile(switch)
    share = case.item.share or 0
    others = [site for site in switch.endpoints if site != case.item.site]
    shares = {case.item.site: share, **{site: (100 - share) // max(1, len(others)) for site in others}}
    commands = tuple(
        _weigh(where, subscription, switch.endpoints[site], share)
        for site, share in sorted(shares.items(), key=lambda pair: -pair[1])
    )
    return ByHand(commands=commands, look=(look,), note="paper.note.weight")


def _profile(switch: TrafficManagerSwitch) -> tuple[str, str, str]:
    """Where its endpoints are, in which subscription, and how one looks at them."""
    parts = switch.resource.strip("/").split("/")
    where = f"-g {quote(parts[3])} --profile-name {quote(parts[-1])}"
    subscription = f"--subscription {quote(parts[1])}"
    query = quote("[].{name:name,weight:weight,status:endpointStatus}")
    return (
        where,
        subscription,
        f"az network traffic-manager endpoint list {where} {subscription} --query {query} -o table",
    )


def _weigh(where: str, subscription: str, endpoint: str, share: int) -> str:
    known = quote(f"[?name=='{endpoint}'].type | [0]")
    kind = f"$(az network traffic-manager endpoint list {where} {subscription} --query {known} -o tsv | sed 's|.*/||')"
    wanted = f"--weight {share} --endpoint-status Enabled" if share else "--endpoint-status Disabled"
    return (
        f'az network traffic-manager endpoint update {where} {subscription} --type "{kind}" '
        f"--name {quote(endpoint)} {wanted}"
    )


# -- credentials -------------------------------------------------------------------------------

_RIGHTS = "2022-04-01"
"""Of Azure's interface, as the step asks it."""


def _revoke(case: _Case) -> ByHand:
    """What it was is kept in a file first: the way back gives that again."""
    held = case.plan.credentials[case.item.thing]
    address = quote(f"{held.resource}?api-version={_RIGHTS}")
    return ByHand(
        commands=(
            f"az rest --method get --url {address} > {quote(f'{held.name}.json')}",
            f"az rest --method delete --url {address}",
        ),
        look=(f"az rest --method get --url {address}",),
        note="paper.note.revoke",
    )


def _grant(case: _Case) -> ByHand:
    held = case.plan.credentials[case.item.thing]
    address = quote(f"{held.resource}?api-version={_RIGHTS}")
    subscription = "/".join(held.resource.split("/")[:3])
    role = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{held.role}"
    body = quote(json.dumps({"properties": {"principalId": held.principal, "roleDefinitionId": role}}))
    return ByHand(
        commands=(f"az rest --method put --url {address} --body {body}",),
        look=(f"az rest --method get --url {address}",),
        note="paper.note.grant",
        blanks={"file": f"{held.name}.json"},
    )


def _watch_clients(case: _Case) -> ByHand:
    """The same addresses over and over; who looks decides by the numbers in the step's own words."""
    switch = case.plan.traffic[case.item.thing]
    look = "; ".join(_fetch(url) for url in addresses_asked(case.plan, switch))
    return ByHand(look=(f"for _ in $(seq 20); do {look}; done",) if look else (), note="paper.note.watch")


def _verify_clients(case: _Case) -> ByHand:
    thing = case.item.thing
    if thing.startswith(("https://", "http://")):
        return ByHand(look=(_fetch(thing),), note="paper.note.proof")
    name, _, wanted = thing.partition("/")
    check = case.platform.services[_standing(case, name)].checks.get(wanted)
    if isinstance(check, HttpCheck):
        return ByHand(look=(_fetch(str(check.url)),), note="paper.note.proof")
    if isinstance(check, DatabaseCheck):
        host, _, port = check.address.rpartition(":")
        user = f'"${variable(case.operator, "USER")}"'
        ask = f"psql -X -h {quote(host)} -p {port} -U {user} -d {quote(check.database)} -c 'SELECT now()'"
        return ByHand(look=(ask,), note="paper.note.proof", secrets=(Secret("PGPASSWORD", case.operator, "password"),))
    return ByHand(note="paper.note.proof_by_eye", blanks={"check": thing})


def _standing(case: _Case, name: str) -> str:
    """What a proof's name stands for in this site: a part or data of the plan, or a service itself."""
    if name in case.plan.services:
        return case.plan.services[name].sites[case.item.site]
    if name in case.plan.data:
        return case.plan.data[name].members[case.item.site]
    return name


def _fetch(url: str) -> str:
    return f"curl -sS -o /dev/null -w '%{{http_code}} %{{time_total}} s\\n' {quote(url)}"


# -- the plan's own steps ----------------------------------------------------------------------


def _call(case: _Case) -> ByHand:
    """The request as the step makes it; typed twice, an address that keeps keys takes it once."""
    step = case.plan.steps[case.item.thing]
    secret = (
        Secret(variable(step.credentials, "HEADERS_FILE"), step.credentials, "headers") if step.credentials else None
    )
    keyed = {step.idempotency_header: _token(case)} if step.idempotency_header else {}
    command = (
        "curl -sS",
        {"GET": "", "HEAD": "-I"}.get(step.method, f"-X {step.method}"),
        *(f"-H {quote(f'{name}: {value}')}" for name, value in {**step.headers, **keyed}.items()),
        f'-H "@${secret.variable}"' if secret else "",
        f"--data-raw {quote(step.body)}" if step.body is not None else "",
        "-w '\\n%{http_code} %{time_total} s\\n'",
        quote(str(step.url)),
    )
    return ByHand(
        commands=(" ".join(part for part in command if part),),
        note="paper.note.call",
        blanks={"status": _expected(step)},
        secrets=(secret,) if secret else (),
    )


def _expected(step: AddedStep) -> str:
    """'200/204, "ready", $.state = "done"'."""
    parts = ["/".join(str(status) for status in step.expect_status)]
    parts += [f'"{step.expect_body}"'] if step.expect_body is not None else []
    parts += [f"{path} = {json.dumps(value, ensure_ascii=False)}" for path, value in step.expect_json.items()]
    return ", ".join(parts)


def _deployment(case: _Case) -> ByHand:
    return ByHand(note="paper.note.deployment", blanks={"name": case.plan.steps[case.item.thing].deployment})


def _ask(case: _Case) -> ByHand:
    return ByHand(note="paper.note.ask", blanks={"text": case.plan.steps[case.item.thing].text})


_VERBS: Mapping[Verb, Callable[[_Case], ByHand]] = {
    Verb.FENCE_DATABASE: _ordered("fence"),
    Verb.DRAIN_DATABASE: _DRAIN,
    Verb.RELEASE_DATABASE: _release,
    Verb.PROMOTE_DATABASE: _PROMOTE,
    Verb.RESTORE_DATABASE: _restore,
    Verb.ADOPT_RESTORED: _adopt,
    Verb.OPEN_DATABASE: _OPEN,
    Verb.STAND_ALONE: _stand_alone,
    Verb.FOLLOW_DATABASE: _ordered("follow", source="{other}"),
    Verb.PROTECT_DATABASE: _protect,
    Verb.PROTECT_WHILE_FOLLOWED: _protect_while_followed,
    Verb.SAVE_BEYOND: _save,
    Verb.VERIFY_DATA: _verify_data,
    Verb.STOP_WORKER: _on_service("stop"),
    Verb.START_WORKER: _on_service("start"),
    Verb.STOP_SERVICE: _on_service("stop"),
    Verb.START_SERVICE: _on_service("start"),
    Verb.RESIZE_SERVICE: _on_service("resize"),
    Verb.RECYCLE_SERVICE: _on_service("recycle"),
    Verb.STOP_MACHINE: _on_service("stop"),
    Verb.START_MACHINE: _on_service("start"),
    Verb.REVOKE_CREDENTIAL: _revoke,
    Verb.GRANT_CREDENTIAL: _grant,
    Verb.SHIFT_TRAFFIC: _shift,
    Verb.CLOSE_TRAFFIC: _close,
    Verb.WATCH_CLIENTS: _watch_clients,
    Verb.VERIFY_CLIENTS: _verify_clients,
    Verb.CALL: _call,
    Verb.RUN_DEPLOYMENT: _deployment,
    Verb.ASK: _ask,
}
