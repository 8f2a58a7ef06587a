"""Fixes of an OAuth service: its scope, its mailbox, its Send-As list, large messages and its pace."""

from __future__ import annotations

from collections.abc import Iterator

from mailadmin.core import limits
from mailadmin.core.fault import Fault, Kind
from mailadmin.core.settings import OAuthRoute
from mailadmin.core.texts import _

from .fix import Fix, Rule, codes


def default_scope(fault: Fault, route: OAuthRoute) -> Iterator[Fix]:
    """A scope was typed that Entra or Graph does not take."""
    if route.scopes:
        why = _("An empty field asks for everything that the app was granted on the Graph of its cloud.")
        yield Fix(_("Use the default scope"), why, {"scopes": ""})


def mailbox_to_type(fault: Fault, route: OAuthRoute) -> Iterator[Fix]:
    """The mailbox does not exist, has no licence, or is not named."""
    title = _("Correct the service identity") if route.identity else _("Type the service identity")
    yield Fix(
        title,
        _("It is the full address of a mailbox in Exchange Online, of a person or shared."),
        focus="service_identity",
    )


def send_as_itself(fault: Fault, route: OAuthRoute) -> Iterator[Fix]:
    """A Send-As address is listed that Exchange does not allow to this mailbox."""
    listed = route.sender.send_as
    if len(listed) == 1:
        why = _("Messages from {listed} then leave as {identity}, with the original From in Reply-To.").format(
            listed=listed[0], identity=route.identity
        )
        yield Fix(
            _("Send as {identity} instead of {listed}").format(identity=route.identity, listed=listed[0]),
            why,
            {"send_as": ""},
        )
    elif listed:
        why = _(
            "Messages from an address that is not in the list leave as the service identity, which is always allowed."
        )
        yield Fix(_("Take the refused address out of the Send-As list"), why, focus="send_as")


def allow_large(fault: Fault, route: OAuthRoute) -> Iterator[Fix]:
    """A message needs an upload, and uploads are off."""
    if not route.large_messages:
        why = _("Larger ones are uploaded into a draft. The app needs the permission Mail.ReadWrite for that.")
        yield Fix(_("Send large messages by upload"), why, {"large_messages": "on"})


def no_large(fault: Fault, route: OAuthRoute) -> Iterator[Fix]:
    """Drafts are not allowed: large messages go another way."""
    if route.large_messages:
        why = _("The app lacks the permission Mail.ReadWrite. Large messages then go by a connection that takes them.")
        yield Fix(_("Send large messages another way"), why, {"large_messages": ""})


def usual_pace(fault: Fault, route: OAuthRoute) -> Iterator[Fix]:
    """The pace of the mailbox is not the one that Exchange Online takes."""
    usual, pace = limits.GRAPH_MESSAGES_PER_MINUTE, route.messages_per_minute
    too_fast = fault.kind is not Kind.PACED and (pace == 0 or pace > usual)
    too_slow = fault.kind is Kind.PACED and 0 < pace < usual
    if too_fast or too_slow:
        text = _("Exchange Online takes {number} messages a minute from a mailbox; set are {set}.")
        why = text.format(number=usual, set=pace or _("as many as come"))
        yield Fix(_("Send {number} messages a minute").format(number=usual), why, {"messages_per_minute": str(usual)})


GRAPH: tuple[Rule[OAuthRoute], ...] = (
    Rule(
        default_scope,
        codes=codes(
            "entra-scope-not-default entra-scope-invalid entra-resource graph-wrong-audience graph-token-invalid"
        ),
        kinds=frozenset({Kind.TOKEN_AUDIENCE}),
        aadsts=frozenset({"70011", "1002012"}),
    ),
    Rule(mailbox_to_type, codes=codes("identity-missing graph-404 graph-mailbox-unknown graph-no-mailbox")),
    Rule(send_as_itself, codes=codes("graph-send-as-denied")),
    Rule(allow_large, kinds=frozenset({Kind.LARGE_NOT_ALLOWED})),
    Rule(no_large, kinds=frozenset({Kind.DRAFT_REFUSED})),
    Rule(usual_pace, codes=codes("graph-throttled paced")),
)
