"""What do our probes' own sentences say in French?

A finding is recorded in one language and told in the customer's. Each line here is one thing that a probe
may see, by the words it always uses; names, addresses, codes and figures go through, a server's own prose
(its reason, its banner) does not: it stays in the evidence. Blanks are filled as in sentences.py.
"""

from __future__ import annotations

import re
from typing import Final

_WHERE: Final = r"^(?P<where>\S+) "
_NEXT: Final = r"(?:\. Next: .*)?$"
_NETWORK = (
    (_WHERE + r"refused the connection\b.*$", "{where} refuse la connexion : rien n'y écoute"),
    (
        _WHERE + r"neither accepted nor refused a connection within (?P<span>.+)$",
        "{where} n'a ni accepté ni refusé la connexion en {span}",
    ),
    (
        _WHERE + r"accepted the connection, but no TLS handshake was done within (?P<span>.+)$",
        "{where} a accepté la connexion, mais la négociation TLS n'a pas abouti en {span}",
    ),
    (
        _WHERE + r"took the request and sent no complete answer within (?P<span>.+)$",
        "{where} a reçu la demande, sans réponse complète en {span}",
    ),
    (
        _WHERE + r"stopped half-way: (?P<value>\d+) bytes of the body within (?P<span>.+), and no end$",
        "{where} s'est arrêté en chemin : {value} octets en {span}, et pas de fin",
    ),
    (_WHERE + r"cannot be reached: .*$", "{where} est injoignable : le réseau signale la disparition de la machine"),
    (
        _WHERE + r"dropped the connection after (?P<value>\d+) bytes of the body$",
        "{where} a coupé la connexion après {value} octets de la réponse",
    ),
    (
        _WHERE + r"(?:dropped|closed) the connection during the TLS handshake$",
        "{where} a coupé la connexion pendant la négociation TLS",
    ),
    (
        _WHERE + r"(?:dropped|closed) the connection (?:before it answered|without an answer)$",
        "{where} a coupé la connexion avant de répondre",
    ),
    (_WHERE + r"dropped the connection$", "{where} a coupé la connexion"),
    (_WHERE + r"does not speak TLS .*$", "{where} ne parle pas TLS"),
    (_WHERE + r"wants a client certificate$", "{where} exige un certificat client"),
    (_WHERE + r"failed the TLS handshake.*$", "{where} a échoué à la négociation TLS"),
    (
        _WHERE + r"answered something that is not (?P<name>HTTP|PostgreSQL)\b.*$",
        "{where} a répondu autre chose que {name}",
    ),
    (
        _WHERE + r"broke its body off, or garbled it, after (?P<value>\d+) bytes$",
        "{where} a coupé ou brouillé sa réponse après {value} octets",
    ),
    (
        _WHERE + r"answered (?P<code>\d+)(?: \(.*\))?, expected (?P<names>[\d or]+)$",
        "{where} a répondu {code} au lieu de {names}",
    ),
    (_WHERE + r"answered (?P<code>\d+) without a usable Location$", "{where} a répondu {code} sans adresse utilisable"),
    (
        _WHERE + r"answered, but (?:its body does|the first \d+ bytes do) not contain (?P<quote>\".*\")$",
        "{where} a répondu, mais sans le texte attendu {quote}",
    ),
    (r"^it is empty$", "la réponse est vide"),
    (r"^it begins (?P<quote>\".*\")$", "elle commence par {quote}"),
    (_WHERE + r"answered more than (?P<value>\d+) bytes of JSON$", "{where} a répondu plus de {value} octets de JSON"),
    (_WHERE + r"answered a body that is not JSON: it is empty$", "{where} a répondu une page vide au lieu de JSON"),
    (_WHERE + r"answered a body that is not JSON: .*$", "{where} a répondu autre chose que du JSON"),
    (
        _WHERE + r"answered JSON in which (?P<name>\S+) is absent, expected (?P<quote>.+)$",
        "{where} : {name} manque dans la réponse, attendu {quote}",
    ),
    (
        _WHERE + r"answered JSON in which (?P<name>\S+) is (?P<code>.+), expected (?P<quote>.+)$",
        "{where} : {name} vaut {code} au lieu de {quote}",
    ),
    (_WHERE + r"answered JSON in which .*$", "{where} a répondu un JSON trop imbriqué"),
    (
        _WHERE + r"packed its body as \S+, which was not asked for$",
        "{where} a compressé sa réponse sans qu'on l'ait demandé",
    ),
    (_WHERE + r"says its body is \S+, and it is not$", "{where} annonce une compression qui n'y est pas"),
    (_WHERE + r"sent a packed body that breaks off$", "{where} a coupé sa réponse compressée"),
    (
        _WHERE + r"(?:sent|grew to) more than (?P<value>\d+) bytes .*\(max_body_bytes\)$",
        "{where} n'en finit pas : plus de {value} octets (max_body_bytes)",
    ),
    (r"^reading stopped$", "lecture arrêtée"),
    (_WHERE + r"redirects in a circle, back to (?P<name>\S+)$", "{where} redirige en boucle, vers {name}"),
    (
        _WHERE + r"redirects more than (?P<count>\d+) times, at last to (?P<name>\S+)$",
        "{where} redirige plus de {count} fois, enfin vers {name}",
    ),
)
_NAMES = (
    (
        r"^the name in (?P<where>\S+) leads nowhere: it has no address$",
        "le nom {where} ne mène nulle part : aucune adresse",
    ),
    (_WHERE + r"does not exist(?: \(asked of (?P<name>\S+)\))?$", "le nom {where} n'existe pas"),
    (_WHERE + r"exists but has no (?P<name>[A-Z]+) record.*$", "le nom {where} existe, sans enregistrement {name}"),
    (
        _WHERE + r"leads to (?P<names>.+), expected (?P<quote>.+?)(?: \(asked of (?P<name>\S+)\))?$",
        "le nom {where} mène à {names} au lieu de {quote}",
    ),
    (
        _WHERE + r"cannot be resolved: nothing listens at the name server(?: (?P<name>\S+))?$",
        "le nom {where} ne peut être résolu : rien n'écoute au serveur de noms",
    ),
    (
        _WHERE + r"cannot be resolved: the name server answered (?P<code>.+?)(?: \(asked of (?P<name>\S+)\))?$",
        "le nom {where} ne peut être résolu : le serveur de noms répond {code}",
    ),
    (
        _WHERE + r"cannot be resolved: .+ gave no answer within (?P<span>.+)$",
        "le nom {where} ne peut être résolu : le serveur de noms n'a pas répondu en {span}",
    ),
)
_CERTIFICATES = (
    (
        r"^the certificate of (?P<where>\S+) expired (?P<span>.+) ago, on (?P<code>.+) UTC$",
        "le certificat de {where} a expiré il y a {span}, le {code} UTC",
    ),
    (r"^the certificate of (?P<where>\S+) has expired$", "le certificat de {where} a expiré"),
    (r"^the certificate of (?P<where>\S+) is not for that name$", "le certificat de {where} n'est pas pour ce nom"),
    (r"^it is for no name at all$", "il n'est pour aucun nom"),
    (r"^it is for (?P<names>.+)$", "il est pour {names}"),
    (
        r"^the certificate of (?P<where>\S+) is not valid before (?P<code>.+) UTC$",
        "le certificat de {where} ne vaut pas avant le {code} UTC",
    ),
    (r"^the certificate of (?P<where>\S+) is not valid yet$", "le certificat de {where} ne vaut pas encore"),
    (
        r"^the certificate of (?P<where>\S+) is not trusted: .*revoked.*$",
        "le certificat de {where} n'est pas reconnu : il a été révoqué",
    ),
    (
        r"^the certificate of (?P<where>\S+) is not trusted: it is signed by itself.*$",
        "le certificat de {where} n'est pas reconnu : il s'est signé lui-même",
    ),
    (
        r"^the certificate of (?P<where>\S+) is not trusted: .*$",
        "le certificat de {where} n'est pas reconnu : son autorité ne compte pas parmi les nôtres",
    ),
    (r"^the certificate of (?P<where>\S+) cannot be checked$", "le certificat de {where} ne peut être vérifié"),
)
_DATABASES = (
    (_WHERE + r"is full: it takes no more connections$", "{where} est plein : il ne prend plus de connexions"),
    (_WHERE + r"is starting up and takes no logins$", "{where} démarre et ne laisse pas encore entrer"),
    (_WHERE + r"is shutting down$", "{where} s'arrête"),
    (_WHERE + r"is recovering from a crash$", "{where} se remet d'une panne"),
    (_WHERE + r"is not accepting connections$", "{where} n'accepte pas de connexions"),
    (_WHERE + r"shows a certificate that has expired$", "{where} présente un certificat expiré"),
    (_WHERE + r"shows a certificate for another name$", "{where} présente un certificat d'un autre nom"),
    (_WHERE + r"shows a certificate of an authority .*$", "{where} présente un certificat non reconnu"),
    (_WHERE + r"does not offer TLS, .*$", "{where} ne propose pas TLS, et nous l'exigeons"),
    (_WHERE + r"let us in, but did not answer(?: in time)?$", "{where} a ouvert, mais n'a pas répondu à temps"),
    (
        _WHERE + r"let us in, but did not answer within (?P<span>.+)$",
        "{where} a ouvert, mais n'a pas répondu en {span}",
    ),
    (_WHERE + r"let nobody in within (?P<span>.+)$", "{where} n'a laissé entrer personne en {span}"),
    (_WHERE + r"let nobody in: .*$", "{where} ne laisse entrer personne"),
    (_WHERE + r"ended the session: it is going down$", "{where} a fermé la session : il s'arrête"),
    (
        _WHERE + r"lost the connection in the middle of an answer$",
        "{where} a perdu la connexion au milieu d'une réponse",
    ),
    (_WHERE + r"has run out of a resource$", "{where} manque d'une ressource"),
    (_WHERE + r"reports an error of its disk or system$", "{where} signale une erreur de disque ou de système"),
    (_WHERE + r"reports damage$", "{where} signale des données abîmées"),
    (
        r"^standby (?P<name>\S+) is not connected to (?P<where>\S+?), which is itself a standby now$",
        "la copie {name} n'est pas connectée à {where}, devenu copie lui-même",
    ),
    (
        r"^standby (?P<name>\S+) is not connected to (?P<where>\S+)$",
        "la copie {name} n'est pas connectée à {where}",
    ),
    (
        r"^the standby is not connected to (?P<where>\S+?), which is itself a standby now$",
        "la copie n'est pas connectée à {where}, devenu copie lui-même",
    ),
    (r"^the standby is not connected to (?P<where>\S+)$", "la copie n'est pas connectée à {where}"),
    (
        r"^the standby is connected to (?P<where>\S+) but does not follow \((?P<code>.+)\)$",
        "la copie est connectée à {where} sans suivre ({code})",
    ),
    (
        r"^standby (?P<name>\S+) is connected to (?P<where>\S+) but does not follow \((?P<code>.+)\)$",
        "la copie {name} est connectée à {where} sans suivre ({code})",
    ),
    (
        r"^standby (?P<name>\S+) \((?P<where>\S+)\) has lost its primary: it receives nothing$",
        "la copie {name} ({where}) a perdu son original : elle ne reçoit rien",
    ),
)
_CLOUDS = (
    (r"^Azure says (?P<name>\S+) is unavailable\b.*$", "Azure dit {name} indisponible"),
    (r"^Azure says (?P<name>\S+) is degraded\b.*$", "Azure dit {name} dégradé"),
    (r"^Azure does not know how (?P<name>\S+) is\b.*$", "Azure ne sait pas comment va {name}"),
    (r"^Azure gives no state of (?P<name>\S+)$", "Azure ne donne pas l'état de {name}"),
    (
        r"^Azure Monitor has no (?P<name>.+) between (?P<code>\S+) and (?P<quote>\S+) UTC.*$",
        "Azure Monitor n'a pas de {name} entre {code} et {quote} UTC",
    ),
    (
        r"^CloudWatch has no data point of (?P<name>.+) in the last (?P<span>.+)$",
        "CloudWatch n'a aucun point de {name} sur {span}",
    ),
    (r"^CloudWatch alarm (?P<name>\S+) is in ALARM: .*$", "l'alarme CloudWatch {name} est levée"),
    (r"^CloudWatch alarm (?P<name>\S+) has insufficient data: .*$", "l'alarme CloudWatch {name} manque de données"),
    (r"^compute services down: (?P<names>.+)$", "services de calcul arrêtés : {names}"),
    (
        r"^(?:[\w ]+ )?(?P<name>\S+) does not exist(?: \(deleted|: it was deleted).*$",
        "{name} n'existe pas : effacé, ou mal nommé dans le catalogue",
    ),
    (
        r"^(?:[\w ]+ )?(?P<name>\S+) is (?P<code>[\w/.-]+), should be (?P<quote>[\w/.-]+)$",
        "{name} est « {code} » au lieu de « {quote} »",
    ),
    (
        r"^(?:[\w ]+ )?(?P<name>\S+) is (?P<code>[\w/.-]+) instead of (?P<quote>[\w/.-]+)$",
        "{name} est « {code} » au lieu de « {quote} »",
    ),
    (r"^(?:[\w ]+ )(?P<name>\S+) is (?P<code>[\w/.-]+)$", "{name} est « {code} »"),
)
_BEATS = (
    (r"^(?P<name>\S+) has never reported$", "{name} ne s'est jamais signalé"),
    (r"^is its sender set up \(`vigie beat`\)\?$", "son envoi est-il en place (`vigie beat`) ?"),
    (
        r"^(?P<name>\S+) last reported (?P<span>.+) ago, more than the (?P<span_allowed>.+) allowed$",
        "{name} s'est signalé il y a {span}, plus que les {span_allowed} permis",
    ),
)
_UNSEEN = (
    (
        r"^not reached before the sweep's deadline of (?P<span>.+?)" + _NEXT,
        "pas atteint avant la fin de la tournée ({span})",
    ),
    (
        r"^the probe did not keep its own timeout of (?P<span>.+?)" + _NEXT,
        "la sonde a dépassé son propre délai ({span})",
    ),
    (r"^the probe failed with (?P<name>\w+)" + _NEXT, "la sonde a échoué ({name})"),
    (r"^the probe gave neither a measurement nor a reason$", "la sonde n'a donné ni mesure ni raison"),
)
FINDINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), french)
    for pattern, french in (*_NETWORK, *_NAMES, *_CERTIFICATES, *_DATABASES, *_BEATS, *_UNSEEN, *_CLOUDS)
)
