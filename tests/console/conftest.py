"""People of the console, each with a signed-in client, and rows to look at."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from mailadmin import roles
from mailadmin.core.keyring import new_key

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _own_key(settings, tmp_path):
    """Seal secrets with a key of this test."""
    path = tmp_path / "keys"
    path.write_text(new_key())
    settings.MAILADMIN = settings.MAILADMIN | {"KEY_FILE": path}


def _user(name: str, role: str | None = None) -> User:
    user = User.objects.create_user(name, f"{name}@example.org", PASSWORD, is_staff=role == "Administrator")
    if role:
        # The groups come from post_migrate; a test that emptied the tables makes them again.
        user.groups.add(Group.objects.get(name=role))
    return user


def _client(user: User) -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def viewer(db):
    return _user("vera", "Viewer")


@pytest.fixture
def operator(db):
    return _user("otto", "Operator")


@pytest.fixture
def administrator(db):
    return _user("anna", "Administrator")


@pytest.fixture
def nobody(db):
    """A user without any role."""
    return _user("nora")


@pytest.fixture
def viewer_client(viewer):
    return _client(viewer)


@pytest.fixture
def operator_client(operator):
    return _client(operator)


@pytest.fixture
def admin_client(administrator):
    return _client(administrator)


@pytest.fixture
def nobody_client(nobody):
    return _client(nobody)


@pytest.fixture
def role_names():
    return list(roles.roles())
