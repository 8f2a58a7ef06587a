"""The ways that a message can take: by SMTP, and by each form that Graph knows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from mailadmin.core.content import Content
from mailadmin.core.errors import MailError
from mailadmin.core.knowledge import explain
from mailadmin.core.settings import OAuthRoute, Route
from mailadmin.delivery.convert import Draft, dress
from mailadmin.net.policy import NetworkPolicy
from mailadmin.sandbox.server import Sandbox
from mailadmin.transports.base import Mail, Transport
from mailadmin.transports.graph.client import GraphClient
from mailadmin.transports.graph.draft import send_draft
from mailadmin.transports.graph.mime import encoded, graph_content
from mailadmin.transports.graph.parts import Apart, CannotTravelError, take_apart
from mailadmin.transports.graph.plan import DraftPlan, JsonPlan, Plan, plan_for
from mailadmin.transports.graph.transport import GraphTransport, refuse_unfit
from mailadmin.transports.smtp.transport import SmtpTransport
from tests.fakes.routes import oauth_route
from tests.fakes.sandbox import Memory, sandbox_app, sandbox_smtp

from .meaning import difference, meaning

SAME, REFUSED, ALTERED = "same", "refused", "altered"
_NO_FILES = "no files beside its text"
BY_MIME, BY_UPLOAD, IN_ONE = "by MIME", "by upload", "in one request only"


@dataclass(frozen=True)
class Outcome:
    """What became of one message by one way: one of the words above, and why."""

    word: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word} ({self.reason})" if self.reason else self.word


@dataclass
class Ways:
    """Sends by each way to a running sandbox with its inbox."""

    sandbox: Sandbox
    memory: Memory
    policy: NetworkPolicy = field(default_factory=NetworkPolicy)

    def smtp(self, draft: Draft) -> Outcome:
        """Send by SMTP."""
        route = sandbox_smtp(self.sandbox)
        return self._sent(draft, route, by(SmtpTransport(route, self.policy)))

    def mime(self, draft: Draft) -> Outcome:
        """Send by Graph as usual: in MIME form, or by upload where it is too large for that."""
        route = self._oauth(large_messages=True)
        outcome = self._sent(draft, route, by(GraphTransport(route, self.policy)))
        if outcome.word == SAME and isinstance(self._plan(draft, route), DraftPlan):
            return Outcome(BY_UPLOAD)
        return outcome

    def json(self, draft: Draft) -> Outcome:
        """Send by Graph, with no copy in Sent Items: in JSON form where that loses nothing. Date is Exchange's own."""
        route = self._oauth(large_messages=True, save_to_sent=False)
        outcome = self._sent(draft, route, by(GraphTransport(route, self.policy)), with_date=False)
        plan = self._plan(draft, route) if outcome.word == SAME else None
        if not plan or isinstance(plan, JsonPlan):
            return outcome
        reason = plan.remark.partition("because ")[2].partition(";")[0].partition(" (its type")[0]
        return Outcome(BY_UPLOAD) if isinstance(plan, DraftPlan) else Outcome(BY_MIME, reason)

    def upload(self, draft: Draft) -> Outcome:
        """Send by Graph as a draft, with as many files as possible added one by one."""
        route = self._oauth(large_messages=True)
        mail = dress(draft, route, draft.addresses).mail
        try:
            refuse_unfit(mail)
            apart = furthest_apart(graph_content(mail))
        except MailError as error:
            return _refused(error)
        except CannotTravelError as reason:
            return Outcome(IN_ONE, "" if _NO_FILES in str(reason) else str(reason))
        plan = DraftPlan(encoded(bytes(apart.rest)), apart.attachments)

        def send(mail: Mail) -> None:
            with closing(GraphClient(route, self.policy)) as client:
                send_draft(client, mail, plan)

        changed = {file.name: file.changed for file in apart.attachments if file.changed}
        outcome = self._sent(draft, route, send, changed=changed)
        return Outcome(SAME, ", ".join(changed.values())) if outcome.word == SAME else outcome

    def _oauth(self, **changes: object) -> OAuthRoute:
        return oauth_route(sandbox_app(self.sandbox), messages_per_minute=0, **changes)

    def _plan(self, draft: Draft, route: OAuthRoute) -> Plan:
        return plan_for(dress(draft, route, draft.addresses).mail, route)

    def _sent(
        self,
        draft: Draft,
        route: Route,
        send: Callable[[Mail], object],
        *,
        with_date: bool = True,
        changed: Collection[str] = (),
    ) -> Outcome:
        """Send, and compare what arrived with what was built, but for the names of `changed` files."""
        self.memory.kept.clear()
        try:
            send(dress(draft, route, draft.addresses).mail)
        except MailError as error:
            return _refused(error)
        (kept,) = self.memory.kept
        compared = partial(meaning, with_date=with_date, changed=changed)
        wrong = difference(compared(bytes(draft.content), draft.addresses), compared(kept.raw, kept.recipients))
        return Outcome(ALTERED, wrong) if wrong else Outcome(SAME)


def furthest_apart(content: Content) -> Apart:
    """Return `content` with every file taken out that can travel by itself. Raises CannotTravelError."""
    low, high, found = 0, content.size, None
    while high - low > 1:
        middle = (low + high) // 2
        try:
            found, high = take_apart(content, middle), middle
        except CannotTravelError as reason:
            low, why = middle, reason
    if found is None:
        raise why
    return found


def _refused(error: MailError) -> Outcome:
    return Outcome(REFUSED, explain(error.fault).title.rstrip("."))


def by(transport: Transport) -> Callable[[Mail], object]:
    """Return what sends one mail by `transport` and closes it."""

    def send(mail: Mail) -> object:
        with closing(transport):
            return transport.send(mail)

    return send
