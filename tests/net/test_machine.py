"""The identity endpoint of our own machine, and that nothing else comes near a metadata address (P13)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mailadmin
from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind
from mailadmin.net import machine
from mailadmin.net.http import Answer
from mailadmin.net.policy import NetworkPolicy
from tests.fakes.graph_server import ScriptedServer, free_port, says, silent_server

ALLOWED = NetworkPolicy(managed_identity=True)
ENVIRONMENT = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ENVIRONMENT, *PROXIES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def ask(url: str, policy: NetworkPolicy = ALLOWED) -> Answer:
    return machine.ask(url, {"resource": "https://graph.microsoft.com"}, {"Metadata": "true"}, policy)


def refusal(url: str, policy: NetworkPolicy = ALLOWED) -> Fault:
    with pytest.raises(MailError) as caught:
        ask(url, policy)
    assert caught.value.fault.kind is Kind.IDENTITY_UNAVAILABLE
    return caught.value.fault


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_endpoint_that_the_environment_names_is_asked(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(says(200, {"a": 1}), tls=False) as server:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{server.port}")
        assert ask(f"http://127.0.0.1:{server.port}/token").json == {"a": 1}
    (request,) = server.requests
    assert request.path == "/token?resource=https%3A%2F%2Fgraph.microsoft.com"
    assert request.headers["metadata"] == "true"


def test_nothing_is_asked_unless_the_deployment_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(says(200, {}), tls=False) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.port}")
        fault = refusal(f"http://127.0.0.1:{server.port}/token", NetworkPolicy())
    assert "do not allow" in fault.text
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/token", "https://169.254.169.254/", "http://169.254.169.254.x/"]
)
def test_no_other_address_is_asked(url: str) -> None:
    with ScriptedServer(says(200, {}), tls=False) as server:
        assert "not the identity endpoint" in refusal(url.format(port=server.port)).text
    assert server.connections == 0


def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(says(200, {}), tls=False) as server, ScriptedServer(says(502), tls=False) as proxy:
        for name in PROXIES[:3]:
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        name = "127.0.0.1.nip.invalid"  # not known as this machine, so that the environment's proxy would serve it
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://{name}:{server.port}")
        refusal(f"http://{name}:{server.port}/")
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.port}")
        assert ask(f"http://127.0.0.1:{server.port}/").status == 200
    assert proxy.connections == 0


def test_deployment_that_closes_this_machine_still_reaches_its_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = NetworkPolicy(allow_private=False, allow_loopback=False, ports=(443,), managed_identity=True)
    with ScriptedServer(says(200, {}), tls=False) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.port}")
        assert ask(f"http://127.0.0.1:{server.port}/", closed).status == 200


def test_machine_that_does_not_answer_is_told_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("IDENTITY_ENDPOINT", url)
    fault = refusal(url)
    assert fault.text.startswith("The identity endpoint of this machine did not answer.")
    assert fault.where == url.removeprefix("http://")
    monkeypatch.setattr(limits, "IDENTITY_SECONDS", 0.1)
    with silent_server(tls=False) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.port}")
        assert "No whole answer" in refusal(f"http://127.0.0.1:{server.port}").text


def test_redirect_is_an_answer_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(says(302, b"", Location="http://169.254.169.254/"), tls=False) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.port}")
        assert ask(f"http://127.0.0.1:{server.port}/").status == 302
    assert server.connections == 1


def test_only_this_module_opens_the_way_to_the_machine() -> None:
    root = Path(mailadmin.__file__).parent
    users = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "own_machine"
    }
    assert users == {"net/machine.py"}
