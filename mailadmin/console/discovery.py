"""Finding the server of an e-mail address, as the page shows it: cards, the gallery of providers, and how often a
user may search."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from mailadmin import conf
from mailadmin.core import limits, providers, validation
from mailadmin.core.discovery import Candidate, Mailbox, Standing
from mailadmin.core.providers import Provider, ProviderKind
from mailadmin.models import AuditEntry, Settings, SmtpConnection
from mailadmin.net.resolver import Resolver
from mailadmin.probes.discovery import Found, discover

from . import audit
from .starts import oauth_link, smtp_link

ACTION = "searched for a server"
_STANDINGS = {
    Standing.GOOD: ("ok", "Answers, certificate valid"),
    Standing.BAD: ("warning", "Not verified"),
    Standing.UNTRIED: ("", ""),
}


class TooManySearches(Exception):
    """The user searched as often as one minute allows; the text is a sentence with the wait."""


@dataclass(frozen=True)
class Choice:
    """One server to start with. `state` and `word` make its pill ("" for none); `foreign` tells that a person has to
    know it; `url` leads to the form, filled in."""

    host: str
    port: int
    security: str
    label: str
    url: str
    state: str = ""
    word: str = ""
    seen: str = ""
    mechanisms: str = ""
    user: str = ""
    foreign: bool = False


@dataclass(frozen=True)
class Card:
    """One provider, or a server of nobody known, with its servers. `why` says where it comes from; `graph_url` leads to
    the OAuth service that sends there instead."""

    title: str
    why: str
    provider: Provider | None
    choices: tuple[Choice, ...]
    graph_url: str = ""


def search(request: HttpRequest, mailbox: Mailbox) -> Found:
    """Note that this user searches, and search. Raises TooManySearches, and conf.ConfigurationError."""
    with transaction.atomic():
        _refuse_haste(request)
        audit.record(request, ACTION, detail=mailbox.address)
    resolver = Resolver(validation.resolvers(Settings.load().resolvers))
    return discover(mailbox, resolver, conf.network_policy())


def cards(found: Found) -> list[Card]:
    """Return what was found, the best first: each provider once, with all its servers."""
    groups = groupby(found.candidates, key=lambda one: one.provider.id if one.provider else f"{one.host}:{one.port}")
    return [_card(list(group), found.mailbox) for _, group in groups]


def gallery() -> list[tuple[str, list[Card]]]:
    """Return all providers under their headings, sending services first: applications mostly use those."""
    titles = {ProviderKind.SENDING: "Sending services", ProviderKind.MAILBOX: "Mailbox providers"}
    return [
        (title, [_of_provider(provider) for provider in providers.providers() if provider.kind is kind])
        for kind, title in titles.items()
    ]


def _refuse_haste(request: HttpRequest) -> None:
    """Raise TooManySearches when the user searched `TESTS_PER_MINUTE` times within the last minute: a search opens as
    many connections as a test."""
    user: Any = request.user
    minute_ago = timezone.now() - timedelta(minutes=1)
    # The lock makes two requests of one user count one after the other.
    get_user_model()._default_manager.select_for_update().filter(pk=user.pk).first()
    recent = AuditEntry.objects.filter(at__gt=minute_ago, user_id=user.pk, action=ACTION).order_by("-at")
    times = list(recent.values_list("at", flat=True)[: limits.TESTS_PER_MINUTE])
    if len(times) == limits.TESTS_PER_MINUTE:
        seconds = max(1, round((times[-1] - minute_ago).total_seconds()))
        raise TooManySearches(
            f"You searched {limits.TESTS_PER_MINUTE} times within the last minute, which is the limit. "
            f"Wait {seconds} {'second' if seconds == 1 else 'seconds'}, then search again."
        )


def _card(candidates: list[Candidate], mailbox: Mailbox) -> Card:
    first = candidates[0]
    provider = first.provider
    choices = tuple(_choice(one, mailbox) for one in candidates if provider is None or provider.by_smtp)
    title = provider.name if provider else first.host
    graph_url = oauth_link(mailbox.address) if provider and provider.graph else ""
    return Card(title, first.why, provider, choices, graph_url)


def _choice(one: Candidate, mailbox: Mailbox) -> Choice:
    state, word = _STANDINGS[one.standing]
    link = smtp_link(one.host, one.port, one.security, user=one.user, address=mailbox.address, provider=one.provider)
    return Choice(
        host=one.host,
        port=one.port,
        security=SmtpConnection.SecurityChoice(one.security).label,
        label=one.label,
        url=link,
        state=state,
        word=word,
        seen=one.seen,
        mechanisms=", ".join(one.mechanisms),
        user=one.user,
        foreign=one.foreign_to(mailbox),
    )


def _of_provider(provider: Provider) -> Card:
    """Return a provider that nobody searched for; its user name is known where it is the same for everybody."""
    user = provider.user_for("")
    choices = tuple(
        Choice(
            host=server.host,
            port=server.port,
            security=SmtpConnection.SecurityChoice(server.security).label,
            label=server.label,
            url=smtp_link(server.host, server.port, server.security, user=user, provider=provider),
        )
        for server in provider.servers
        if provider.by_smtp
    )
    return Card(provider.name, "", provider, choices, oauth_link("") if provider.graph else "")


def tried_in_vain(candidates: Iterable[Candidate]) -> list[str]:
    """Return in a line each what guesses answered that are not proposed."""
    return [f"{one.host}, port {one.port}: {one.seen}" for one in candidates]
