"""What can be tested, and by which ladder: a route of either kind, or an integrated service by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from mailadmin.core.settings import EntraApp, OAuthRoute, Route, SmtpRoute
from mailadmin.models import SmtpConnection
from mailadmin.net.policy import NetworkPolicy
from mailadmin.probes.claims import SEND, SMTP_SEND
from mailadmin.probes.entra import app_plan, probe_app
from mailadmin.probes.graph import graph_plan, probe_graph
from mailadmin.probes.recorder import Recorder
from mailadmin.probes.smtp import probe_smtp, smtp_plan
from mailadmin.transports.base import Mail

SERVICE = "service"  # the kind of a test of an integrated service, beside those of `RouteKind`


@dataclass(frozen=True)
class AppSubject:
    """An app registration to test by itself. `for_smtp` asks for a token for SMTP, because only SMTP connections
    sign in with it."""

    app: EntraApp
    for_smtp: bool = False


Subject = Route | AppSubject


def kind_and_id(subject: Subject) -> tuple[str, str]:
    """Return the kind and the row's UUID as text ("" for values that were never saved)."""
    if isinstance(subject, AppSubject):
        return SERVICE, subject.app.id
    return str(subject.key.kind), subject.key.id


def name_of(subject: Subject) -> str:
    """Return what the subject is called."""
    return subject.app.name if isinstance(subject, AppSubject) else subject.name


def target(subject: Subject) -> str:
    """Return in a few words what is tested: "mail.example.org:587 · STARTTLS required"."""
    if isinstance(subject, SmtpRoute):
        security = SmtpConnection.SecurityChoice(subject.security).label
        where, proxy = f"{subject.host}:{subject.effective_port} · {security}", subject.proxy
    elif isinstance(subject, OAuthRoute):
        graph_host = subject.app.cloud.graph_host if subject.app else _("no integrated service")
        where, proxy = f"{subject.identity} · {graph_host}", subject.app.proxy if subject.app else None
    else:
        use = _("token for SMTP") if subject.for_smtp else _("token for Graph")
        where, proxy = f"{subject.app.cloud.authority_host} · {use}", subject.app.proxy
    return _("{where} · through {proxy}").format(where=where, proxy=proxy) if proxy else where


def plan(subject: Subject) -> Sequence[tuple[str, str]]:
    """Return key and title of each step."""
    if isinstance(subject, SmtpRoute):
        return smtp_plan(subject)
    return graph_plan(subject) if isinstance(subject, OAuthRoute) else app_plan()


def walk(
    subject: Subject,
    recorder: Recorder,
    policy: NetworkPolicy,
    *,
    recipient: str,
    mail: Mail | None,
    learn_size: Callable[[int], None],
) -> None:
    """Walk the ladder of `subject`; `mail` is sent to `recipient` by a route. `learn_size` is told how large a message
    (bytes) an SMTP server takes. Raises Cancelled."""
    if isinstance(subject, AppSubject):
        cloud = subject.app.cloud
        scope, send = (cloud.smtp_scope, SMTP_SEND) if subject.for_smtp else (cloud.graph_scope, SEND)
        probe_app(subject.app, recorder, policy, scopes=(scope,), send=send)
    elif isinstance(subject, OAuthRoute):
        probe_graph(subject, recorder, policy, recipient=recipient, mail=mail)
    else:
        sender = mail.sender if mail else _sender(subject)
        probe_smtp(subject, recorder, policy, sender=sender, recipient=recipient, mail=mail, learn_size=learn_size)


def _sender(route: SmtpRoute) -> str:
    """Return the envelope sender of a probe that sends no message."""
    given = route.sender.envelope or route.sender.address
    return given or (route.user if "@" in route.user else str(settings.DEFAULT_FROM_EMAIL))
