"""CPython's own tests of smtplib, run on our wire where they apply.

They come with the interpreter, so that each Python brings the ones of its own smtplib.
"""

from __future__ import annotations

import importlib
import smtplib
import unittest
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NoReturn

import pytest

from mailadmin.core.fault import Kind
from mailadmin.transports.smtp.dialogue import Dialogue
from mailadmin.transports.smtp.wire import Wire

LEFT_OUT = {
    "GeneralTests": "a base class",
    "LMTPGeneralTests": "we do not speak LMTP",
    "testSourceAddress": "a connection is dialled elsewhere, and from no chosen address",
    "testTimeoutDefault": "time-outs are deadlines of ours, set for each command",
    "testTimeoutNone": "nothing is ever waited for without end",
    "testTimeoutValue": "time-outs are deadlines of ours, set for each command",
    "testFailingHELO": "a code of 199 is no SMTP reply to us (RFC 5321 section 4.2.1 has 2 to 5 as first digits)",
    "testLineTooLong": "a line that never ends is a failure of the line, which ends the connection",
}


class StandIn(Wire):
    """Our wire behind the constructor of smtplib.SMTP; its failures in the family that the tests expect."""

    ehlo_msg = "ehlo"

    def __init__(
        self, host: str = "", port: int = 0, local_hostname: str | None = None, timeout: float = 30, **other: Any
    ) -> None:
        super().__init__(Dialogue())
        self.timeout = timeout
        self.allow(60)
        if host:
            code, text = self.connect(host, port)
            if code != 220:
                self.close()
                raise smtplib.SMTPConnectError(code, text)
        self.local_hostname = local_hostname or "localhost"

    def _fail(self, kind: Kind, text: str) -> NoReturn:
        self.close()
        raise smtplib.SMTPServerDisconnected(text)


def theirs() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their server is built on modules that are deprecated
        return importlib.import_module("test.test_smtplib")


def names() -> Iterator[str]:
    try:
        module = theirs()
    except ImportError:
        return
    for case in vars(module).values():
        if isinstance(case, type) and issubclass(case, unittest.TestCase) and case.__name__ not in LEFT_OUT:
            for name in unittest.TestLoader().getTestCaseNames(case):
                if name not in LEFT_OUT:
                    yield f"{case.__name__}.{name}"


NAMES = list(names())


@pytest.mark.skipif(not NAMES, reason="this interpreter was installed without its own tests")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES or ["none"])
def test_the_session_class_does_what_smtplib_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtplib, "SMTP", StandIn)
    module = theirs()
    if name.startswith("SMTPGeneralTests"):
        monkeypatch.setattr(module.SMTPGeneralTests, "client", StandIn)
    result = unittest.TestResult()
    unittest.TestLoader().loadTestsFromName(name, module).run(result)
    assert [text for _, text in (*result.failures, *result.errors)] == []
    assert result.testsRun == 1


def test_nothing_is_left_out_that_does_not_exist() -> None:
    if NAMES:
        module = theirs()
        known = {*vars(module), *(name for case in vars(module).values() for name in dir(case))}
        assert set(LEFT_OUT) <= known
