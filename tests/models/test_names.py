"""Names of rows: what a settings file takes for one name is one in the console, too."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from mailadmin.models import SmtpConnection


@pytest.mark.django_db
@pytest.mark.parametrize(("first", "second"), [("Relay A", "relay a"), ("Äpfel", "äpfel")])
def test_names_that_differ_by_their_case_are_one_on_every_database(first: str, second: str) -> None:
    SmtpConnection.objects.create(name=first, host="relay.example.org")
    with pytest.raises(ValidationError, match=f"“{first}” exists already"):
        SmtpConnection(name=second, host="relay.example.org").full_clean()
