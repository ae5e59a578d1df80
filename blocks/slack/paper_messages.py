"""Every sentence on the paper runbook, in every language.

The rule is that of messages.py, whose catalogue this is a part of.
"""

from __future__ import annotations

from collections.abc import Mapping

from blocks.slack.text import Text

PAPER_TEXTS: Mapping[str, Text] = {
    "paper.title": Text("{action} of {platform}, by hand", "{action} de {platform}, à la main"),
    "paper.made": Text("Made on {moment} from plan {digest}.", "Établi le {moment} d'après le plan {digest}."),
    "paper.rule": Text(
        "For the night when Prefect is down. One person types, another reads along. Go on to the next step only when "
        "what must be seen is seen; write down who and when.",
        "Pour la nuit où Prefect est en panne. L'un tape, l'autre relit. Passer à l'étape suivante seulement quand ce "
        "qui doit être vu est vu ; noter qui et quand.",
    ),
    "paper.afterwards": Text(
        "When vigie is back: enter this move in the journal before anything else is started, and keep this page.",
        "Quand vigie est revenu : saisir ce déplacement au journal avant de lancer quoi que ce soit ; garder la page.",
    ),
    "paper.when_back": Text("When the old site answers again", "Quand l'ancien site répond de nouveau"),
    "paper.known": Text("What must be known", "Ce qu'il faut savoir"),
    "paper.candidate": Text("takes over: {name}", "prend le relais : {name}"),
    "paper.bound": Text("{name}: at most {most} {unit}", "{name} : au plus {most} {unit}"),
    "paper.secrets": Text("Secrets that are needed", "Secrets nécessaires"),
    "paper.secrets_why": Text(
        "None is written here. Take each from the vault under the block's name and put it into the variable.",
        "Aucun n'est écrit ici. Prendre chacun au coffre, sous le nom du bloc, et le mettre dans la variable.",
    ),
    "paper.logins": Text("Log in first", "Se connecter d'abord"),
    "paper.column.variable": Text("Variable", "Variable"),
    "paper.column.what": Text("What", "Quoi"),
    "paper.column.block": Text("Block", "Bloc"),
    "paper.secret.token": Text(
        "operator's token of the database host's door", "jeton d'opérateur de la porte de l'hôte de base"
    ),
    "paper.secret.password": Text(
        "password of the database's operator; the user's name in the variable that ends in _USER",
        "mot de passe de l'opérateur de la base ; son nom dans la variable qui finit par _USER",
    ),
    "paper.secret.key_file": Text(
        "path of a file with the TSIG key, as nsupdate reads it", "chemin d'un fichier avec la clé TSIG, pour nsupdate"
    ),
    "paper.secret.headers": Text(
        "path of a file with its secret headers, one a line",
        "chemin d'un fichier avec ses en-têtes secrets, un par ligne",
    ),
    "paper.secret.login": Text("operator's login at the provider", "identifiants d'opérateur chez le fournisseur"),
    "paper.together": Text(
        "These may be done side by side; all before the next.",
        "À faire en parallèle si possible ; toutes avant la suite.",
    ),
    "paper.look": Text("Then look:", "Puis regarder :"),
    "paper.sign": Text("done at ____ : ____ by ______________", "faite à ____ h ____ par ______________"),
    "paper.note.revoke": Text(
        "It must say RoleAssignmentNotFound. Keep the file: the way back needs it. What it opened may stay open for "
        "some minutes.",
        "Il faut lire RoleAssignmentNotFound. Garder le fichier : le retour en a besoin. Ce qu'il ouvrait peut rester "
        "ouvert quelques minutes.",
    ),
    "paper.note.grant": Text(
        "Only where it was taken away. Where {file} has a condition, write it with its version into the properties "
        "too: without it more is given than there was.",
        "Seulement s'il a été retiré. Si {file} contient une condition, l'écrire aussi dans les propriétés, avec sa "
        "version : sans elle, on donne plus qu'avant.",
    ),
    "paper.note.fence": Text(
        "It must say fenced, and nothing may grow any more. Without an answer it is not fenced: say so aloud, and "
        "switch its machine off.",
        "Il doit répondre « fenced », et plus rien ne doit avancer. Sans réponse la base n'est pas isolée : le dire, "
        "et éteindre sa machine.",
    ),
    "paper.note.release": Text(
        "Only for the server that stays the primary. The door refuses when the other one has taken over.",
        "Seulement pour le serveur qui reste l'original. La porte refuse si l'autre a pris le relais.",
    ),
    "paper.note.follow": Text(
        "The door refuses a rewind that would destroy rows that were not counted and saved.",
        "La porte refuse de revenir en arrière tant que les lignes en trop ne sont pas comptées et conservées.",
    ),
    "paper.note.save": Text(
        "Put the timeline and the position at which the promoted server began into the two variables. Nothing is "
        "thrown away before this is done.",
        "Mettre dans les deux variables la chronologie et la position où le serveur promu a commencé. Avant cela, "
        "ne rien jeter.",
    ),
    "paper.note.promote": Text(
        "It is closed first, so that clients only read until the data is verified. It must answer f (no longer a "
        "standby), on a higher timeline than before.",
        "Il est d'abord fermé aux écritures : les clients ne font que lire jusqu'à la vérification. Il doit répondre f "
        "(plus une copie), sur une chronologie plus haute qu'avant.",
    ),
    "paper.note.restore": Text(
        "Put the last moment at which the data was right into MOMENT, with its time zone; a moment on this page is "
        "an example. Ask for the order until it is done: its answer names the folder and counts its rows; nothing is "
        "touched by it.",
        "Mettre dans MOMENT le dernier instant où les données étaient justes, avec son fuseau ; celui de cette page "
        "est un exemple. Redemander jusqu'à « done » : la réponse nomme le dossier et compte ses lignes ; rien n'est "
        "touché.",
    ),
    "paper.note.adopt": Text(
        "Put the folder that was answered into FOLDER. The host refuses while the other server takes writes. "
        "Afterwards it must say closed, on a higher timeline; what was there stays beside it until somebody deletes "
        "it.",
        "Mettre dans FOLDER le dossier de la réponse. L'hôte refuse tant que l'autre serveur accepte des écritures. "
        "Ensuite il doit dire « closed », sur une chronologie plus haute ; ce qui était là reste à côté.",
    ),
    "paper.note.open": Text(
        "Only once the data is verified: from here on clients write. It must answer off.",
        "Seulement une fois les données vérifiées : à partir d'ici les clients écrivent. Il doit répondre off.",
    ),
    "paper.note.drain": Text(
        "Go on when 0 bytes are behind: until then the other side does not have everything.",
        "Continuer quand le retard est de 0 octet : avant, l'autre côté n'a pas tout.",
    ),
    "paper.note.stand_alone": Text(
        "The setting must be empty: otherwise the first commit waits for ever.",
        "Le réglage doit être vide : sinon la première écriture attend sans fin.",
    ),
    "paper.note.protect": Text(
        "Put the standby's name from the first answer into STANDBY; it must then be sync. Not before it streams.",
        "Mettre dans STANDBY le nom lu d'abord ; il doit ensuite être « sync ». Pas avant qu'il suive.",
    ),
    "paper.note.protect_while_followed": Text(
        "Put the standby's name from the first answer into STANDBY; it must then be sync. Where it is gone for five "
        "seconds, the host lets commits go on without it, and makes them wait again once it has caught up.",
        "Mettre dans STANDBY le nom lu d'abord ; il doit ensuite être « sync ». S'il disparaît cinq secondes, l'hôte "
        "laisse passer les écritures sans lui, puis les fait attendre de nouveau quand il a tout rattrapé.",
    ),
    "paper.note.verify_data": Text(
        "Counts close to those last known, recent moments, and no row from the other questions. Otherwise stop here: "
        "clients do not return.",
        "Des comptes proches des derniers connus, des dates récentes, aucune ligne aux autres questions. Sinon "
        "s'arrêter : les clients ne reviennent pas.",
    ),
    "paper.note.name": Text(
        "Refused with YXRRSET or NXRRSET: somebody changed it meanwhile; look before anything else.",
        "Refusé avec YXRRSET ou NXRRSET : quelqu'un l'a changé entre-temps ; regarder d'abord.",
    ),
    "paper.note.close": Text(
        "Nobody is sent anywhere, until the data is verified and traffic is shifted.",
        "Plus personne n'est envoyé nulle part, jusqu'à ce que les données soient vérifiées et le trafic détourné.",
    ),
    "paper.note.weight": Text(
        "Clients follow within the profile's time to live.", "Les clients suivent dans le délai du profil (TTL)."
    ),
    "paper.note.proof": Text(
        "200, or the database's clock, in good time. Otherwise it is not done.",
        "200, ou l'heure de la base, sans attendre. Sinon ce n'est pas fini.",
    ),
    "paper.note.watch": Text(
        "Ask the site itself, not the shared name (curl --connect-to), and go on only within the numbers above.",
        "Interroger le site lui-même, pas le nom commun (curl --connect-to), et ne continuer que dans ces limites.",
    ),
    "paper.note.proof_by_eye": Text("Look at {check} by hand.", "Regarder {check} à la main."),
    "paper.note.call": Text("It must answer {status}.", "La réponse doit être {status}."),
    "paper.note.deployment": Text(
        "{name} is a deployment of Prefect, which is down: do what it does by hand, or note it for later.",
        "{name} est un déploiement de Prefect, en panne : le faire à la main, ou le noter pour plus tard.",
    ),
    "paper.note.ask": Text("Ask, and write down the answer: {text}", "Demander, et noter la réponse : {text}"),
    "paper.note.no_tool.stop": Text(
        "No command is known for {kind}: stop {name} where it runs.",
        "Pas de commande connue pour {kind} : arrêter {name} là où il tourne.",
    ),
    "paper.note.no_tool.start": Text(
        "No command is known for {kind}: start {name} where it runs.",
        "Pas de commande connue pour {kind} : démarrer {name} là où il tourne.",
    ),
    "paper.note.no_tool.recycle": Text(
        "No command is known for {kind}: restart {name} where it runs.",
        "Pas de commande connue pour {kind} : redémarrer {name} là où il tourne.",
    ),
    "paper.note.no_tool.resize": Text(
        "No command is known for {kind}: give {name} the size of an active site.",
        "Pas de commande connue pour {kind} : donner à {name} la taille d'un site actif.",
    ),
}
