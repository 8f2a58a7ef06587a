"""A server without a network that knows what it answered: it keeps the rules of SMTP (RFC 5321, 2920, 3030), but
what it says in place of a good reply is generated. Against what it took the client's word is held."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from . import replies
from .checks import Violation, wire_rules
from .replies import Said, Then

_MAIL = re.compile(rb"MAIL FROM:<([^<>\r\n]*)>((?: [A-Z0-9]+(?:=[!-~]+)?)*)", re.IGNORECASE)
_RCPT = re.compile(rb"RCPT TO:<([^<>\r\n]+)>((?: [A-Z]+=[!-~]+)*)", re.IGNORECASE)
_BDAT = re.compile(rb"BDAT ([0-9]+) LAST")
_EXTENSIONS = {  # the parameters of MAIL, and the words that offer them
    b"SIZE": b"SIZE",
    b"BODY": b"8BITMIME",
    b"SMTPUTF8": b"SMTPUTF8",
    b"RET": b"DSN",
    b"ENVID": b"DSN",
}
Challenge = Callable[[random.Random, bytes], bytes]


@dataclass
class Delivery:
    """One message that came whole, and what was answered."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    said: Said
    utf8: bool


@dataclass
class Knowing:
    """One connection. `odd_at` are the replies (counted from the greeting) that are spoiled; a good `features` list
    is what EHLO offers; `challenge` makes the questions of a sign-in."""

    rng: random.Random
    features: Sequence[bytes] = ()
    odd_at: frozenset[int] = frozenset()
    challenge: Challenge | None = None
    out: bytearray = field(default_factory=bytearray)
    over: bool = False
    broken: bool = False
    in_step: bool = True  # nothing was more than it was asked
    unmatched: int = 0  # how often a command got more or less than one whole reply, and things went on
    count: int = 0  # replies given
    deliveries: list[Delivery] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)  # everything said, to report a failure

    def __post_init__(self) -> None:
        self._in = bytearray()
        self._chunk = -1  # bytes of a chunk still to come; -1 outside of one
        self._in_data = False
        self._asking = 0  # questions asked in a sign-in
        self._offered = b""  # what was said to EHLO
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._parameters: dict[bytes, bytes] = {}  # of MAIL
        self._say(220, b"mail.example.org ESMTP")

    def take(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._in += data
        while not self.over and self._step():
            pass

    # -- reading ----------------------------------------------------------------------------------------

    def _step(self) -> bool:
        """Do one thing; tell whether there was enough for one."""
        if self._in_data:
            return self._data()
        if self._chunk >= 0:
            return self._whole_chunk()
        end = self._in.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._in[:end])
        del self._in[: end + 2]
        self._command(line)
        return True

    def _data(self) -> bool:
        end = 0 if self._in.startswith(b".\r\n") else self._in.find(b"\r\n.\r\n") + 2
        if end == 1:
            return False
        stuffed = bytes(self._in[:end])
        del self._in[: end + 3]
        self._in_data = False
        content = b"".join(line.removeprefix(b".") for line in stuffed.splitlines(keepends=True))
        self._received(content, stuffed, chunk=False)
        return True

    def _whole_chunk(self) -> bool:
        if len(self._in) < self._chunk:
            return False
        content = bytes(self._in[: self._chunk])
        del self._in[: self._chunk]
        self._chunk = -1
        self._received(content, content, chunk=True)
        return True

    # -- commands ---------------------------------------------------------------------------------------

    def _command(self, line: bytes) -> None:
        if self._asking:
            self._question(line)
            return
        verb = line.split(b" ")[0].upper()
        handler = self._VERBS.get(verb)
        if handler is None or any(byte < 32 or byte == 127 for byte in line):
            raise Violation(f"The client said {line[:200]!r} as a command.")
        handler(self, line)

    def _ehlo(self, line: bytes) -> None:
        self._forget()
        offered = [b"mail.example.org", *self.features]
        data = b"".join(b"250%s%s\r\n" % (b"-" if more else b" ", text) for more, text in _with_more(offered))
        self._offered = self._speak(Said(data, 250, whole=True, lines=tuple(offered)), 250).data.upper()

    def _helo(self, line: bytes) -> None:
        self._forget()
        self._say(250)

    def _rset(self, line: bytes) -> None:
        self._forget()
        self._say(250)

    def _mail(self, line: bytes) -> None:
        found = _MAIL.fullmatch(line)
        if not found:
            raise Violation(f"The client said {line[:200]!r}.")
        self._parameters = dict(_parameter(text) for text in found[2].upper().split())
        if unknown := [name for name in self._parameters if _EXTENSIONS.get(name, b"?") not in self._offered]:
            raise Violation(f"MAIL has parameters that were not offered: {unknown}.")
        if not (line.isascii() or b"SMTPUTF8" in self._parameters):
            raise Violation(f"MAIL holds other letters than ASCII: {line[:200]!r}.")
        if self._sender is not None:
            self._say(503, b"5.5.1 nested MAIL")
        elif _good(self._say(250)):
            self._sender = found[1].decode()

    def _rcpt(self, line: bytes) -> None:
        found = _RCPT.fullmatch(line)
        if not found:
            raise Violation(f"The client said {line[:200]!r}.")
        if self._sender is None:
            self._say(503, b"5.5.1 need MAIL")
        elif _good(self._say(250)):
            self._recipients.append(found[1].decode())

    def _begin_data(self, line: bytes) -> None:
        if not self._recipients and self.rng.random() < 0.7:
            self._say(554, b"5.5.1 no valid recipients")
        else:  # also for nobody, as RFC 2920 section 3.1 lets a server do
            self._in_data = self._say(354, b"go ahead").code == 354

    def _begin_chunk(self, line: bytes) -> None:
        found = _BDAT.fullmatch(line)
        if not found:
            raise Violation(f"The client said {line[:200]!r}.")
        self._chunk = int(found[1])

    def _quit(self, line: bytes) -> None:
        self.out += b"221 2.0.0 bye\r\n"  # never odd: nobody waits for it
        self.over = True

    def _auth(self, line: bytes) -> None:
        self._question(line)

    def _question(self, line: bytes) -> None:
        """Go on with a sign-in: another question, yes, or no."""
        code = self.rng.choice((334, 334, 334, 235, 535)) if self.challenge and self._asking < 4 else 535
        if line == b"*":
            code = 501
        if code == 334 and self.challenge:
            said = self._say(334, self.challenge(self.rng, line))
        else:
            # Some servers repeat what they were told, and nobody may read it after.
            said = self._say(code, b"5.7.8 you said " + line if code == 535 else b"2.7.0 welcome")
        self._asking = self._asking + 1 if said.code == 334 else 0

    _VERBS = {
        b"EHLO": _ehlo,
        b"HELO": _helo,
        b"RSET": _rset,
        b"MAIL": _mail,
        b"RCPT": _rcpt,
        b"DATA": _begin_data,
        b"BDAT": _begin_chunk,
        b"QUIT": _quit,
        b"AUTH": _auth,
    }

    # -- the message ------------------------------------------------------------------------------------

    def _received(self, content: bytes, raw: bytes, *, chunk: bool) -> None:
        """Answer the end of a message."""
        if not self._recipients:
            self._forget()
            if content and not chunk:
                raise Violation("After DATA came content for nobody.")
            self._say(554, b"5.5.1 no valid recipients")
            return
        wire_rules(content, raw)
        if not content.isascii() and self._parameters.get(b"BODY") != b"8BITMIME":
            raise Violation("8-bit content came without BODY=8BITMIME.")
        if int(self._parameters.get(b"SIZE", len(content))) != len(content):
            raise Violation(f"{len(content)} bytes came, {self._parameters} were declared.")
        sender, recipients, utf8 = self._sender or "", tuple(self._recipients), b"SMTPUTF8" in self._parameters
        self._forget()
        said = self._say(250, b"2.0.0 Ok: queued")
        self.deliveries.append(Delivery(sender, recipients, content, said, utf8))

    def _forget(self) -> None:
        self._sender = None
        self._recipients = []
        self._parameters = {}

    # -- speaking ---------------------------------------------------------------------------------------

    def _say(self, code: int, text: bytes = b"2.0.0 Ok") -> Said:
        return self._speak(replies.plain(code, text), code)

    def _speak(self, good: Said, code: int) -> Said:
        said = replies.odd(self.rng, code) if self.count in self.odd_at else good
        self.count += 1
        self.told.append(said.data)
        self.out += said.data
        self.in_step = self.in_step and not said.surplus
        self.unmatched += _mistakes(said, already=self.unmatched > 0)
        if said.then is not Then.GO_ON:
            self.over = True
            self.broken = said.then is Then.RESET
        return said


def _mistakes(said: Said, *, already: bool) -> int:
    """Return how often this is more or less than one whole reply, as far as anybody can be misled by it. A goodbye
    misleads nobody, unless it fills the gap of a reply that was left out."""
    if said.surplus:
        return 1 if said.whole else 2  # it may be both
    return int(already and said.farewell) if said.whole or said.then is not Then.GO_ON else 1


def _good(said: Said) -> bool:
    return 200 <= said.code < 300


def _with_more(lines: Sequence[bytes]) -> list[tuple[bool, bytes]]:
    return [(place < len(lines) - 1, line) for place, line in enumerate(lines)]


def _parameter(text: bytes) -> tuple[bytes, bytes]:
    name, _, value = text.partition(b"=")
    return name, value
