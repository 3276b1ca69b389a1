"""A reference to a canonical that is deprecated, withdrawn, retired, experimental or a draft: what to say about it.

Drafts and experiments are worth a word only where what refers to them is neither. Source: the terminology ecosystem's
`deprecated` tests. Above: `membership_check`, `expand`.
"""

from __future__ import annotations

from mihub.core.fhir import Resource
from mihub.site.terminology.concepts import STANDARDS_STATUS, extension_value
from mihub.site.terminology.issues import Issue, issue
from mihub.site.terminology.versions import join


def word_for(resource: Resource, source: Resource) -> str:
    """deprecated, withdrawn, retired, experimental, draft; "" when there is nothing to say."""
    standards = extension_value(resource, STANDARDS_STATUS)
    if standards in ("deprecated", "withdrawn"):
        return str(standards)
    if resource.get("status") == "retired":
        return "retired"
    if resource.get("experimental") is True and source.get("experimental") is not True:
        return "experimental"
    of_source = (source.get("status"), extension_value(source, STANDARDS_STATUS))
    if "draft" in (resource.get("status"), standards) and "draft" not in of_source:
        return "draft"
    return ""


def reference_issue(resource: Resource, resource_type: str, source: Resource) -> Issue | None:
    """The issue of $validate-code, or None."""
    word = word_for(resource, source)
    if not word:
        return None
    canonical = join(resource.get("url", ""), resource.get("version", ""))
    return issue(
        "information",
        "business-rule",
        "status-check",
        f"MSG_{word.upper()}",
        type=resource_type,
        canonical=canonical,
    )
