"""Finding the server of an e-mail address, as the page shows it: cards, and the gallery of providers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from django.http import HttpRequest
from django.utils.translation import gettext as _

from mailadmin import conf
from mailadmin.core import providers, validation
from mailadmin.core.discovery import Candidate, Mailbox, Standing
from mailadmin.core.providers import Provider, ProviderKind
from mailadmin.core.texts import N_
from mailadmin.models import Settings, SmtpConnection
from mailadmin.net.resolver import Resolver
from mailadmin.probes.discovery import Found, discover

from . import haste
from .starts import oauth_link, smtp_link

ACTION = N_("searched for a server")
_STANDINGS = {
    Standing.GOOD: ("ok", N_("Answers, certificate valid")),
    Standing.BAD: ("warning", N_("Not verified")),
    Standing.UNTRIED: ("", ""),
}


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
    """Note that this user searches, and search. Raises TooHasty, and conf.ConfigurationError."""
    haste.note(request, ACTION, detail=mailbox.address)
    resolver = Resolver(validation.resolvers(Settings.load().resolvers))
    return discover(mailbox, resolver, conf.network_policy())


def cards(found: Found) -> list[Card]:
    """Return what was found, the best first: each provider once, with all its servers."""
    groups = groupby(found.candidates, key=lambda one: one.provider.id if one.provider else f"{one.host}:{one.port}")
    return [_card(list(group), found.mailbox) for __, group in groups]


def gallery() -> list[tuple[str, list[Card]]]:
    """Return all providers under their headings, sending services first: applications mostly use those."""
    titles = {ProviderKind.SENDING: _("Sending services"), ProviderKind.MAILBOX: _("Mailbox providers")}
    return [
        (title, [_of_provider(provider) for provider in providers.providers() if provider.kind is kind])
        for kind, title in titles.items()
    ]


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
        security=str(SmtpConnection.SecurityChoice(one.security).label),
        label=one.label,
        url=link,
        state=state,
        word=_(word),
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
            security=str(SmtpConnection.SecurityChoice(server.security).label),
            label=server.label,
            url=smtp_link(server.host, server.port, server.security, user=user, provider=provider),
        )
        for server in provider.servers
        if provider.by_smtp
    )
    return Card(provider.name, "", provider, choices, oauth_link("") if provider.graph else "")


def tried_in_vain(candidates: Iterable[Candidate]) -> list[str]:
    """Return in a line each what guesses answered that are not proposed."""
    text = _("{host}, port {port}: {seen}")
    return [text.format(host=one.host, port=one.port, seen=one.seen) for one in candidates]
