"""The API keeps to its own description: schemathesis reads that, and asks what it allows and what it forbids."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from mailadmin.api.authentication import NEEDS
from mailadmin.api.description import description
from mailadmin.models import SmtpConnection
from tests.api.conftest import EVERYTHING, a_program

EXAMPLES = 25  # of each operation and way: bounded, and the same in each run
# A message may fit its description and be refused all the same: no schema says what an address is.
TOO_MUCH_TO_ASK = "positive_data_acceptance"


def checks() -> list[Any]:
    schemathesis.checks.load_all_checks()
    found = [check for check in schemathesis.checks.CHECKS.get_all() if check.__name__ != TOO_MUCH_TO_ASK]
    assert {"ignored_auth", "response_schema_conformance", "negative_data_rejection"} < {one.__name__ for one in found}
    return found


def operations() -> Any:
    schema = schemathesis.openapi.from_dict(description())
    schema.app = get_wsgi_application()
    return {one.ok().definition.raw["operationId"]: one.ok() for one in schema.get_all_operations()}


@pytest.fixture(scope="module")
def described(django_db_setup: None) -> Any:
    return operations()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
@pytest.mark.parametrize("name", sorted(NEEDS))
def test_nothing_is_found(described: Any, relay: SmtpConnection, queued: None, name: str, mode: GenerationMode) -> None:
    operation = described[name]
    program = a_program(*EVERYTHING, minute_limit=0, daily_limit=0)
    wanted = checks()
    headers = {"Authorization": f"Bearer {program.token}"}

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    def ask(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=wanted)

    ask()
