"""Is every mistake told, at its place, with what was meant, and without crying twice?"""

from __future__ import annotations

import pytest

# what is replaced, what by (@@ before the place to point at), part of the message, the nearest name
ONE_MISTAKE = {
    "unknown key of a service": (
        "criticality: critical",
        "@@critcality: critical",
        "unknown key 'critcality'",
        "criticality",
    ),
    "unknown key of a platform": (
        "    sites:",
        "    @@sweep_evry: 5min\n    sites:",
        "unknown key 'sweep_evry'",
        "sweep_every",
    ),
    "unknown key of a site": (
        "region: eu-west-1",
        "region: eu-west-1\n        @@rolle: x",
        "unknown key 'rolle'",
        "role",
    ),
    "unknown key of a customer": ("language: en", "language: en\n    @@chanel: x", "unknown key 'chanel'", "channel"),
    "unknown key of a check": (
        "deadline: 26h",
        "deadline: 26h\n            @@timout: 5s",
        "unknown key 'timout'",
        "timeout",
    ),
    "unknown key of limits": (
        'critical: "> 10 min"',
        'critical: "> 10 min", @@warn: "> 5 min"',
        "unknown key 'warn'",
        "warning",
    ),
    "unknown key of a promise": (
        "objective: 99.9 %",
        "objective: 99.9 %\n            @@windw: 7d",
        "unknown key 'windw'",
        "window",
    ),
    "unknown key of a maintenance": (
        'start: "02:00"',
        'start: "02:00"\n        @@servces: []',
        "unknown key 'servces'",
        "services",
    ),
    "unknown key at the top": ("customers:\n", "@@platform: {}\ncustomers:\n", "unknown key 'platform'", "platforms"),
    "a key nothing is near to": ("region: eu-west-1", "region: eu-west-1\n        @@zzz: 1", "unknown key 'zzz'", ""),
    "a name beside the key": ("region: eu-west-1", "region: eu-west-1\n        @@name: x", "expected no name here", ""),
    "a name of forbidden letters": (
        "  acme:\n    lang",
        "  @@Acme_1:\n    lang",
        "expected a name of lower-case",
        None,
    ),
    "unknown customer": ("customer: acme", "customer: @@acne", "unknown customer 'acne'", "acme"),
    "unknown site": (
        "kind: postgres\n        site: north",
        "kind: postgres\n        site: @@nort",
        "unknown site 'nort'",
        "north",
    ),
    "unknown site of a check": (
        "deadline: 26h",
        "deadline: 26h\n            site: @@irland",
        "unknown site 'irland'",
        "ireland",
    ),
    "unknown service depended on": (
        "[data]\n        checks",
        "[@@dta]\n        checks",
        "unknown service 'dta'",
        "data",
    ),
    "unknown group depended on": ('"group:fronts"', '@@"group:front"', "unknown redundancy group", "group:fronts"),
    "a group without its prefix": ('"group:fronts"', "@@fronts", "unknown service 'fronts'", "group:fronts"),
    "unknown service in a group": ("[front, front-two]", "[front, @@front-tow]", "unknown service", "front-two"),
    "unknown service of a maintenance": ("services: [data]", "services: [@@date]", "unknown service 'date'", "data"),
    "a group of one": ("[front, front-two]", "@@[front]", "expected at least two services", ""),
    "unknown service kind": (
        "kind: aws.sqs_queue",
        "kind: @@aws.sqs",
        "unknown service kind 'aws.sqs'",
        "aws.sqs_queue",
    ),
    "unknown check kind": ("kind: heartbeat", "kind: @@hartbeat", "unknown check kind 'hartbeat'", "heartbeat"),
    "no check kind": ("            kind: tcp\n", "", "missing key 'kind' of checks.port", ""),
    "a check the kind cannot have": (
        "kind: tcp\n            address: two.acme.example:443",
        'kind: @@metric\n            metric: X\n            unit: s\n            value: {critical: "> 1 s"}',
        "a service of kind web cannot have a metric check",
        "",
    ),
    "a site of another provider": (
        "kind: aws.sqs_queue\n        site: ireland",
        "kind: aws.sqs_queue\n        site: @@north",
        "expected a site of aws",
        "",
    ),
    "unknown time zone": (
        "time_zone: Europe/London",
        "time_zone: @@Europe/Londn",
        "unknown time zone",
        "Europe/London",
    ),
    "time zone that is a folder": (
        "time_zone: Europe/London",
        "time_zone: @@Europe",
        "unknown time zone 'Europe'",
        None,
    ),
    "unknown language": ("language: en", "language: @@eng", "expected one of 'en' or 'fr'", "en"),
    "unknown criticality": ("criticality: critical", "criticality: @@critcal", "expected one of", "critical"),
    "depends on itself": ("[data]\n        checks", "[@@front]\n        checks", "'front' depends on itself", ""),
    "a circle": (
        "kind: postgres\n",
        "kind: postgres\n        depends_on: [front]\n",
        "in a circle: front -> data -> front",
        "",
    ),
    "a circle through a group": (
        "kind: postgres\n",
        "kind: postgres\n        depends_on: [orders]\n",
        "in a circle: front -> data -> orders -> group:fronts -> front",
        "",
    ),
    "a duplicate key": (
        "deadline: 26h",
        "deadline: 26h\n            @@deadline: 27h",
        "duplicate key 'deadline', first used on line",
        "",
    ),
    "a duplicate service": ("      data:\n", "      data: {}\n      @@data:\n", "duplicate key 'data'", None),
    "a limit in the wrong unit": (
        'warning: "> 300 ms"',
        'warning: @@"> 300 bytes"',
        "'latency' is measured in 'ms'",
        "",
    ),
    "a metric's limit in the wrong unit": (
        'value: {warning: "> 5 min"}',
        'value: {warning: @@"> 5 %"}',
        "'value' is measured in 's'",
        "",
    ),
    "a unit nobody knows": ('warning: "> 300 ms"', 'warning: @@"> 300 furlongs"', "expected one of the units", ""),
    "a limit without its operator": ('warning: "> 300 ms"', "warning: @@300 ms", "expected a limit such as", ""),
    "no limits": ('value: {warning: "> 5 min"}', "value: @@{}", "missing limits of 'value'", ""),
    "limits left out": ('\n            value: {warning: "> 5 min"}', "", "missing key 'value' of checks.oldest", ""),
    "a queue that nothing judges": ('\n            age: {critical: "> 10 min"}', "", "missing limits of 'backlog'", ""),
    "critical before warning": ('critical: "> 1 s"', 'critical: @@"> 100 ms"', "expected critical beyond warning", ""),
    "critical the other way": (
        'critical: "> 1 s"',
        'critical: @@"< 1 s"',
        "expected critical to look the same way",
        "",
    ),
    "a bare duration": ("deadline: 26h", "deadline: @@26", "expected a number with its unit", ""),
    "a negative duration": ("deadline: 26h", "deadline: @@-5s", "expected a duration above zero", ""),
    "a bare percentage": ("objective: 99.9 %", "objective: @@99.9", "expected a number with its unit", ""),
    "a percentage over 100": ("objective: 99.9 %", "objective: @@101 %", "between 0 % and 100 %", ""),
    "a promise of everything": ("objective: 99.9 %", "objective: @@100 %", "expected an objective below 100 %", ""),
    "a service called monitoring": (
        "      orders:\n",
        "      @@monitoring:\n",
        "expected another name than 'monitoring'",
        "",
    ),
    "a rule of nonsense": ("FREQ=WEEKLY;BYDAY=SU", "@@every sunday", "expected a rule such as", ""),
    "a rule of nothing in particular": ("FREQ=WEEKLY;BYDAY=SU", "@@BYDAY=SU", "in the rule, not 'BYDAY=SU'", ""),
    "a rule of the hour": ("FREQ=WEEKLY;BYDAY=SU", "@@FREQ=HOURLY;BYDAY=SU", "in the rule, not 'HOURLY'", ""),
    "a rule that leaves weeks out": ("FREQ=WEEKLY;BYDAY=SU", "@@FREQ=WEEKLY;BYDAY=SU;INTERVAL=2", "'INTERVAL=2'", ""),
    "a rule with an empty part": ("FREQ=WEEKLY;BYDAY=SU", "@@FREQ=WEEKLY;BYDAY=", "not 'BYDAY='", ""),
    "a rule that says a part twice": ("FREQ=WEEKLY;BYDAY=SU", "@@FREQ=WEEKLY;BYDAY=SU;BYDAY=MO", "not 'BYDAY=MO'", ""),
    "a rule of an unknown day": ("FREQ=WEEKLY;BYDAY=SU", "@@FREQ=WEEKLY;BYDAY=XX", "expected a recurrence rule", ""),
    "a rule that hides its day": ("FREQ=WEEKLY;BYDAY=SU", "@@FREQ=WEEKLY", "to say its days with BYDAY", ""),
    "a rule that counts": ("FREQ=WEEKLY;BYDAY=SU", "@@FREQ=WEEKLY;BYDAY=SU;COUNT=3", "expected a rule such as", ""),
    "a maintenance in two ways": (
        'start: "02:00"',
        'start: "02:00"\n        begin: 2026-12-05T22:00:00Z',
        "either rrule with start",
        None,
    ),
    "a beginning without offset": (
        'rrule: FREQ=WEEKLY;BYDAY=SU\n        start: "02:00"',
        "begin: @@2026-12-05T22:00:00",
        "expected a time with its offset",
        "",
    ),
    "a time of day that is none": ('start: "02:00"', 'start: @@"25:00"', "expected a time of day", ""),
    "an address of another scheme": ("url: https://", "url: @@ftp://", "expected an http:// or https:// address", ""),
    "an address without host": (
        "url: https://shop.acme.example/",
        "url: @@https:///x",
        "expected an http:// or https://",
        "",
    ),
    "an address with a password": (
        "url: https://shop",
        "url: @@https://me:hunter2@shop",
        "without user and password",
        "",
    ),
    "a certificate without TLS": (
        "url: https://shop.acme.example/",
        'url: http://shop.acme.example/\n            certificate: @@{warning: "< 9 d"}',
        "nothing would measure it",
        "",
    ),
    "no port": ("address: two.acme.example:443", "address: @@two.acme.example", "expected host:port", ""),
    "a port that is none": (
        "address: two.acme.example:443",
        "address: @@two.acme.example:70000",
        "expected host:port",
        "",
    ),
    "a secret for a block": (
        "credentials: acme-aws",
        "credentials: @@wJalrXUtnFEMI/K7MDENG",
        "looks like a secret",
        "",
    ),
    "a token for a block": (
        "pager: acme-pager",
        "pager: @@a8f5f167f44f4964e6c998dee827110c",
        "looks like a secret",
        "",
    ),
    "a header with a secret": (
        "url: https://shop.acme.example/",
        "url: https://shop.acme.example/\n            headers: {@@Authorization: Bearer x}",
        "expected no header 'Authorization'",
        "",
    ),
    "a service that is called name": (
        "      machine:\n",
        "      name: @@5\n      machine:\n",
        "expected a map, not 5",
        "",
    ),
    "a group that is called name": (
        "      fronts: [front, front-two]",
        "      fronts: [front, front-two]\n      name: @@5",
        "expected a list, not 5",
        "",
    ),
    "a list that is text": ("services: [data]", "services: @@data", "expected a list, not 'data'", ""),
    "a map that is text": ("kind: tcp\n", "kind: tcp\n            latency: @@fast\n", "expected a map, not 'fast'", ""),
    "a map left empty": (
        "    redundancy_groups:\n      fronts: [front, front-two]\n",
        "    @@redundancy_groups:\n",
        "expected a map, not nothing",
        None,
    ),
    "a number that is text": (
        "kind: tcp\n",
        "kind: tcp\n            attempts: @@three\n",
        "expected a whole number, not 'three'",
        "",
    ),
    "a quoted number": ("kind: tcp\n", 'kind: tcp\n            attempts: @@"3"\n', "expected a whole number", ""),
    "a number over its bound": (
        "kind: tcp\n",
        "kind: tcp\n            attempts: @@11\n",
        "less than or equal to 10, not 11",
        "",
    ),
    "a truth that is text": ("slo: true", "slo: @@yes", "expected true or false, not 'yes'", ""),
    "a text that is a number": ("database: shop", "database: @@5", "expected text, not 5", ""),
    "a missing key of a site": ("        region: eu-west-1\n", "", "missing key 'region' of sites.ireland", ""),
    "no credentials for a database": (
        "    database_credentials: acme-postgres\n",
        "",
        "missing key 'database_credentials'",
        "",
    ),
    "no resource": ("        resource: acme-orders\n", "", "missing key 'resource' of 'orders': queue name", ""),
    "a resource of another kind": (
        "Microsoft.Compute/virtualMachines/one",
        "Microsoft.Web/sites/one",
        "expected the resource id of a azure",
        None,
    ),
    "a metric without its namespace": (
        "AWS/SQS/ApproximateAgeOfOldestMessage",
        "@@ApproximateAgeOfOldestMessage",
        "expected Namespace/MetricName",
        "",
    ),
    "a promise nothing measures": ("\n            slo: true", "", "no check of 'front' has slo: true", None),
    "samples for no promise": (
        "        slos:\n          reachable:\n            objective: 99.9 %\n",
        "",
        "expected an SLO under slos:",
        None,
    ),
    "a service nobody looks at": (
        "      front-two:\n        kind: web\n        site: north\n        checks:\n          port:\n            kind: tcp\n            address: two.acme.example:443\n",
        "      @@front-two:\n        kind: web\n        site: north\n",
        "nobody would look at 'front-two'",
        "",
    ),
    "a service with no checks in its checks": (
        "      front-two:\n        kind: web\n        site: north\n        checks:\n          port:\n            kind: tcp\n            address: two.acme.example:443\n",
        "      @@front-two:\n        kind: web\n        site: north\n        checks: {}\n",
        "nobody would look at 'front-two'",
        "",
    ),
    "a platform of nothing": (
        "platforms:\n",
        "platforms:\n  none: {customer: acme, sites: {}, services: @@{}}\n",
        "expected at least one service",
        "",
    ),
    "a timeout longer than the sweep": (
        "deadline: 26h",
        "deadline: 26h\n            timeout: @@3min",
        "expected a timeout below",
        "",
    ),
    "attempts longer than the sweep": (
        "deadline: 26h",
        "deadline: 26h\n            recheck_every: @@1min",
        "3 attempts take 2min",
        "",
    ),
    "a sweep that overlaps itself": (
        "    sites:",
        "    sweep_every: 1min\n    sites:",
        "expected sweep_deadline below sweep_every",
        None,
    ),
    "a sweep that ends when the next begins": (
        "    sites:",
        "    sweep_every: 5min\n    sweep_deadline: @@5min\n    sites:",
        "expected sweep_deadline below sweep_every, not 5min in 5min",
        "",
    ),
    "a sweep shorter than its usual deadline": (
        "    sites:",
        "    sweep_every: @@1min\n    sites:",
        "expected sweep_deadline below sweep_every",
        "",
    ),
    "a timeout as long as the sweep": (
        "deadline: 26h",
        "deadline: 26h\n            timeout: @@2min",
        "expected a timeout below the sweep's deadline of 2min",
        "",
    ),
    "an empty resource": ("resource: acme-orders", 'resource: @@""', "missing key 'resource' of 'orders'", ""),
    "a site of a provider nobody knows": ("provider: aws", "provider: @@clouds", "expected", ""),
    "a site nothing is near to": (
        "kind: azure.virtual_machine\n        site: north",
        "kind: azure.virtual_machine\n        site: @@zzzzzz",
        "unknown site 'zzzzzz', expected one of ireland, north",
        "",
    ),
    "a site where none is declared": (
        "platforms:\n",
        "platforms:\n  bare: {customer: acme, sites: {}, services: {a: {kind: web, site: @@north, checks: {p: {kind: tcp, address: 'h:1'}}}}}\n",
        "unknown site 'north', no site is declared",
        "",
    ),
    "a circle by the second dependency": (
        "depends_on: [data]",
        "depends_on: [data, @@front]",
        "'front' depends on itself",
        "",
    ),
    "a merge key": ("kind: tcp\n", "kind: tcp\n            @@<<: {timeout: 5s}\n", "expected no merge key", ""),
    "a tag": ("deadline: 26h", "deadline: @@!duration 26h", "expected plain YAML without tags", None),
}


