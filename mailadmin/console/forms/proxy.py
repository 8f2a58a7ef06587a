"""The fields of a proxy, for every form whose row may go through one."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from mailadmin.core import limits
from mailadmin.models.fields import Checked
from mailadmin.models.proxies import ProxyHolder, spare_proxy

from .secret import SecretField, SecretForm, forget_field

PROXY_COLUMNS = ("proxy_kind", "proxy_host", "proxy_port", "proxy_user")
PROXY_SECTION = ("Proxy", (*PROXY_COLUMNS, "proxy_password", "forget_proxy_password"))
PROXY_PARTS = ("the kind of proxy", "the proxy host", "the proxy port", "the proxy user name")
_CHOSEN = "proxy_kind=http,socks5"
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class ProxyForm(SecretForm):
    """A form with a proxy: `PROXY_SECTION` goes into its sections, `PROXY_COLUMNS` into the fields of its Meta."""

    shown_when: ClassVar[dict[str, str]] = dict.fromkeys(PROXY_SECTION[1][1:], _CHOSEN)

    proxy_kind = forms.ChoiceField(
        required=False,
        label="Kind of proxy",
        choices=ProxyHolder.ProxyChoice.choices,
        widget=forms.RadioSelect,
        help_text="For servers that can only be reached through one; it also finds the server's address.",
    )
    proxy_host = forms.CharField(
        required=False, label="Proxy host", widget=forms.TextInput(_PLAIN), help_text="Name or IP address of the proxy."
    )
    proxy_port = forms.IntegerField(
        required=False,
        label="Proxy port",
        validators=[Checked("port")],
        error_messages={"invalid": "A port is a whole number from 1 to 65535; leave it empty for the usual one."},
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
        help_text=f"Empty for the usual one: {limits.PROXY_PORT_HTTP} for HTTP, {limits.PROXY_PORT_SOCKS5} for SOCKS5.",
    )
    proxy_user = forms.CharField(
        required=False,
        label="Proxy user name",
        widget=forms.TextInput(_PLAIN),
        help_text="Empty when the proxy asks for none. An HTTP proxy gets name and password without encryption.",
    )
    proxy_password = SecretField()
    forget_proxy_password = forget_field()

    def needs(self, slot: str) -> bool:
        """Tell whether the chosen proxy is told a user name, so that it needs the password."""
        return bool(self.instance.needs_secret(slot))

    def clean(self) -> dict[str, Any]:
        """Ask for the kind of a proxy that was described; forget what a row that goes without one still held.
        Raises nothing: errors go to their fields."""
        values = super().clean() or self.cleaned_data
        if values.get("proxy_kind") or "proxy_kind" in self.errors:
            return values
        described = [name for name in (*PROXY_COLUMNS[1:], "proxy_password") if values.get(name)]
        if typed := [name for name in described if name in self.changed_data]:
            word = str(self.fields[typed[0]].label).lower()
            self.add_error("proxy_kind", spare_proxy(word))
        for name in described:
            values[name] = None if name == "proxy_port" else ""
        return values
