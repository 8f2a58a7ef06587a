"""The transcript of a session, fit to be shown: no secret, no content, no endless text."""

from __future__ import annotations

from mailadmin.core import limits
from mailadmin.core.redact import MASK, clean
from mailadmin.core.secret import Secret
from mailadmin.core.texts import _

from .reply import Reply


class Dialogue:
    """Lines "C: ..." of ours and "S: ..." of the server, in order. `secrets` are masked in both, also in
    their base64 forms; a session adds each secret before it first uses it."""

    def __init__(self, *, kept: bool = True) -> None:
        """Start empty. Without `kept` no line is kept: masking costs time that only a test needs to spend."""
        self._room = limits.DIALOGUE_LINES if kept else 0
        self.lines: list[str] = []
        self.secrets: list[Secret] = []

    def client(self, line: str) -> None:
        """Note a line of ours."""
        if self._room:
            self._note(f"C: {self.clean(line)}")

    def client_secret(self, beginning: str = "") -> None:
        """Note a line of ours whose payload is secret: only its `beginning` is kept."""
        self._note(f"C: {beginning} {MASK}".replace("  ", " "))

    def content(self, size: int) -> None:
        """Note that the message was sent: its size in bytes only."""
        self._note(f"C: ({_('{size} bytes of message').format(size=size)})")

    def server(self, reply: Reply) -> None:
        """Note each line of a reply."""
        if not self._room:
            return
        last = len(reply.lines) - 1
        for place, text in enumerate(reply.lines):
            self._note(f"S: {reply.code}{' ' if place == last else '-'}{self.clean(text)}".rstrip())

    def remark(self, text: str) -> None:
        """Note something that neither side said."""
        self._note(f"({text})")

    def clean(self, text: str | bytes) -> str:
        """Return a text of the server as one short printable line without our secrets."""
        return clean(text, [secret.reveal() for secret in self.secrets])

    def _note(self, line: str) -> None:
        if not self._room:
            return
        self._room -= 1
        self.lines.append(line)
        if not self._room:
            self.lines.append(_("(the rest is not shown)"))
