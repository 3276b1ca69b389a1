"""Where notifications may go: only to hosts that the operator lists, by HTTPS, and never where a URL hides something.

A list instead of guesses about private addresses: what is not named is not reached, whatever a name resolves to.
Above: `request`, `courier`. Source: OWASP, server-side request forgery.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

import httpx

from mihub.errors import ConfigurationError, Unprocessable

_SETTING: Final = "setting subscription_hosts (docs/reference/subscriptions.md)"


@dataclass(frozen=True, slots=True)
class Hosts:
    """`allowed`: (host, port); port None stands for HTTPS's own. Loopback hosts may be asked by plain HTTP."""

    allowed: frozenset[tuple[str, int | None]] = frozenset()

    @staticmethod
    def of(setting: str) -> Hosts:
        """From `host, host:port, ...`. Raises `ConfigurationError`."""
        found = set()
        for part in (one.strip() for one in setting.split(",")):
            if part:
                found.add(_host(part))
        return Hosts(frozenset(found))

    def check(self, endpoint: str) -> httpx.URL:
        """The address. Raises `Unprocessable` with the rule it breaks."""
        if not self.allowed:
            raise _refused(
                "This site sends no notifications to endpoints: its operator has listed no host.",
                "Use channel.type websocket, or ask the operator to list the host.",
            )
        try:
            url = httpx.URL(endpoint)
        except httpx.InvalidURL as error:
            raise _refused("The endpoint is not an address.", "Correct channel.endpoint.") from error
        if url.userinfo or url.fragment:
            raise _refused(
                "The endpoint holds a password or a fragment.", "Put credentials into channel.header."
            )
        local = _is_loopback(url.host)
        if url.scheme != "https" and not (url.scheme == "http" and local):
            raise _refused("The endpoint is not an https address.", "Give channel.endpoint as https://...")
        named = {(url.host, url.port)}
        # A port that the operator did not name is HTTPS's own and no other.
        if url.port in (None, 443) and url.scheme == "https":
            named |= {(url.host, None), (url.host, 443)}
        if not named & self.allowed:
            raise _refused(
                "The host of the endpoint is not one to which this site may send.",
                "Ask the operator to list the host and its port.",
            )
        return url


def _host(part: str) -> tuple[str, int | None]:
    try:
        url = httpx.URL(f"https://{part}")
    except httpx.InvalidURL:
        url = httpx.URL()
    if not url.host or url.path not in ("", "/") or url.userinfo or url.query:
        raise ConfigurationError(
            f"subscription_hosts names {part!r}, which is no host.",
            rule="host or host:port, separated by commas",
            next_step='For example: subscription_hosts = "notify.example.org, lab.example.org:8443"',
        )
    # httpx drops a port that is the scheme's own.
    return url.host, url.port


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(what: str, next_step: str) -> Unprocessable:
    return Unprocessable(what, where="Subscription.channel.endpoint", rule=_SETTING, next_step=next_step)
