"""What is said in French of what runs in a site, its size, and where clients are sent?

The shapes of what starts, stops, resizes and shifts record in English; rulings.py retells by them, as deeds.py says.
"""

from __future__ import annotations

_ITEM = r"[\w./:-]+"
_LIVES = {"app": "l'application", "machine": "la machine", "server": "le serveur"}
_VERBS = {"start": "démarrer", "stop": "arrêter"}
_SHARES = rf"{_ITEM} \d+ %(?:, {_ITEM} \d+ %)*"

SITE_DEEDS: tuple[tuple[str, str], ...] = (
    # -- what will be done
    *(
        (rf"^{verb} {what} (?P<name>{_ITEM})$", f"{french_verb} {french} {{name}}")
        for verb, french_verb in _VERBS.items()
        for what, french in _LIVES.items()
    ),
    (
        rf"^resize the plan of app (?P<name>{_ITEM}) to (?P<size>{_ITEM})$",
        "porter le plan de l'application {name} à {size}",
    ),
    *(
        (rf"^resize {what} (?P<name>{_ITEM}) to (?P<size>{_ITEM})$", f"porter {french} {{name}} à {{size}}")
        for what, french in _LIVES.items()
    ),
    (rf"^send clients of profile (?P<name>{_ITEM}) to nobody$", "n'envoyer nulle part les clients du profil {name}"),
    (
        rf"^send clients of profile (?P<name>{_ITEM}) to (?P<shares>{_SHARES})$",
        "envoyer les clients du profil {name} vers {shares}",
    ),
    (r"^(?P<rest>(?:start|stop|resize|send) .+) may begin$", "{rest} : rien ne s'y oppose"),
    # -- what was seen of it
    (rf"^(?P<name>{_ITEM}) is (?P<state>Running|Stopped)$", "{name} est « {state} »"),
    (
        rf"^plan (?P<name>{_ITEM}) is (?P<size>{_ITEM}), (?P<state>\w+), (?P<there>\d+) of (?P<all>\d+) instances there$",  # noqa: E501
        "le plan {name} est de taille {size}, « {state} », instances présentes : {there} sur {all}",
    ),
    (
        rf"^machine (?P<name>{_ITEM}) is (?P<size>\w+), (?P<state>\w+)$",
        "la machine {name} est de taille {size}, « {state} »",
    ),
    (rf"^profile (?P<name>{_ITEM}) sends clients to nobody$", "le profil {name} n'envoie les clients nulle part"),
    (
        rf"^profile (?P<name>{_ITEM}) sends clients to (?P<shares>{_SHARES})$",
        "le profil {name} envoie les clients vers {shares}",
    ),
)
