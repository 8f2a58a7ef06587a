"""What the switch on the Settings page, and the guard, do to one message: hold it, or send it elsewhere.

Direct mode asks before it plans, a worker when it sends, so that a switch counts for what waits already. Nothing here
reads the database.
"""

from __future__ import annotations

from dataclasses import replace

from mailadmin.core import redirect, sender
from mailadmin.core.addresses import Address, AddressError, parse
from mailadmin.core.errors import SendingHeld
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.preferences import Preferences, Sending
from mailadmin.core.texts import N_, _

from .convert import Draft

HELD = N_("Somebody switched to “All mail is held”.")
NOWHERE = N_("All mail is to be redirected, and the address to send it to is missing or wrong.")


def check_held(draft: Draft, preferences: Preferences) -> None:
    """Raise SendingHeld when nothing of `draft` may leave now. A message whose recipients are all spared may, as long
    as it is only the switch that holds the mail: with a copied database the list of the spared ones was copied, too."""
    if preferences.objection:
        raise held(preferences.objection)
    if preferences.sending is Sending.HELD and not _all_spared(draft, preferences):
        raise held(_(HELD))


def redirected(draft: Draft, preferences: Preferences) -> Draft:
    """Return `draft` as it goes to the one address, with its original recipients in headers; `draft` itself when
    nothing is redirected. Raises SendingHeld when nobody knows that address."""
    if preferences.sending is not Sending.REDIRECTED or _all_spared(draft, preferences):
        return draft
    found = redirect.redirect(
        draft.content.head, draft.recipients, draft.named, _target(preferences), preferences.spared
    )
    if found is None:
        return draft
    return replace(draft, content=draft.content.with_head(found.head), recipients=found.recipients, named=found.named)


def stand_ins(draft: Draft, preferences: Preferences) -> dict[str, str]:
    """Return for each recipient of `draft` who gets the message in its place: itself, where nothing is redirected or
    it is spared. Raises SendingHeld as `redirected` does."""
    addresses = [address for address, _ in draft.recipients]
    if preferences.sending is not Sending.REDIRECTED or _all_spared(draft, preferences):
        return {address.spec: address.spec for address in addresses}
    to = _target(preferences)
    return {address.spec: redirect.stand_in(address, to, preferences.spared).spec for address in addresses}


def held(text: str) -> SendingHeld:
    """Return the error of a message that may not leave; `text` says why, in a sentence."""
    return SendingHeld(Fault(Phase.SETTINGS, Kind.SENDING_HELD, text=text))


def _all_spared(draft: Draft, preferences: Preferences) -> bool:
    return all(sender.listed(address, preferences.spared) for address, _ in draft.recipients)


def _target(preferences: Preferences) -> Address:
    try:
        return parse(preferences.redirect_to)
    except AddressError:
        raise held(_(NOWHERE)) from None
