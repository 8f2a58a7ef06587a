"""The reader of replies alone (`transports.smtp.reply`): streams in any cuts, and what the dialogue makes of them."""

from __future__ import annotations

import random

from mailadmin.core import limits
from mailadmin.transports.smtp.dialogue import Dialogue
from mailadmin.transports.smtp.reply import BadReply, Reply, ReplyParser

from . import replies
from .case import Case
from .checks import UNPRINTABLE, Violation

_CODES = (220, 250, 250, 250, 251, 354, 235, 334, 421, 450, 452, 550, 554)
_READ = 16 * 1024
Read = tuple[list[Reply], bool]
"""The replies, and whether something was not a reply."""


def feed(case: Case) -> None:
    """Read a stream of some replies, the last of them perhaps spoiled."""
    rng = case.rng
    said = [replies.whole(rng, rng.choice(_CODES)) for _ in range(rng.choice((1, 2, 3, 5)))]
    data = b"".join(each.data for each in said)
    if rng.random() < 0.5:
        said.append(replies.odd(rng, rng.choice(_CODES)))
        data += said[-1].data
    case.replies += len(said)
    mixed = rng.random() < 0.2
    if mixed:
        data = _mixed(rng, data)
    case.fed.append(data)
    at_once = read([data])
    in_cuts = read(cuts(rng, data))
    if at_once != in_cuts:
        raise Violation(f"Cuts change what is read: {_short(at_once)} at once, {_short(in_cuts)} in pieces.")
    if not mixed:
        _as_said(at_once, said)
    dialogue = Dialogue()
    for reply in at_once[0]:
        dialogue.server(reply)
        _fit_to_show(dialogue, reply)
    case.tally["spoiled" if at_once[1] else "read"] += 1


def read(pieces: list[bytes]) -> Read:
    """Return what is read out of `pieces`. Raises whatever is no BadReply."""
    parser = ReplyParser()
    found: list[Reply] = []
    try:
        for piece in pieces:
            parser.feed(piece)
            while (reply := parser.take()) is not None:
                found.append(reply)
    except BadReply:
        return found, True
    return found, False


def cuts(rng: random.Random, data: bytes) -> list[bytes]:
    """Return `data` in pieces, as a connection may bring them."""
    if rng.random() < 0.1 and len(data) < 2000:
        return [bytes([byte]) for byte in data]
    places = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((1, 2, 4)))) if data else []
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    return [piece for piece in pieces if piece]


def _as_said(got: Read, said: list[replies.Said]) -> None:
    """Check that every whole reply was read as what it is, up to the first that is none."""
    found, _ = got
    for place, each in enumerate(said):
        if not each.whole:
            return
        if place >= len(found) or (found[place].code, found[place].lines) != (each.code, each.lines):
            raise Violation(f"{each.data[:200]!r} was read as {found[place : place + 1]!r}.")


def _fit_to_show(dialogue: Dialogue, reply: Reply) -> None:
    text = dialogue.clean(reply.text)
    if len(text) > limits.SERVER_TEXT_CHARS or UNPRINTABLE.search(text):
        raise Violation(f"A text is not fit to be shown: {text!r}.")
    if reply.enhanced and reply.enhanced[0] not in "245":
        raise Violation(f"This is no enhanced code: {reply.enhanced!r}.")


def _mixed(rng: random.Random, data: bytes) -> bytes:
    """Return `data` with bytes changed, doubled, lost or swapped."""
    mixed = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 10))):
        start = rng.randrange(len(mixed) + 1)
        end = min(start + rng.choice((0, 1, 1, 5, 100)), len(mixed))
        part = bytes(mixed[start:end])
        mixed[start:end] = rng.choice(
            (b"", part + part, part[::-1], rng.randbytes(len(part)), b"\r\n", b"\n", b"-", b"\0")
        )
    return bytes(mixed)


def _short(got: Read) -> str:
    return f"{[reply.code for reply in got[0]]}{' and something bad' if got[1] else ''}"
