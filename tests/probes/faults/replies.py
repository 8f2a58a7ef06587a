"""The faults that are told in words: mail servers' replies, and the codes of Entra and Graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mailadmin.core.report import StepState
from mailadmin.core.terms import Failover, Owner
from tests.fakes.graph_server import Says, entra_error, graph_error

from .row import Row, Stage
from .stages import MAIL, PROVEN, graph, served, token

_STEPS = {
    "GREETING": "greeting",
    "EHLO": "greeting",
    "STARTTLS": "tls",
    "AUTH": "auth",
    "MAIL": "sender",
    "RCPT": "recipient",
    "DATA": "message",
    "DOT": "message",
}
# Every step whose answer leaves open whether anything is wrong; the others fail.
_SURE = (401, 403, 404)
_HERE = Path(__file__).parent


def _lines(name: str, columns: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of a table, each with the heading above it."""
    heading = ""
    for line in (_HERE / name).read_text("utf-8").splitlines():
        if line.startswith("#"):
            heading = line.strip("# ")
        elif line:
            cells = [cell.strip() for cell in line.split(" | ")]
            if len(cells) != columns:
                raise ValueError(f"{name}: not {columns} cells: {line}")
            yield heading, cells


def smtp_rows() -> Iterator[tuple[str, Row]]:
    """Yield the replies of mail servers by their headings: moment, fault, host, words, entry, owner, message."""
    for heading, (moment, what, host, said, entry, owner, follows) in _lines("replies.table", 7):
        answers = {moment: [said] * 3} | ({"RESPONSE": [said] * 3} if moment == "AUTH" else {})
        answers |= {"HELO": [said]} if moment == "EHLO" else {}
        stage = served(answers, host=MAIL if host == "-" else host)
        failover, retry = _follows(follows)
        yield heading, Row(what, said, _STEPS[moment], entry, Owner(owner), failover, stage, retry)


def microsoft_rows() -> Iterator[tuple[str, Row]]:
    """Yield the answers of Entra and Graph by their headings: step, status, code, words, entry, owner, message."""
    for heading, (step, status, code, words, entry, owner, follows) in _lines("microsoft.table", 7):
        failover, retry = _follows(follows)
        stage = _token(int(status), code, words) if step == "token" else _graph(step, int(status), code, words)
        sure = step != "mailbox" or int(status) in _SURE
        state = StepState.FAILED if sure else StepState.NOT_PROVEN
        said = f"{code}: {words}" if code != "-" else f"HTTP {status}"
        yield heading, Row(words, said, step, entry, Owner(owner), failover, stage, retry, state)


def _follows(cell: str) -> tuple[Failover, bool]:
    """Return what becomes of the message, and whether the same may succeed later."""
    failover, _, passes = cell.partition(", ")
    return Failover(failover), passes == "passes"


def _token(status: int, code: str, words: str) -> Stage:
    body = entra_error(int(code.removeprefix("AADSTS"))) if code != "-" else {}
    return token(Says(status, body | {"error_description": f"{code}: {words}"} if body else b""))


def _graph(step: str, status: int, code: str, words: str) -> Stage:
    pause = {"Retry_After": "120"} if status in (429, 503) else {}
    answer = Says(status, graph_error(code, words) if code != "-" else b"", pause if code != "-" else {})
    return graph(answer) if step == "mailbox" else graph(PROVEN, answer)
