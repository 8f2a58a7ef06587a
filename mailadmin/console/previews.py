"""What a message would be that somebody is about to send: built and dressed for its first route, and nothing sent."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.mail import EmailMessage

from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import MailError
from mailadmin.core.settings import RouteKey
from mailadmin.delivery import routes
from mailadmin.delivery.convert import convert, dress
from mailadmin.delivery.explain import Answer, Question, explain

from .arrived import Arrived, read


@dataclass(frozen=True)
class Preview:
    """A message as it would leave: by `route` ("" when no route would take it now), from `sender` and for `recipients`
    (the envelope), with what a reader finds in it and its size in bytes. `answer` says which routes would carry it."""

    route: str
    sender: str
    recipients: tuple[str, ...]
    arrived: Arrived
    size: int
    answer: Answer


def preview(message: EmailMessage, route: RouteKey | None, label: str, *, queued: bool) -> Preview:
    """Return what `message` would be. Raises BadMessage when it cannot be built, and MailError when the settings cannot
    be read."""
    built = convert(message)
    question = Question(
        sender=str(message.from_email or ""),
        recipients=built.addresses,
        size=built.content.size,
        label=label,
        queued=queued,
        route=route,
    )
    answer = explain(question)
    first = next((line.key for line in answer.lines if line.place), None)
    chosen = next((one for one in routes.current().routes if one.key == first), None)
    name, sender, content = "", built.envelope, built.content
    if chosen:
        try:
            mail = dress(built, chosen, built.addresses).mail
        except (MailError, ConfigurationError):
            pass  # what is wrong stands in the answer
        else:
            name, sender, content = chosen.name, mail.sender, mail.content
    return Preview(name, sender, built.addresses, read(bytes(content)), content.size, answer)
