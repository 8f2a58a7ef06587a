"""mailadmin: a mail-settings console and e-mail backend for Django."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.errors import BadMessage, DeliveryUnsure, MailError, RecipientsRefused, SendingHeld

if TYPE_CHECKING:
    from .delivery.compose import send
    from .delivery.message import Message

__version__ = "0.1.0.dev0"
__all__ = ["BadMessage", "DeliveryUnsure", "MailError", "Message", "RecipientsRefused", "SendingHeld", "send"]


def __getattr__(name: str) -> Any:
    # Django's models can be imported only when its apps are ready, so these come when they are asked for.
    if name == "send":
        from .delivery.compose import send

        return send
    if name == "Message":
        from .delivery.message import Message

        return Message
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
