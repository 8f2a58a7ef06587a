"""Fixes of who an SMTP connection sends as, and of its pace."""

from __future__ import annotations

from collections.abc import Iterator

from mailadmin.core import addresses
from mailadmin.core.fault import Fault
from mailadmin.core.settings import SenderPolicy, SmtpRoute
from mailadmin.core.texts import _

from .fix import Fix, Rule, codes
from .presets import sender_rule

_SLOWER = 30  # messages a minute where a server asked for less and no limit was set: what Exchange Online takes


def account_as_from(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The account may not send as this From: the account's own address surely may."""
    user = route.user
    if not _is_address(user):
        return
    if (user.lower(), route.sender.policy) != (route.sender.address.lower(), SenderPolicy.FORCE):
        why = _("The account may always send as itself. The original From of a message goes into its Reply-To.")
        yield Fix(
            _("Send every message from {user}").format(user=user),
            why,
            {"from_address": user, "sender_policy": SenderPolicy.FORCE},
        )


def bounces_to_the_from(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The envelope sender of the connection may be the one that is refused."""
    if route.sender.envelope and route.sender.envelope.lower() != route.sender.address.lower():
        why = _("Now they go to {envelope}, for which the server may not let this account send.").format(
            envelope=route.sender.envelope
        )
        yield Fix(_("Let bounces go to the From address"), why, {"envelope_sender": ""})


def address_to_type(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The account is no address, so that only a person knows which From is allowed."""
    if not _is_address(route.user):
        rule = sender_rule(route.host) or _("Type an address that the mail provider knows as yours.")
        yield Fix(_("Type another From address"), rule, focus="from_address")


def first_from(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """Nothing says who messages come from."""
    if _is_address(route.user):
        why = _("Messages that name no From of their own then come from the account that signs in.")
        yield Fix(_("Use {user} as the From address").format(user=route.user), why, {"from_address": route.user})


def fewer_sessions(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The server counts connections."""
    if route.sessions.parallel > 1:
        why = _("Now up to {parallel} are opened for a list, in each process.").format(parallel=route.sessions.parallel)
        yield Fix(_("Use one session at a time"), why, {"parallel": "1"})


def slower(fault: Fault, route: SmtpRoute) -> Iterator[Fix]:
    """The server counts messages."""
    rate = route.rate
    if not rate.messages:
        why = _("No limit is set now, so that the server has to refuse what comes too fast.")
        yield Fix(
            _("Send at most {number} messages a minute").format(number=_SLOWER),
            why,
            {"rate_messages": str(_SLOWER), "rate_seconds": "60"},
        )
    elif (half := rate.messages // 2) > 0:
        why = _("The limit of {messages} is still more than the server takes.").format(messages=rate.messages)
        yield Fix(_("Halve the pace, to {half}").format(half=half), why, {"rate_messages": str(half)})


def _is_address(text: str) -> bool:
    try:
        return addresses.parse(text).spec == text
    except addresses.AddressError:
        return False


_REFUSED = codes("send-as-denied sender-5xx sender-not-owned sender-not-verified sender-domain-unknown")
SENDER: tuple[Rule[SmtpRoute], ...] = (
    *(Rule(make, codes=_REFUSED) for make in (account_as_from, bounces_to_the_from, address_to_type)),
    *(Rule(make, codes=codes("no-sender")) for make in (first_from, address_to_type)),
    Rule(fewer_sessions, codes=codes("too-many-connections")),
    Rule(slower, codes=codes("rate-limited")),
)
