"""Every sentence a person reads about runs and approvals: cards, buttons, modals, answers, in every language.

The rule is that of messages.py, whose catalogue this is a part of.
"""

from __future__ import annotations

from collections.abc import Mapping

from blocks.slack.text import Text

RUN_TEXTS: Mapping[str, Text] = {
    # -- what is done, by the flow's name; others are called by that name --------------------------
    "action.service-restart": Text("restart", "redémarrage"),
    "action.approval-drill": Text("approval drill", "exercice d'approbation"),
    "action.joint-failover": Text("failover of several", "bascule d'urgence groupée"),
    "action.rejoin": Text("return of the old site", "remise en ordre de l'ancien site"),
    "action.recovery-readiness": Text("look at the recovery plan", "examen du plan de reprise"),
    "action.health-sweep": Text("health sweep", "tournée de contrôle"),
    # -- where a question stands --------------------------------------------------------------------
    "standing.waiting": Text("To approve", "À approuver"),
    "standing.granted": Text("Approved", "Approuvé"),
    "standing.rejected": Text("Rejected", "Refusé"),
    "standing.expired": Text("Expired", "Expiré"),
    "standing.void": Text("Void", "Caduc"),
    "confirmed.waiting": Text("Is it done?", "Est-ce fait ?"),
    "confirmed.granted": Text("Done", "Fait"),
    "confirmed.rejected": Text("Not done", "Pas fait"),
    "confirmed.expired": Text("Nobody answered", "Sans réponse"),
    "confirmed.void": Text("No longer asked", "Plus demandé"),
    "run_state.asks": Text("waits for a person", "attend quelqu'un"),
    "run_state.running": Text("running", "en cours"),
    "run_state.waiting": Text("waits for approval", "attend l'approbation"),
    "run_state.failed": Text("failed", "échec"),
    "run_state.cancelled": Text("cancelled", "annulé"),
    "run_state.parked": Text("stopped safely", "arrêté sans risque"),
    "run_state.rejected": Text("rejected", "refusé"),
    "run_state.expired": Text("expired: nobody decided in time", "expiré : personne n'a décidé à temps"),
    "run_state.void": Text("void: the plan kept changing", "caduc : le plan a trop changé"),
    "run_state.done": Text("done", "terminé"),
    "choice.approve": Text("approves", "approuve"),
    "choice.reject": Text("rejects", "refuse"),
    "choice.break_glass": Text("breaks the glass", "brise la glace"),
    "confirms.approve": Text("says that it is done", "dit que c'est fait"),
    "confirms.reject": Text("says no", "dit non"),
    "confirms.break_glass": Text("breaks the glass and says that it is done", "brise la glace et dit que c'est fait"),
    "door.slack": Text("Slack", "Slack"),
    "door.prefect": Text("the Prefect UI", "l'interface Prefect"),
    "door.terminal": Text("the terminal", "le terminal"),
    # -- the evidence card ----------------------------------------------------------------------------
    "card.lead": Text("{standing} · {action} · {about}", "{standing} · {action} · {about}"),
    "card.headline": Text("{lead}: {why}", "{lead} : {why}"),
    "card.facts": Text("{lead} ({facts})", "{lead} ({facts})"),
    "card.cost": Text("cost {cost}", "coût {cost}"),
    "card.no_cost": Text("no cost", "sans coût"),
    "card.wrong_count": Text(
        ("{count} known fault", "{count} known faults"), ("{count} défaut connu", "{count} défauts connus")
    ),
    "card.wrong_none": Text("no known fault", "aucun défaut connu"),
    "card.drill": Text(
        "🧪 *This is a drill.* Only an isolated copy is changed; clients, traffic and the servers that serve are not "
        "touched.",
        "🧪 *Ceci est un exercice.* Seule une copie isolée est modifiée ; clients, trafic et serveurs en service "
        "restent intacts.",
    ),
    "card.game_day": Text(
        "🧪 *This is a drill: game day.* Answer as you would for the real failover. Only an isolated copy is changed; "
        "clients, traffic and the servers that serve are not touched.",
        "🧪 *Ceci est un exercice grandeur nature.* Répondez comme pour la vraie bascule d'urgence. Seule une copie "
        "isolée est modifiée ; clients, trafic et serveurs en service restent intacts.",
    ),
    "card.why": Text("*Why* {reason}", "*Pourquoi* {reason}"),
    "card.asks": Text("*In the middle of it* {question}", "*En cours de route* {question}"),
    "card.confirm": Text(
        "“Done” lets it go on; “no” or no answer stops it safely before the next step, and nothing is undone.",
        "« C'est fait » laisse continuer ; « non » ou pas de réponse arrête sans risque avant l'étape suivante, "
        "et rien n'est défait.",
    ),
    "card.expected": Text("*Expected* {facts}", "*Prévu* {facts}"),
    "card.wrong": Text("*Known to be wrong now* {sentences}", "*En défaut en ce moment* {sentences}"),
    "card.nothing_wrong": Text("*Known to be wrong now* nothing", "*En défaut en ce moment* rien"),
    "card.differences": Text("*Changed since the question before*", "*Ce qui a changé depuis la question précédente*"),
    "card.steps": Text(("*{count} step*", "*{count} steps*"), ("*{count} étape*", "*{count} étapes*")),
    "card.more": Text(("… and {count} more", "… and {count} more"), ("… et {count} autre", "… et {count} autres")),
    "card.bounds": Text("*Bounds*", "*Limites*"),
    "card.bound": Text("{name}: at most {most}, now {measured}", "{name} : au plus {most}, mesuré {measured}"),
    "card.guards": Text("*Guards*", "*Conditions*"),
    "card.guard": Text("{name}: {text}", "{name} : {text}"),
    "card.role": Text("{site} becomes {role}", "{site} devient {role}"),
    "card.candidate": Text("*Takes over* {candidate}", "*Prend le relais* {candidate}"),
    "card.roles": Text("*Roles after it* {roles}", "*Rôles ensuite* {roles}"),
    "card.coverage": Text("*Fenced* {coverage}", "*Isolé* {coverage}"),
    "card.when_back": Text(
        "*When the old site answers again*, by itself: {steps}",
        "*Quand l'ancien site répondra*, automatiquement : {steps}",
    ),
    "card.goes_back": Text(
        "*Afterwards* commit it within {span}; if nobody does, it goes back by itself, while that loses nothing",
        "*Ensuite* à valider sous {span} ; sans validation, retour automatique, tant que rien ne s'y perd",
    ),
    "card.stays": Text(
        "*Afterwards* commit it within {span}; it does not go back by itself",
        "*Ensuite* à valider sous {span} ; pas de retour automatique",
    ),
    "card.asked": Text("*Asked by* {who} on {moment}", "*Demandé par* {who} le {moment}"),
    "card.may_decide": Text(
        ("*Who may decide* {names} ({count} yes needed)", "*Who may decide* {names} ({count} yes needed)"),
        ("*Qui peut décider* {names} ({count} oui nécessaire)", "*Qui peut décider* {names} ({count} oui nécessaires)"),
    ),
    "card.one_more": Text(
        "One yes more than usual: nobody knows who asked.",
        "Un oui de plus que d'habitude : on ne sait pas qui a demandé.",
    ),
    "who.schedule": Text("vigie, by itself", "vigie, automatiquement"),
    "who.unknown": Text("somebody in the Prefect UI", "quelqu'un dans l'interface Prefect"),
    "card.until": Text("*Until* {moment}", "*Jusqu'au* {moment}"),
    "card.needs_code": Text("An approval asks for the one-time code.", "Approuver demande le code à usage unique."),
    "card.needs_typed": Text("An approval asks to type {word}.", "Approuver demande de taper {word}."),
    "card.escalated": Text("*Asked besides since* {time}: {names}", "*Sollicités aussi depuis* {time} : {names}"),
    "card.decision": Text("*{time}* {who} {choice} through {door}", "*{time}* {who} {choice} via {door}"),
    "card.because": Text("{decision}: {reason}", "{decision} : {reason}"),
    "card.settled": Text("*{standing}* on {moment}", "*{standing}* le {moment}"),
    "card.settled_why": Text("*{standing}* on {moment}: {reason}", "*{standing}* le {moment} : {reason}"),
    "card.too_late": Text("*Expired* on {moment}: ask again", "*Expiré* le {moment} : redemander"),
    "card.run_left": Text(
        "*Nobody needs to answer*: the run stands at “{state}”",
        "*Personne n'a à répondre* : l'exécution en est à « {state} »",
    ),
    "card.question": Text("*{time}* {who} asks: {text}", "*{time}* {who} demande : {text}"),
    "card.number": Text("question {number}", "question n° {number}"),
    "card.together": Text("*Together, on this one yes* {names}", "*Ensemble, sur ce seul oui* {names}"),
    "card.not_going": Text("*Not on this card*", "*Ne font pas partie de cette carte*"),
    "card.part": Text(
        "*{platform}* · {action} to {candidate} ({span})", "*{platform}* · {action} vers {candidate} ({span})"
    ),
    "card.plan": Text("plan {digest}", "plan {digest}"),
    # -- progress -----------------------------------------------------------------------------------
    "progress.headline": Text("{action} · {about}: {state}", "{action} · {about} : {state}"),
    "progress.count": Text(
        ("{count} of {all} steps done", "{count} of {all} steps done"),
        ("{count} étape terminée sur {all}", "{count} étapes terminées sur {all}"),
    ),
    "progress.none": Text("no step begun yet", "aucune étape commencée"),
    "progress.together": Text(
        ("{count} platform, with a message of its own", "{count} platforms, each with a message of its own"),
        ("{count} plateforme, avec son propre message", "{count} plateformes, chacune avec son propre message"),
    ),
    "progress.asked": Text("*Asked by* {who} on {moment}", "*Demandé par* {who} le {moment}"),
    "progress.done": Text("✅ *{time}* {text} ({span})", "✅ *{time}* {text} ({span})"),
    "progress.done_by_hand": Text("✅ *{time}* {text} (by hand: {who})", "✅ *{time}* {text} (à la main : {who})"),
    "progress.now": Text("▶️ *{time}* {text}", "▶️ *{time}* {text}"),
    "progress.next": Text("▫️ {text}", "▫️ {text}"),
    "progress.before": Text(("… {count} before", "… {count} before"), ("… {count} avant", "… {count} avant")),
    "progress.why": Text("*Why* {reason}", "*Pourquoi* {reason}"),
    "progress.result": Text("*Result* {reason}", "*Résultat* {reason}"),
    "progress.stopping": Text(
        "*Stops safely* after this step: asked by {who}", "*S'arrête sans risque* après cette étape : demandé par {who}"
    ),
    "progress.commit_until": Text("*To commit until* {moment}", "*À valider avant* le {moment}"),
    "progress.resumed": Text(
        ("Went on by itself {count} time", "Went on by itself {count} times"),
        ("Reparti de lui-même {count} fois", "Reparti de lui-même {count} fois"),
    ),
    "progress.took": Text("*From* {begin} *to* {end} ({span})", "*De* {begin} *à* {end} ({span})"),
    # -- calls to a pager -----------------------------------------------------------------------------
    "call.escalation": Text(
        "{about}: nobody has decided about {action} yet",
        "{about} : personne n'a encore décidé pour {action}",
    ),
    "call.page": Text("{about}: {action} needs a person", "{about} : {action} attend quelqu'un"),
    # -- buttons --------------------------------------------------------------------------------------
    "button.approve": Text("Approve", "Approuver"),
    "button.reject": Text("Reject", "Refuser"),
    "button.done": Text("It is done", "C'est fait"),
    "button.not_done": Text("No, stop here", "Non, arrêter ici"),
    "button.ask": Text("Ask", "Demander"),
    "button.break_glass": Text("Break the glass…", "Briser la glace…"),
    "button.commit": Text("Commit the move", "Valider la bascule"),
    "button.stop": Text("Stop safely", "Arrêter sans risque"),
    "button.retry": Text("Retry", "Réessayer"),
    "button.continue": Text("Continue", "Continuer"),
    "button.link": Text("Link my account", "Relier mon compte"),
    "button.run": Text("Open the run", "Ouvrir l'exécution"),
    "button.cancel": Text("Cancel", "Annuler"),
    "button.send": Text("Send", "Envoyer"),
    "button.next": Text("Next", "Suivant"),
    "button.start": Text("Start", "Lancer"),
    "confirm.approve": Text("Approve: {action} · {about}?", "Approuver : {action} · {about} ?"),
    "confirm.done": Text(
        "It is done, and this goes on: {action} · {about}?",
        "C'est fait, et la suite peut continuer : {action} · {about} ?",
    ),
    "confirm.commit": Text(
        "The platform stays where it is; it does not go back by itself any more.",
        "La plateforme reste où elle est ; plus de retour automatique.",
    ),
    "confirm.stop": Text(
        "The step at work is finished, then the run is parked.",
        "L'étape en cours se termine, puis l'exécution s'arrête.",
    ),
    "confirm.continue": Text(
        "What is done stays done; the rest is carried out.", "Ce qui est fait reste fait ; la suite est exécutée."
    ),
    "confirm.title": Text("Sure?", "Vraiment ?"),
    # -- modals ---------------------------------------------------------------------------------------
    "modal.approve": Text("Approve", "Approuver"),
    "modal.reject": Text("Reject", "Refuser"),
    "modal.break_glass": Text("Break the glass", "Briser la glace"),
    "modal.ask": Text("Ask a question", "Poser une question"),
    "modal.link": Text("Who are you?", "Qui êtes-vous ?"),
    "modal.choose": Text("What is to be done?", "Que faut-il faire ?"),
    "modal.parameters": Text("With what?", "Avec quoi ?"),
    "field.reason": Text("Reason", "Motif"),
    "field.reason_glass": Text(
        "Why it cannot wait (reviewed tomorrow)", "Pourquoi cela ne peut pas attendre (relu demain)"
    ),
    "field.typed": Text("Type {word} to confirm", "Taper {word} pour confirmer"),
    "field.code": Text("One-time code", "Code à usage unique"),
    "field.code_hint": Text("Six digits, from your phone.", "Six chiffres, depuis votre téléphone."),
    "field.question": Text("Your question", "Votre question"),
    "field.name": Text("Your name as approver", "Votre nom d'approbateur"),
    "field.name_hint": Text(
        "As in approvals.yaml, such as duty-operator.", "Comme dans approvals.yaml, par exemple duty-operator."
    ),
    "field.parameter.platform": Text("Platform", "Plateforme"),
    "field.parameter.others": Text("Other platforms", "Autres plateformes"),
    "field.parameter.service": Text("Service", "Service"),
    "field.parameter.reason": Text("Reason", "Motif"),
    "field.parameter.accept_rows": Text("Rows that may be lost", "Lignes qui peuvent être perdues"),
    "field.parameter.accept_time": Text("Time that may be lost", "Durée qui peut être perdue"),
    "field.action": Text("Action", "Action"),
    "field.yes": Text("Yes", "Oui"),
    # -- the Prefect UI's form ------------------------------------------------------------------------
    "form.how": Text(
        "To answer: your name, the six digits that your phone shows now, your answer. Without name and code "
        "*Resume* decides nothing, and the run sleeps on.",
        "Pour répondre : votre nom, les six chiffres que montre votre téléphone, votre réponse. Sans nom ni code, "
        "*Resume* ne décide rien et l'exécution continue d'attendre.",
    ),
    "form.refused": Text("The last answer did not count: {why}", "La dernière réponse n'a pas compté : {why}"),
    "form.approver": Text("Approver", "Approbateur"),
    "form.approver_hint": Text("Your own name.", "Votre propre nom."),
    "form.code": Text("One-time code", "Code à usage unique"),
    "form.answer": Text("Answer", "Réponse"),
    "form.answer_hint": Text(
        "break_glass: when nobody else can be reached; it asks for a reason and is reviewed tomorrow.",
        "approve : approuver. reject : refuser. break_glass : briser la glace, quand personne n'est joignable ; "
        "il faut un motif, relu demain.",
    ),
    "form.confirm_hint": Text(
        "approve: it is done, go on. reject: no, stop here. break_glass: as approve, when nobody else can be reached; "
        "it asks for a reason and is reviewed tomorrow.",
        "approve : c'est fait, continuer. reject : non, arrêter ici. break_glass : comme approve, quand personne n'est "
        "joignable ; il faut un motif, relu demain.",
    ),
    "form.reason": Text("Reason", "Motif"),
    "form.reason_hint": Text(
        "Everybody reads it on the card; needed to break the glass.",
        "Tous le lisent sur la carte ; nécessaire pour briser la glace.",
    ),
    "form.confirmation": Text("Confirmation", "Mot de confirmation"),
    "form.no_word": Text("Leave empty.", "Laisser vide."),
    # -- answers to one person ------------------------------------------------------------------------
    "answer.link_first": Text(
        "I do not know whose Slack account this is, so nothing was done. Link it once: your approver's name and the "
        "one-time code of your phone. Who has no code yet runs `vigie approver enrol <name>`.",
        "Je ne sais pas à qui appartient ce compte Slack, rien n'a été fait. Reliez-le une fois : votre nom "
        "d'approbateur et le code à usage unique de votre téléphone. Sans code : `vigie approver enrol <nom>`.",
    ),
    "answer.linked": Text("Linked: you are {name} from now on.", "Relié : vous êtes désormais {name}."),
    "answer.refused": Text("Not done: {why}.", "Pas fait : {why}."),
    "answer.recorded": Text("Recorded: {what}.", "Enregistré : {what}."),
    "answer.failed": Text(
        "Something failed on our side, nothing was recorded: {why}",
        "Une panne de notre côté, rien n'est enregistré : {why}",
    ),
    "answer.started": Text("Started: {action}. {link}", "Lancé : {action}. {link}"),
    "answer.start_failed": Text("Not started: {why}", "Pas lancé : {why}"),
    "answer.stopping": Text("It stops after the step at work.", "Arrêt après l'étape en cours."),
    "answer.committed": Text("Committed: it stays there.", "Validé : elle reste là."),
    "answer.going_on": Text("It goes on.", "C'est reparti."),
    "answer.still_working": Text(
        "This takes longer than usual; the message will show what came of it.",
        "C'est plus long que d'habitude ; le message montrera le résultat.",
    ),
    "answer.nothing_startable": Text("There is nothing that can be started.", "Rien ne peut être lancé."),
    "answer.not_a_number": Text("not a number", "ce n'est pas un nombre"),
    "answer.needed": Text("needed", "à remplir"),
    # -- /vigie -----------------------------------------------------------------------------------------
    "command.help": Text(
        "`/vigie` starts something, with approval where it needs one\n`/vigie now` how every platform is\n"
        "`/vigie runs` what runs and waits\n`/vigie link` says who you are\n`/vigie help` this",
        "`/vigie` lance une action, avec approbation s'il en faut une\n`/vigie now` l'état de chaque plateforme\n"
        "`/vigie runs` ce qui tourne et attend\n`/vigie link` dit qui vous êtes\n`/vigie help` cette aide",
    ),
    "command.no_runs": Text("Nothing runs, nothing waits.", "Rien ne tourne, rien n'attend."),
    "command.run": Text(
        "{action} · {about}: {state} since {moment}",
        "{action} · {about} : {state} depuis le {moment}",
    ),
    "command.no_incident": Text("No open incident.", "Aucun incident ouvert."),
    "command.platform": Text("*{platform}* last swept on {moment}", "*{platform}* dernière tournée le {moment}"),
    "command.platform_never": Text("*{platform}* was never swept", "*{platform}* n'a jamais eu de tournée"),
    "command.incident": Text("{root} since {moment}: {sentence}", "{root} depuis le {moment} : {sentence}"),
}
