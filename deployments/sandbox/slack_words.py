"""What does Slack itself say to a person, in their language?

The app's own messages are shown as given; these are the words around them.
"""

from __future__ import annotations

from deployments.sandbox.slack_people import Person

_WORDS = {
    "you_are": ("You are", "Vous êtes"),
    "channels": ("Channels", "Canaux"),
    "directs": ("Direct messages", "Messages directs"),
    "apps": ("Apps", "Applications"),
    "home": ("Home", "Accueil"),
    "empty": ("Nothing has been said here yet.", "Rien n'a encore été dit ici."),
    "no_home": ("The app shows nothing here yet.", "L'application n'affiche rien ici pour l'instant."),
    "reply": ("reply", "réponse"),
    "replies": ("replies", "réponses"),
    "edited": ("(edited)", "(modifié)"),
    "only_you": ("Only visible to you", "Visible de vous seulement"),
    "write": ("Message, or /command", "Message, ou /commande"),
    "send": ("Send", "Envoyer"),
    "shortcuts": ("Shortcuts", "Raccourcis"),
    "close": ("Close", "Fermer"),
    "cancel": ("Cancel", "Annuler"),
    "submit": ("Submit", "Envoyer"),
    "choose": ("Choose an option", "Choisissez une option"),
    "search": ("Search", "Rechercher"),
    "more": ("More actions", "Plus d'actions"),
    "optional": ("(optional)", "(facultatif)"),
    "timeout": (
        "Operation timed out. Apps need to respond within 3 seconds.",
        "Délai dépassé. Les applications doivent répondre en 3 secondes.",
    ),
    "status": ("This app responded with Status Code {status}.", "L'application a répondu avec le code {status}."),
    "connection": ("This app could not be reached.", "L'application est injoignable."),
    "unset": (
        "This app is not configured to handle interactive responses.",
        "L'application n'est pas configurée pour répondre aux interactions.",
    ),
    "invalid": ("This app responded with something invalid.", "L'application a répondu quelque chose d'invalide."),
    "unreachable": ("Slack cannot be reached.", "Slack est injoignable."),
    "modal_trouble": (
        "We had some trouble connecting. Try again?",
        "Nous n'arrivons pas à nous connecter. Réessayer ?",
    ),
    "no_command": ("{command} is not a valid command.", "{command} n'est pas une commande valide."),
    "command_failed": (
        "{command} failed with the error “{error}”",
        "{command} a échoué avec l'erreur « {error} »",
    ),
    "required": ("Please complete this required field.", "Veuillez remplir ce champ obligatoire."),
    "too_short": ("Please write more.", "Veuillez écrire davantage."),
    "too_long": ("Please write less.", "Veuillez raccourcir."),
    "not_a_number": ("Please enter a number.", "Veuillez saisir un nombre."),
    "not_whole": ("Please enter a whole number.", "Veuillez saisir un nombre entier."),
    "out_of_bounds": ("This number is out of bounds.", "Ce nombre est hors limites."),
}
LANGUAGES = ("en", "fr")


def say(person: Person, key: str, **blanks: object) -> str:
    """The words of `key` in the person's language."""
    return _WORDS[key][LANGUAGES.index(person.language)].format(**blanks)
