"""From a generated message to Microsoft Graph: it must arrive as it would by SMTP, in every form that it can take.

What the client makes is read by the sandbox's own Graph, without HTTP in between.
"""

from __future__ import annotations

import json
import random
import re

from mailadmin.conf import ConfigurationError
from mailadmin.core.clouds import CLOUDS
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.settings import EntraApp, OAuthRoute, RouteKey, RouteKind, SenderPolicy, SenderRules
from mailadmin.delivery.convert import convert, dress
from mailadmin.sandbox import mime
from mailadmin.sandbox.json_message import read_file, read_send_mail
from mailadmin.sandbox.refusal import Refused
from mailadmin.transports.base import Mail
from mailadmin.transports.graph.json_form import file_attachment
from mailadmin.transports.graph.mime import encoded, graph_content
from mailadmin.transports.graph.parts import Attachment, CannotTravelError
from mailadmin.transports.graph.plan import DraftPlan, JsonPlan, MimePlan, Plan, plan_for
from mailadmin.transports.graph.transport import refuse_unfit
from tests.conformance.meaning import Meaning, difference, meaning
from tests.conformance.ways import furthest_apart

from . import messages
from .case import Case
from .checks import Violation, well_formed

_MAILBOX = "robot@example.org"
_APP = EntraApp("1", "Fuzz", CLOUDS["global"], "tenant", "client")
_ADDRESS = re.compile(" at 0x[0-9a-f]+")  # of an object in memory, which changes from run to run


def feed(case: Case) -> None:
    """Build messages until one can go to Graph, and let it go."""
    route = _route(case.rng)
    while True:
        message = messages.message(case.rng)
        case.fed = [_ADDRESS.sub("", repr(vars(message))).encode("utf-8", "backslashreplace")]
        try:
            draft = convert(message)
            mail = dress(draft, route, draft.addresses).mail
            refuse_unfit(mail)
            plan = _plan(case.rng, mail, route)
        except (BadMessage, ConfigurationError):
            case.tally["refused"] += 1
        except MailError as error:
            well_formed(error)
            case.tally[f"not for Graph: {error.fault.kind}"] += 1
        else:
            case.replies += 1
            case.tally[_judged(mail, plan)] += 1
            return


def _route(rng: random.Random) -> OAuthRoute:
    """Return an OAuth service; its sender is the mailbox, as the form has it, or whatever the message says."""
    rules = SenderRules(
        address=_MAILBOX,
        policy=rng.choice((SenderPolicy.FORCE, SenderPolicy.KEEP)),
        subject_prefix=rng.choice(("", "", "[Test] ", "Größe " * 30)),
    )
    return OAuthRoute(
        RouteKey(RouteKind.OAUTH, "fuzz"),
        "Fuzz",
        sender=rules,
        app=_APP,
        identity=_MAILBOX,
        large_messages=True,
        save_to_sent=rng.random() < 0.3,
    )


def _plan(rng: random.Random, mail: Mail, route: OAuthRoute) -> Plan:
    """Return how the message goes: as the service says, or with every file by itself. Raises MailError."""
    if rng.random() < 0.5:
        try:
            apart = furthest_apart(graph_content(mail))
            return DraftPlan(encoded(bytes(apart.rest)), apart.attachments)
        except CannotTravelError:
            pass  # it goes in one request
    return plan_for(mail, route)


def _judged(mail: Mail, plan: Plan) -> str:
    """Check what arrives, and return a word for the statistics."""
    try:
        raw = _arrived(plan)
        recipients = mime.envelope(raw).recipients
    except Refused as refused:
        raise Violation(f"The {type(plan).__name__} is refused: {refused}") from None
    if {one.lower() for one in recipients} != {one.lower() for one in mail.recipients}:
        raise Violation(f"It is for {recipients}, not for {mail.recipients}.")
    delivered = mime.without_bcc(raw)
    if isinstance(plan, MimePlan):
        if delivered != bytes(mail.content):
            raise Violation("Other bytes arrived.")
        return "by MIME"
    files = plan.attachments if isinstance(plan, DraftPlan) else ()
    if wrong := _difference(bytes(mail.content), delivered, files, in_json=isinstance(plan, JsonPlan)):
        raise Violation(wrong)
    return f"by upload of {len(files)}" if files else "by JSON"


def _arrived(plan: Plan) -> bytes:
    """Return the message that the sandbox makes of `plan`. Raises Refused."""
    if isinstance(plan, MimePlan):
        return mime.from_base64(plan.body)
    if isinstance(plan, JsonPlan):
        raw, files, _ = read_send_mail(plan.body, _MAILBOX)
    else:
        raw = mime.from_base64(plan.mime)
        files = [read_file(json.loads(json.dumps(file_attachment(file)))) for file in plan.attachments]
    return mime.put_together(raw, files)


def _difference(sent: bytes, arrived: bytes, files: tuple[Attachment, ...], *, in_json: bool) -> str:
    """Say what differs but for what the client tells of; Date is Exchange's own in JSON."""
    changed = {file.name for file in files if file.changed}

    def read(raw: bytes) -> Meaning:
        return meaning(raw, with_date=not in_json, changed=changed)

    return difference(read(sent), read(arrived))
