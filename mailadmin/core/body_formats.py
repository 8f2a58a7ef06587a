"""The formats that the body of a message may have: the names of Cortex's and MailKit's list, of which e-mail carries
four (pure)."""

from __future__ import annotations

import re
from enum import StrEnum

from .texts import N_, _


class BodyFormat(StrEnum):
    """How the body of a message is written."""

    TEXT = "text"  # text/plain
    FLOWED = "flowed"  # text/plain, whose lines a reader may join again (RFC 3676)
    HTML = "html"  # text/html
    ENRICHED = "enriched"  # text/enriched (RFC 1896)

    @property
    def subtype(self) -> str:
        """Return what follows "text/" in Content-Type, with the parameter that belongs to it."""
        return {BodyFormat.TEXT: "plain", BodyFormat.FLOWED: "plain; format=flowed"}.get(self, self.value)


_ALSO = {"plain": BodyFormat.TEXT, "plaintext": BodyFormat.TEXT}
_REFUSED = {
    "richtext": N_("Rich text (RTF) is a document: mail programs show it as a file to open, not as the message."),
    "compressedrichtext": N_(
        "Compressed rich text is a form of Outlook and Exchange among themselves: other mail programs show nothing of "
        "it."
    ),
}
_INSTEAD = N_("Send HTML in its place, or attach the document as a file.")
_BETWEEN = re.compile(r"[\s_-]+")


def body_format(name: str) -> BodyFormat:
    """Return the format called `name`, in any case, with or without hyphens ("Html", "compressed-rich-text"). Raises
    ValueError with a sentence for one that e-mail cannot carry, and for a name that is none."""
    word = _BETWEEN.sub("", name).lower().removeprefix("text/")
    if word in _REFUSED:
        raise ValueError(f"{_(_REFUSED[word])} {_(_INSTEAD)}")
    if known := _ALSO.get(word):
        return known
    try:
        return BodyFormat(word)
    except ValueError:
        text = _("“{name}” is no format of a body; “text”, “flowed”, “html” and “enriched” are.")
        raise ValueError(text.format(name=name[:60])) from None
