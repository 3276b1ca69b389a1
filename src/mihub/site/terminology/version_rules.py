"""Which version of a code system counts: what the value set pins, what the request rules, what the coding says.

Source: the terminology ecosystem's rules for system-version, check-system-version and force-system-version.
Above: `membership_check`, `expand`. Below: `asked`, `sources`.
"""

from __future__ import annotations

from mihub.site.terminology.asked import Asked
from mihub.site.terminology.issues import Issue, Refused, issue
from mihub.site.terminology.versions import matches


def ruled(asked: Asked, url: str, pinned: str) -> str:
    """The version under the request's rules; `pinned`: what value set or caller name. Raises `Refused` on contradiction."""
    rules = asked.rules_for(url)
    forced = list(dict.fromkeys(rule.version for rule in rules if rule.mode == "force"))
    if len(forced) > 1:
        raise _contradiction(url)
    if forced:
        return forced[0]
    if pinned:
        return pinned
    defaults = list(dict.fromkeys(rule.version for rule in rules if rule.mode == "default"))
    if len(defaults) > 1:
        raise _contradiction(url)
    return next(iter(defaults), "") or next((rule.version for rule in rules if rule.mode == "check"), "")


def rule_used(asked: Asked, url: str, pinned: str) -> tuple[str, str] | None:
    """The request's parameter that chose the version, as (name, url|version); None when none did."""
    for mode, used in (("force", True), ("default", not pinned), ("check", not pinned)):
        for rule in asked.rules_for(url):
            if rule.mode == mode and used:
                ending = "valueset-version" if rule.of_value_set else "system-version"
                word = {
                    "force": "force-",
                    "check": "check-",
                    "default": "default-" if rule.of_value_set else "",
                }[mode]
                return f"{word}{ending}", f"{url}|{rule.version}"
    return None


def broken_check(asked: Asked, url: str, version: str, where: str = "") -> Issue | None:
    """The issue when a check-system-version does not hold for the version that is used."""
    for rule in asked.rules_for(url):
        if rule.mode == "check" and not matches(rule.version, version):
            facts = {"version": version, "system": url, "required": rule.version}
            return issue("error", "exception", "version-error", "VALUESET_VERSION_CHECK", where, **facts)
    return None


def _contradiction(url: str) -> Refused:
    text = f"The request names more than one version for {url}"
    return Refused(Issue("error", "exception", "version-error", "", text), status=400)
