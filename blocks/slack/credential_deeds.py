"""What does a move say in French of the credentials that it takes from a site and gives back?

The shapes of what tasks/recovery/ and blocks/azure/rights.py record in English; rulings.py retells by them. A group
whose name begins with `rest` is a sentence itself.
"""

from __future__ import annotations

_N = r"[^\s:;,]+"
_OF = rf"credential (?P<name>{_N}) of (?P<site>{_N})"

CREDENTIALS: tuple[tuple[str, str], ...] = (
    (rf"^take {_OF} away$", "retirer le droit {name} de {site}"),
    (rf"^give {_OF} back$", "rendre le droit {name} à {site}"),
    (r"^(?P<rest>(?:take|give) credential .+) may begin$", "{rest} : rien ne s'y oppose"),
    (rf"^{_OF} is there$", "le droit {name} de {site} est en place"),
    (rf"^{_OF} is not there$", "le droit {name} de {site} n'est pas en place"),
    (
        rf"^{_OF} is of principal (?P<who>\S+) and role (?P<role>[0-9a-f-]+)$",
        "le droit {name} de {site} est celui de {who}, avec le rôle {role}",
    ),
    (
        rf"^nothing was taken of {_OF}, so nothing is given back$",
        "rien n'a été retiré du droit {name} de {site}, rien n'est donc rendu",
    ),
    (
        rf"^credential (?P<name>{_N}) is not what the plan says: (?P<rest>.+)$",
        "le droit {name} n'est pas celui du plan : {rest}",
    ),
    (
        r"^confirmed by its provider, in force within minutes$",
        "confirmé par son fournisseur, effectif en quelques minutes",
    ),
    (r"^the operator may not perform (?P<actions>.+) there$", "l'opérateur n'y a pas le droit de {actions}"),
)
