"""Is a recovery plan read as it is written, and is every mistake in it told at its place?"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from blocks.catalogue.document import Document
from blocks.catalogue.kinds import KINDS, open_compute_path, open_traffic_path
from blocks.catalogue.loader import load_catalogue
from blocks.catalogue.recovery import DnsSwitch, PlanStepKind, Promise, TrafficManagerSwitch
from blocks.catalogue.schema import catalogue_schema
from blocks.catalogue.serialised import platform_from_json, platform_to_json
from blocks.errors import Refused

FOLDER = Path(__file__).resolve().parents[3] / "deployments" / "catalogue"

VM = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/acme/providers/Microsoft.Compute/virtualMachines"
RIGHT_OF_TILL = (
    f"{VM.rpartition('/providers/')[0]}/providers/Microsoft.Storage/storageAccounts/till"
    "/providers/Microsoft.Authorization/roleAssignments/0c0c0c0c-0c0c-0c0c-0c0c-0c0c0c0c0c0c"
)
RIGHT = f"""\
customers:
  acme:
    time_zone: Europe/London
    channel: acme-ops
platforms:
  shop:
    customer: acme
    database_credentials: acme-postgres
    sites:
      north: {{provider: azure, region: northeurope, role: primary, credentials: acme-azure, operator: acme-acts}}
      cellar: {{provider: openstack, region: cellar, role: recovery, credentials: acme-openstack}}
    services:
      front:
        kind: azure.virtual_machine
        site: north
        resource: {VM}/front
        criticality: critical
        depends_on: [data]
        checks:
          page: {{kind: http, url: "https://shop.acme.example/"}}
      front-cellar:
        kind: openstack.server
        site: cellar
        resource: front
        depends_on: [data-cellar]
        checks:
          page: {{kind: http, url: "https://cellar.acme.example/"}}
      stock:
        kind: azure.virtual_machine
        site: north
        resource: {VM}/stock
        depends_on: [data]
        checks:
          port: {{kind: tcp, address: "stock.acme.example:443"}}
      stock-cellar:
        kind: openstack.server
        site: cellar
        resource: stock
        checks:
          port: {{kind: tcp, address: "stock-cellar.acme.example:443"}}
      mail:
        kind: azure.virtual_machine
        site: north
        resource: {VM}/mail
        checks:
          port: {{kind: tcp, address: "mail.acme.example:443"}}
      mail-cellar:
        kind: openstack.server
        site: cellar
        resource: mail
        checks:
          port: {{kind: tcp, address: "mail-cellar.acme.example:443"}}
      data:
        kind: postgres
        site: north
        criticality: critical
        depends_on: [data-machine]
        checks:
          login: {{kind: database, address: "db.acme.example:5432", database: shop}}
      data-machine:
        kind: azure.virtual_machine
        site: north
        resource: {VM}/data
        criticality: critical
        checks:
          health: {{kind: resource_health}}
      data-cellar:
        kind: postgres
        site: cellar
        checks:
          login: {{kind: database, address: "db2.acme.example:5432", database: shop}}
      photos:
        kind: web
        site: north
        criticality: critical
        checks:
          page: {{kind: http, url: "https://photos.acme.example/"}}
    recovery:
      rto: 15min
      rpo: 5min
      priority: 2
      commit_window: 4h
      database_operator: acme-postgres-operator
      data:
        orders:
          members: {{north: data, cellar: data-cellar}}
          hosts: {{north: "db.acme.example:8443", cellar: "db2.acme.example:8443"}}
          database: shop
          lose_at_most_rows: 100
          tables:
            customers: {{key: [id]}}
            orders:
              key: [id]
              recent: placed_at
              recent_within: 1h
              references: {{customer: customers.id}}
      services:
        front:
          sites: {{north: front, cellar: front-cellar}}
          sizes:
            cellar: {{rest: small, active: large}}
        stock:
          sites: {{north: stock, cellar: stock-cellar}}
        photos:
          degraded: no pictures
      second_workers:
        mail:
          sites: {{north: mail, cellar: mail-cellar}}
      credentials:
        till:
          kind: azure.role_assignment
          holder: cellar
          site: north
          resource: {RIGHT_OF_TILL}
          principal: 0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a
          role: 0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b
      recycle: [front]
      traffic:
        edge:
          kind: azure.traffic_manager
          resource: {VM.replace("Microsoft.Compute/virtualMachines", "Microsoft.Network/trafficManagerProfiles")}/edge
          site: north
          endpoints: {{north: one, cellar: two}}
        name:
          kind: dns
          server: ns.acme.example:53
          zone: acme.example
          record: db.acme.example
          ttl: 30s
          values: {{north: 192.0.2.1, cellar: 192.0.2.2}}
          key: acme-dns
      capacity:
        cellar: {{cores: 4, ram_mib: 8192, instances: 2, reserved: true}}
      proofs: [front/page, orders/login, "https://shop.acme.example/"]
      steps:
        warm:
          kind: call
          when: after
          phase: start
          text: warm the cache
          url: https://cellar.acme.example/warm
          method: POST
          headers: {{X-From: vigie}}
          body: all
          credentials: acme-warm
          idempotency_header: Idempotency-Key
          expect_status: [200, 202]
          expect_json: {{$.state: warm}}
        nightly:
          kind: deployment
          when: after
          phase: verify-clients
          order: 2
          text: bill what is missing
          deployment: billing/nightly
          parameters: {{site: "{{to_site}}", full: true, limit: 3}}
          within: 20min
        stocktaking:
          kind: ask
          when: before
          phase: shift
          text: is the warehouse told?
          moves: [failover]
