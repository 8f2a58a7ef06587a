"""Who a message comes from on a route: the sender policy (pure)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from .addresses import Address
from .settings import OAuthRoute, Route, SenderPolicy, SenderRules


@dataclass(frozen=True)
class Sender:
    """What goes on the wire. `header` is (display name, address), None when the message's own From stays;
    `envelope` is the address for MAIL FROM; `reply_to` is the original From that moves to Reply-To, or None."""

    envelope: str
    header: tuple[str, str] | None = None
    reply_to: Address | None = None


def choose(
    route: Route, given: Address | None, envelope: str, missing: Collection[str], default: Address | None
) -> Sender | None:
    """Return who the message comes from on `route`, or None when there is no sender anywhere.

    `given` is the message's From; `envelope` its own envelope sender; `missing` holds the addresses
    (lower case) that Django fills in when the application named none; `default` is DEFAULT_FROM_EMAIL.
    """
    rules = route.sender
    absent = given is None or given.key in missing
    own = _own(rules)
    if isinstance(route, OAuthRoute):
        if given is not None and given.key == rules.address.lower():
            return Sender(rules.envelope or envelope)
        if given is not None and listed(given, rules.send_as):
            return Sender(rules.envelope or envelope)
        use_own = True
    else:
        use_own = own is not None and (
            given is None
            or rules.policy is SenderPolicy.FORCE
            or (absent and rules.policy is SenderPolicy.WHEN_MISSING)
        )
    if use_own and own is not None:
        if given is not None and given.key == own.key and not rules.name:
            return Sender(rules.envelope or own.spec)
        name = rules.name or (given.name if given else "")
        moved = given if given is not None and not absent and given.key != own.key else None
        return Sender(rules.envelope or own.spec, (name, own.spec), moved)
    if given is not None:
        return Sender(rules.envelope or envelope)
    if default is not None:
        return Sender(rules.envelope or default.spec, (default.name, default.spec))
    return None


def own_mailbox(route: OAuthRoute, given: Address | None) -> str:
    """Return which of the route's mailboxes the From of a message names, "" when it is none of them."""
    return next((one for one in route.identities if given is not None and one.lower() == given.key), "")


def from_mailbox(route: OAuthRoute, mailbox: str) -> OAuthRoute:
    """Return `route` as it sends by `mailbox`, one of its own: that is its sender then."""
    return replace(route, sender=replace(route.sender, address=mailbox))


def listed(address: Address, senders: Collection[str]) -> bool:
    """Tell whether `address` or its domain is among `senders` (as `validation.sender_list` returns them)."""
    return address.key in senders or address.key.rpartition("@")[2] in senders


def _own(rules: SenderRules) -> Address | None:
    if not rules.address:
        return None
    local, _, domain = rules.address.rpartition("@")
    return Address(rules.name, local, domain)