@pytest.mark.parametrize(("old", "new", "text", "nearest"), ONE_MISTAKE.values(), ids=ONE_MISTAKE)
def test_one_mistake_is_one_line_at_its_place(example, old, new, text, nearest):
    found, places = example.check(shop=example.spoiled(old, new))
    told = [mistake for mistake in found if text in mistake.text]
    assert len(told) == 1, [str(mistake) for mistake in found]
    assert not places or [told[0][:3]] == places
    if nearest is not None:
        assert told[0].nearest == nearest
        assert found == told


def test_the_example_itself_is_right(example):
    assert example.check(shop=example.right) == ([], [])


ALSO_RIGHT = {
    "plain http without limits of a certificate": ("url: https://shop", "url: http://shop"),
    "limits of a certificate over TLS": ("slo: true", 'slo: true\n            certificate: {warning: "< 9 d"}'),
    "every week, said twice": ("FREQ=WEEKLY;BYDAY=SU", "FREQ=WEEKLY;INTERVAL=1;BYDAY=SU"),
    "a timeout below the deadline": ("deadline: 26h", "deadline: 26h\n            timeout: 119s"),
    "a sweep longer than its deadline": ("    sites:", "    sweep_every: 121s\n    sites:"),
}


@pytest.mark.parametrize(("old", "new"), ALSO_RIGHT.values(), ids=ALSO_RIGHT)
def test_what_is_right_is_not_complained_about(example, old, new):
    assert example.check(shop=example.spoiled(old, new)) == ([], [])


SECRETS = {
    "wJalrXUtnFEMI/K7MDENG": "credentials: acme-aws",
    "hunter2": "url: https://shop",
    "xoxb-1-a": "pager: acme-pager",
}


@pytest.mark.parametrize(("secret", "place"), SECRETS.items(), ids=SECRETS)
def test_a_secret_is_refused_and_not_repeated(example, secret, place):
    key = place.split(":")[0]
    value = f"https://me:{secret}@shop" if key == "url" else f"{secret}!"
    found, _ = example.check(shop=example.spoiled(place, f"{key}: {value}"))
    assert len(found) == 1
    assert secret not in str(found[0])