"""

# what is replaced, what by (@@ before the place to point at), part of the message, the nearest name
ONE_MISTAKE = {
    "unknown key of a plan": ("commit_window: 4h", "commit_window: 4h\n      @@shars: [100]", "'shars'", "shares"),
    "unknown key of data": ("database: shop\n          lose", "database: shop\n          @@tabels: {}\n          lose", "'tabels'", "tables"),
    "unknown key of a table": ("recent_within: 1h", "recent_within: 1h\n              @@refrences: {}", "'refrences'", "references"),
    "unknown key of a counterpart": ("degraded: no pictures", "degraded: no pictures\n          @@size: {}", "'size'", "sizes"),
    "unknown key of sizes": ("active: large", "active: large, @@activ: x", "'activ'", "active"),
    "unknown key of a switch": ("ttl: 30s", "ttl: 30s\n          @@recrd: x", "'recrd'", "record"),
    "unknown key of the other switch": ("site: north\n          endpoints", "site: north\n          @@ttl: 3s\n          endpoints", "'ttl'", None),
    "unknown key of capacity": ("reserved: true", "reserved: true, @@core: 4", "'core'", "cores"),
    "unknown key of an added step": ("url: https://cellar.acme.example/warm", "url: https://cellar.acme.example/warm\n          @@expect_staus: 3", "'expect_staus'", "expect_status"),
    "unknown key of a credential": ("holder: cellar", "holder: cellar\n          @@principle: x", "'principle'", "principal"),
    "a principal that is none": ("principal: 0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a", "principal: @@shop-till", "expected a GUID such as", ""),
    "an unknown kind of credential": ("kind: azure.role_assignment", "kind: @@azure.role", "'azure.role_assignment'", "azure.role_assignment"),
    "a name beside the key of a table": ("customers: {key: [id]}", "customers: {key: [id], @@name: x}", "expected no name here", ""),
    "a name beside the key of a switch": ("ttl: 30s", "ttl: 30s\n          @@name: x", "expected no name here", ""),
    "a name of forbidden letters": ("        stock:\n          sites", "        @@Stock_1:\n          sites", "expected a name of lower-case", ""),
    "a promise left out": ("      rpo: 5min\n", "", "missing key 'rpo' of shop.recovery", ""),
    "a wrong type inside a switch": ("ttl: 30s", "ttl: @@30", "expected a number with its unit", ""),
    "an unknown kind of switch": ("kind: dns", "kind: @@dsn", "unknown traffic kind 'dsn', expected one of azure.traffic_manager, dns", "dns"),
    "no kind of a switch": ("          kind: dns\n", "", "missing key 'kind' of traffic.name", ""),
    "a priority of nothing": ("priority: 2", "priority: @@0", "greater than or equal to 1", ""),
    "an unknown promise": ("lose_at_most_rows: 100", "promise: @@zero-loss\n          lose_at_most_rows: 100", "expected one of", "zero_loss"),
    # names
    "an unknown site of a member": ("members: {north: data,", "members: {@@norht: data,", "unknown site 'norht'", None),
    "an unknown member": ("cellar: data-cellar}", "cellar: @@data-cellr}", "unknown service 'data-cellr'", "data-cellar"),
    "a member that is no database": ("cellar: data-cellar}", "cellar: @@stock-cellar}", "expected a service of kind postgres here, but 'stock-cellar' is openstack.server", None),
    "a counterpart in the same site": ("sites: {north: stock, cellar: stock-cellar}", "sites: {north: stock, cellar: @@mail}", "expected a service of site 'cellar', but 'mail' is in 'north'", ""),
    "a counterpart that cannot be started": ("sites: {north: stock, ", "sites: {north: @@photos, ", "expected a service of kind azure.app_service, azure.virtual_machine, openstack.server here, but 'photos' is web", ""),
    "a host's site nobody knows": ("hosts: {north:", "hosts: {@@nrth:", "unknown site 'nrth'", None),
    "a host left out": (', cellar: "db2.acme.example:8443"}', "}", "expected every site of the platform in hosts, cellar is missing", ""),
    "a worker in one site": ("sites: {north: mail, cellar: mail-cellar}", "@@sites: {north: mail}", "expected every site of the platform in sites, cellar is missing", ""),
    "an endpoint left out": ("endpoints: {north: one, cellar: two}", "@@endpoints: {north: one}", "expected every site of the platform in endpoints, cellar is missing", ""),
    "a value left out": ("values: {north: 192.0.2.1, cellar: 192.0.2.2}", "@@values: {north: 192.0.2.1}", "expected every site of the platform in values, cellar is missing", ""),
    "an unknown site of a switch": ("site: north\n          endpoints", "site: @@nort\n          endpoints", "unknown site 'nort'", "north"),
    "a site that does not reach Azure": ("site: north\n          endpoints", "site: @@cellar\n          endpoints", "expected a site of azure, but 'cellar' is openstack", ""),
    "capacity of no site": ("        cellar: {cores", "        @@celar: {cores", "unknown site 'celar'", None),
    "a size where nothing is": ("cellar: {rest: small", "@@celar: {rest: small", "'front' has nothing in site 'celar'", "cellar"),
    "degraded without a service": ("        photos:\n          degraded", "        @@fotos:\n          degraded", "unknown service 'fotos'", None),
    "nothing in a site and nothing said": ("        stock:\n          sites: {north: stock, cellar: stock-cellar}", "        @@stock:\n          sites: {north: stock}", "'stock' has nothing in cellar: expected degraded", ""),
    "something unknown to recycle": ("recycle: [front]", "recycle: [@@frnt]", "unknown service of the plan 'frnt'", "front"),
    "something degraded to recycle": ("recycle: [front]", "recycle: [front, @@photos]", "unknown service of the plan 'photos'", None),
    "a proof of no part": ("[front/page,", "[@@frnt/page,", "unknown part of the plan 'frnt'", "front"),
    "a proof that one side lacks": ("[front/page,", "[@@front/pge,", "'front' in north has no check 'pge'", None),
    "a proof that is none": ("[front/page,", "[@@front,", "expected <part of the plan>/<check> or an https:// address", ""),
    "an unknown holder": ("holder: cellar", "holder: @@celar", "unknown site 'celar'", "cellar"),
    "an unknown site of a credential": ("holder: cellar\n          site: north", "holder: cellar\n          site: @@nort", "unknown site 'nort'", "north"),
    "a credential that Azure does not have": ("holder: cellar\n          site: north", "holder: cellar\n          site: @@cellar", "expected a site of azure, but 'cellar' is openstack", ""),
    "a credential that nobody may take away": (", operator: acme-acts}", "}", "expected a site with an operator: nobody could take 'till' away", ""),
    # sense
    "a right that is no assignment": (f"resource: {RIGHT_OF_TILL}", f"resource: @@{RIGHT_OF_TILL.rpartition('/providers/')[0]}", "expected the ARM id of a role assignment", ""),
    "a right under two names": ("      recycle: [front]", f"        checkout:\n          kind: azure.role_assignment\n          holder: cellar\n          site: north\n          resource: @@{RIGHT_OF_TILL}\n          principal: 0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a\n          role: 0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b\n      recycle: [front]", "expected each right once, but this one is 'till' already", ""),
    "a critical service left out": ("      services:\n        front:\n          sites", "      @@services:\n        front:\n          sites", "critical service 'photos' is not in the recovery plan", ""),
    "shares that end too early": ("recycle: [front]", "recycle: [front]\n      shares: @@[5, 25]", "expected shares that rise and end with 100", ""),
    "shares that fall": ("recycle: [front]", "recycle: [front]\n      shares: @@[25, 5, 100]", "expected shares that rise and end with 100", ""),
    "shares that begin with nobody": ("recycle: [front]", "recycle: [front]\n      shares: @@[0, 100]", "expected shares that rise and end with 100", ""),
    "no share at all": ("recycle: [front]", "recycle: [front]\n      shares: @@[]", "expected shares that rise and end with 100", ""),
    "nobody to ask while clients return": (', "https://shop.acme.example/"]', "]", "expected asked, or an address among the proofs: nobody could see clients return by 'edge'", ""),
    "sent back before it is stopped": ("recycle: [front]", "recycle: [front]\n      returning: {return_over_errors: @@0.5 %}", "expected return_over_errors at or above stop_over_errors, not 0.5 and 1", ""),
    "slow clients sent back first": ("recycle: [front]", "recycle: [front]\n      returning: {stop_over_latency_times: @@6}", "expected return_over_latency_times at or above stop_over_latency_times, not 5 and 6", ""),
    "less patience than it takes": ("recycle: [front]", "recycle: [front]\n      returning: {patience: @@5s}", "expected patience at or above soak, not 5s and 10s", ""),
    "an unknown key of returning": ("recycle: [front]", "recycle: [front]\n      returning: {@@soke: 5s}", "'soke'", "soak"),
    "rows lost without loss": ("lose_at_most_rows: 100", "promise: zero_loss\n          lose_at_most_rows: @@100", "expected 0 rows where zero_loss is promised, not 100", ""),
    "a bound of no row": ("lose_at_most_rows: 100", "lose_at_most_rows: @@0", "expected lose_at_most_rows above 0", ""),
    "a bound left out": ("        orders:\n          members", "        @@orders:\n          members", "expected lose_at_most_rows above 0", ""),
    "an rpo that nothing bounded keeps": ("rpo: 5min", "rpo: 1s", "expected zero_loss for an rpo of 1s", ""),
    "risk that nobody took": ("        cellar: {cores: 4, ram_mib: 8192, instances: 2, reserved: true}", "        @@cellar: {cores: 4, ram_mib: 8192, instances: 2}", "quota is not capacity", ""),
    "capacity of the recovery site left out": ("      capacity:\n        cellar: {cores: 4, ram_mib: 8192, instances: 2, reserved: true}\n", "", "missing the capacity of recovery site 'cellar'", ""),
    "nobody to promote": ("      database_operator: acme-postgres-operator\n", "", "missing key 'database_operator'", ""),
    "clients that wait too long": ("recycle: [front]", "recycle: [front]\n      client_timeout: @@15min", "expected client_timeout below rto, not 15min in 15min", ""),
    "names kept too long": ("ttl: 30s", "ttl: @@1h", "expected ttl below rto, not 1h in 15min", ""),
    "a value for both sites": ("cellar: 192.0.2.2}", "cellar: 192.0.2.1}", "expected something else for each site", ""),
    "a value of another type": ("cellar: 192.0.2.2}", "cellar: @@db2.acme.example}", "expected the value of a record of type A", ""),
    "a record of another zone": ("record: db.acme.example", "record: @@db.other.example", "expected a record of zone acme.example", ""),
    "a call to nowhere": ("\n          url: https://cellar.acme.example/warm", "", "missing key 'url' of 'warm'", ""),
    "a call that may not be made twice": ("method: POST", "method: @@POST", "expected idempotency_header or repeatable: true: after a crash this POST is sent once more", None),
    "a secret sent openly": ("url: https://cellar", "url: @@http://cellar", "expected an https:// address: what the credentials hold would be sent openly", ""),
    "a body that does not count": ("method: POST\n          headers: {X-From: vigie}\n          body: all", "method: GET\n          headers: {X-From: vigie}\n          body: @@all", "expected no body: a GET has none", ""),
    "a body of no answer": ("method: POST\n          headers: {X-From: vigie}\n          body: all", "method: HEAD\n          expect_body: @@warm", "expected no expect_body: the answer to a HEAD has no body", None),
    "no status at all": ("expect_status: [200, 202]", "expect_status: @@[]", "expected at least one status from 100 to 599, not []", ""),
    "a status that is none": ("expect_status: [200, 202]", "expect_status: @@[20]", "expected at least one status from 100 to 599, not [20]", ""),
    "a path that is none": ("expect_json: {$.state: warm}", "expect_json: {@@'$.[': warm}", "expected a JSONPath, not '$.['", ""),
    "a header that is secret": ("headers: {X-From: vigie}", "headers: {@@X-Api-Key: x}", "expected no header 'X-Api-Key'", ""),
    "a secret beside its block": ("credentials: acme-warm", "credentials: @@4f3c2b1a4f3c2b1a4f3c2b1a", "expected the name of a saved block", ""),
    "an unknown method": ("method: POST", "method: @@POTS", "expected one of", None),
    "a parameter that is a map": ("limit: 3", "limit: @@{a: 1}", "expected plain text, a number, or true or false, not a map", ""),
    "a parameter that nobody fills in": ('site: "{to_site}"', 'site: @@"{to_sight}"', "expected a plain value or one of {from_site}, {move}, {platform}, {to_site}, not '{to_sight}'", "{to_site}"),
    "a parameter of no name": ("full: true", "@@9-full: true", "expected the name of a parameter, not '9-full'", ""),
    "parameters of a question": ("text: is the warehouse told?", "text: is the warehouse told?\n          @@parameters: {a: 1}", "expected no parameters in a step of kind ask", ""),
    "a question of two lines": ("text: is the warehouse told?", 'text: @@"is it\\nso?"', "expected one line", ""),
    "an order that is none": ("order: 2", "order: @@-1", "greater than or equal to 0", ""),
    "an address for a question": ("text: is the warehouse told?", "text: is the warehouse told?\n          @@url: https://shop.acme.example/", "expected no url in a step of kind ask", ""),
    "a deployment that is none": ("kind: ask\n", "kind: deployment\n          deployment: @@stocktaking\n", "expected <flow>/<deployment>, not 'stocktaking'", ""),
    "a step of no move": ("moves: [failover]", "moves: @@[]", "expected at least one move", ""),
    "a moment that is never looked at": ("              recent_within: 1h\n", "", "missing key 'recent_within' of 'orders'", ""),
    "a reference to a table nobody declared": ("customers.id}", "@@custmers.id}", "unknown table 'custmers' of 'orders'", None),
    "a reference to no column": ("customers.id}", "@@customers}", "expected <table>.<column>, not 'customers'", ""),
    "a key that is an expression": ("customers: {key: [id]}", "customers: {key: [@@id + 1]}", "expected the name of a column", ""),
    "a counterpart that needs what it replaces": ("depends_on: [data-cellar]", "depends_on: [front]", "needs each other in a circle: front -> front", ""),
}  # fmt: skip

CIRCLE = (
    RIGHT.replace("depends_on: [data-cellar]", "depends_on: [stock]")
    .replace("        resource: stock\n", "        resource: stock\n        depends_on: [front-cellar]\n")
    .replace("      services:\n        front:\n          sites", "      services:\n        @@front:\n          sites")
)


def test_the_example_itself_is_right(example):
    assert example.check(shop=RIGHT) == ([], [])


@pytest.mark.parametrize(("old", "new", "text", "nearest"), ONE_MISTAKE.values(), ids=ONE_MISTAKE)
def test_one_mistake_is_one_line_at_its_place(example, old, new, text, nearest):
    marked = example.spoiled(old, new, RIGHT)
    if text.startswith("expected idempotency_header"):
        marked = marked.replace("          idempotency_header: Idempotency-Key\n", "")
    if text.startswith("critical service"):
        marked = marked.replace("        photos:\n          degraded: no pictures\n", "")
    if text.startswith("expected lose_at_most_rows") and "@@orders" in new:
        marked = marked.replace("          lose_at_most_rows: 100\n", "")
    found, places = example.check(shop=marked)
    told = [mistake for mistake in found if text in mistake.text]
    assert len(told) == 1, [str(mistake) for mistake in found]
    assert not places or [told[0][:3]] == places
    if nearest is not None:
        assert told[0].nearest == nearest
        assert found == told


def test_a_circle_that_only_the_other_site_has(example):
    found, places = example.check(shop=CIRCLE)
    assert [mistake.text for mistake in found] == [
        "what stands for services in cellar needs each other in a circle: front -> stock -> front"
    ]
    assert [found[0][:3]] == places


def test_one_site_is_nowhere_to_go(example):
    one = "      cellar: {provider: openstack, region: cellar, role: recovery, credentials: acme-openstack}\n"
    found, _ = example.check(shop=example.spoiled(one, "", RIGHT))
    assert any("expected at least two sites: 'shop' could go nowhere from north" in m.text for m in found)


# -- what ships ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hearth():
    return load_catalogue(FOLDER).platforms["hearth"]


def test_everything_in_a_plan_is_called_by_its_key(hearth):
    plan = hearth.recovery
    for part in (
        plan.data,
        plan.services,
        plan.second_workers,
        plan.credentials,
        plan.traffic,
        plan.steps,
        plan.data["household"].tables,
    ):
        assert all(key == value.name for key, value in part.items())
    assert plan.data["household"].promise is Promise.BOUNDED
    assert isinstance(plan.traffic["api"], TrafficManagerSwitch)
    assert isinstance(plan.traffic["database-name"], DnsSwitch)


def test_an_example_has_added_steps_of_their_kinds(example):
    example.check(shop=RIGHT)
    plan = load_catalogue(example.folder).platforms["shop"].recovery
    assert {name: step.kind for name, step in plan.steps.items()} == {
        "warm": PlanStepKind.CALL,
        "nightly": PlanStepKind.DEPLOYMENT,
        "stocktaking": PlanStepKind.ASK,
    }


def test_a_platform_with_its_plan_is_the_same_after_it_was_saved(hearth):
    assert platform_from_json(platform_to_json(hearth)) == hearth


def test_the_second_workers_look_healthy_at_rest_and_after_a_move(hearth):
    for service in hearth.recovery.second_workers["digest"].sites.values():
        assert {check.kind for check in hearth.services[service].checks.values()} == {"heartbeat"}


# -- editors and adapters -----------------------------------------------------------------------


def test_what_a_deployment_is_given_keeps_its_types_when_it_is_saved(example):
    example.check(shop=RIGHT)
    shop = load_catalogue(example.folder).platforms["shop"]
    given = platform_from_json(platform_to_json(shop)).recovery.steps["nightly"].parameters
    assert given == {"site": "{to_site}", "full": True, "limit": 3}
    assert {name: type(value) for name, value in given.items()} == {"site": str, "full": bool, "limit": int}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rto",), 15),
        (("data", "household", "name"), "x"),
        (("data", "household", "promise"), "none"),
        (("traffic", "api", "kind"), "azure.front_door"),
        (("traffic", "database-name", "type"), "TXT"),
        (("credentials", "archive-writer", "principal"), "device-api"),
        (("credentials", "archive-writer", "kind"), "azure.key"),
        (("steps", "x"), {"kind": "call", "when": "during", "phase": "start", "text": "x"}),
    ],
    ids=lambda v: ".".join(v) if isinstance(v, tuple) else None,
)
def test_what_is_wrong_in_one_place_is_refused_while_typing(path, value):
    content = copy.deepcopy(Document(FOLDER / "hearth.yaml").value)
    part = content["platforms"]["hearth"]["recovery"]
    for step in path[:-1]:
        part = part.setdefault(step, {})
    part[path[-1]] = value
    assert list(Draft202012Validator(catalogue_schema()).iter_errors(content))


def test_who_starts_what_and_who_switches_what():
    assert open_compute_path("azure.app_service") == "blocks.azure.compute:open_compute"
    assert open_compute_path("openstack.server") == "blocks.openstack.compute:open_compute"
    assert open_traffic_path("azure.traffic_manager") == "blocks.azure.traffic:open_traffic"
    assert open_traffic_path("dns") == "blocks.dns.traffic:open_traffic"
    with pytest.raises(Refused, match=r"a service of kind web is not started, stopped or resized by vigie"):
        open_compute_path("web")
    assert all(kind.restarts for kind in KINDS.values() if kind.moves)


def test_whatever_stands_in_a_plan_never_crashes_the_check(example):
    right = None
    for put in (None, 5, "x", [], [[]], {"a": {"b": []}}, -1.5):
        file = example.folder / "shop.yaml"
        file.write_text(RIGHT)
        right = Document(file).value
        for key in right["platforms"]["shop"]["recovery"]:
            spoiled = copy.deepcopy(right)
            spoiled["platforms"]["shop"]["recovery"][key] = put
            file.write_text(json.dumps(spoiled))
            for mistake in example.check()[0]:
                assert mistake.line >= 1
