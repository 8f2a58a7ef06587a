"""Send a message from the shell: by options, from standard input, or as a whole, as `sendmail -t` does."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailadmin.conf import ConfigurationError
from mailadmin.core.errors import BadMessage, DeliveryUnsure, MailError, SendingHeld
from mailadmin.core.outcome import DeliveryState, RecipientState, SendResult
from mailadmin.delivery import routes
from mailadmin.delivery.compose import default_recipients, send_made
from mailadmin.delivery.convert import convert
from mailadmin.delivery.explain import Question, explain
from mailadmin.delivery.message import Message
from mailadmin.delivery.options import QUEUED, SendOptions, options_for, route_for
from mailadmin.management.message_arguments import add_arguments, bad_message, message_of

from .mailadmin_why import as_json, as_text

NOT_SENT, UNSURE, PARTLY, HELD = 1, 3, 4, 5  # 2 is a bad message
# Of results that are told without an error: by the last resort, or of an earlier message with the same key.
_CODES = {
    DeliveryState.FAILED: NOT_SENT,
    DeliveryState.PARTLY: PARTLY,
    DeliveryState.UNSURE: UNSURE,
    DeliveryState.INTERRUPTED: UNSURE,
}
Failure = MailError | ConfigurationError | OSError


class Command(BaseCommand):
    """Exit codes: 0 sent or queued, 1 not sent, 2 a wrong option or a message that cannot be sent as it is (nothing was
    tried), 3 nobody knows whether it was delivered, 4 some recipients were refused, 5 all mail is held."""

    help = (
        "Send a message, or queue it. Exit code 0 when it was sent or queued, 1 when it was not sent, 2 for a wrong "
        "option or a message that cannot be sent as it is, 3 when nobody knows whether it was delivered (do not send "
        "it again unseen), 4 when some recipients were refused, 5 when all mail is held."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the message."""
        add_arguments(parser)
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON, also when it was not sent")
        parser.add_argument("--dry-run", action="store_true", help="check it and tell what would happen; send nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send it, and print what became of it. Raises CommandError with the exit code for what was not sent."""
        message = message_of(options)
        try:
            if options["dry_run"]:
                self._tell_plan(message, options["json"])
                return
            result = send_made(message)
        except BadMessage as error:
            raise bad_message(error) from None
        except (MailError, ConfigurationError, OSError) as error:  # OSError: that of the last resort
            self._tell_failure(message, error, options["json"])
            return
        self.stdout.write(_as_json(result) if options["json"] else _as_text(result))
        if code := _CODES.get(result.state):
            raise SystemExit(code)

    def _tell_failure(self, message: Message, error: Failure, as_json: bool) -> None:
        code = HELD if isinstance(error, SendingHeld) else UNSURE if isinstance(error, DeliveryUnsure) else NOT_SENT
        if not as_json:
            raise CommandError(str(error), returncode=code)
        result: SendResult = getattr(message, "mailadmin", SendResult(DeliveryState.FAILED, reason=str(error)))
        self.stdout.write(_as_json(result, error))
        raise SystemExit(code)

    def _tell_plan(self, message: Message, wants_json: bool) -> None:
        """Print the envelope and what the delivery would do; exit code 1 when the message would not leave now."""
        snapshot = routes.current()
        options = route_for(message, options_for(message, SendOptions()), snapshot.named)
        if not message.recipients():
            message.to = list(default_recipients(options.route))
        draft = convert(message)
        question = Question(
            sender=draft.sender.full if draft.sender else "",
            recipients=draft.addresses,
            size=draft.content.size,
            label=draft.label,
            queued=options.delivery == QUEUED,
            route=options.route,
        )
        answer = explain(question)
        if wants_json:
            self.stdout.write(as_json(answer))
        else:
            recipients = ", ".join(f"{address.spec} ({field})" for address, field in draft.recipients)
            self.stdout.write(
                f"Recipients: {recipients or 'nobody'}\nSubject: {draft.subject}\nSize: {question.size} bytes"
            )
            self.stdout.write(as_text(answer))
        if not answer.leaves and not question.queued:
            raise SystemExit(NOT_SENT)


def _as_text(result: SendResult) -> str:
    """Return what became of a message in lines: the recipients that were refused have one each."""
    number = len(result.recipients)
    to = f" to {number} recipient{'' if number == 1 else 's'}" if number else ""
    way = f" by “{result.route}”" if result.route else ""
    again = " The key was given before, so no second message was made." if result.repeated else ""
    lines = [f"{result.state.label}{to}{way}.{again}"]
    lines += [f"{result.reason}"] if result.reason and result.state is not DeliveryState.SENT else []
    lines += [
        f"- {address}: {one.state.label}. {one.code} {one.reason}".rstrip()
        for address, one in result.recipients.items()
        if one.state is RecipientState.REFUSED
    ]
    lines += [f"In the log: {result.delivery_id}"] if result.delivery_id else []
    return "\n".join(lines)


def _as_json(result: SendResult, error: Failure | None = None) -> str:
    told: dict[str, Any] = {
        "state": str(result.state),
        "id": result.delivery_id,
        "message_id": result.message_id,
        "route": result.route,
        "reason": result.reason,
        "repeated": result.repeated,
        "recipients": [
            {"address": address, "state": str(one.state), "code": one.code, "reason": one.reason}
            for address, one in result.recipients.items()
        ],
    }
    if error:
        code = (
            error.code if isinstance(error, MailError) else "last-resort" if isinstance(error, OSError) else "settings"
        )
        told |= {"code": code, "error": str(error)}
    return json.dumps(told, indent=2, ensure_ascii=False)
