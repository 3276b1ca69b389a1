"""The data-quality page: conformance by profile over time, the most frequent findings, what is not looked at.

Numbers come from the site; names of single resources only for who may see records there, which the site decides.
Above: `routes`. Below: `chart`.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from mihub.core.policy.actor import Role
from mihub.portals.admin.chart import MOST_SERIES, Chart, Series
from mihub.portals.shell import formats
from mihub.portals.shell.guard import portal_of, require, session_of
from mihub.portals.shell.page import language_of, page, text_of

READERS: Final = frozenset({Role.SITE_ENGINEER, Role.DATA_PROTECTION_OFFICER, Role.BOARD_COORDINATOR})
PERIODS: Final = (7, 30, 90, 365)
_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"


@require(*READERS)
async def show(request: Request) -> Response:
    """The last 90 days, or as many as were chosen."""
    session, asked = session_of(request), request.query_params.get("days", "90")
    days = int(asked) if asked in {str(one) for one in PERIODS} else 90
    house = portal_of(request).http(session, session.actor.organization)
    found = await house.get("/admin/quality", {"days": str(days), "lang": language_of(request)})
    whole = _whole(found["sources"])
    return page(
        request,
        "admin/quality.html",
        found=found,
        whole=whole,
        days=days,
        periods=PERIODS,
        chart=_chart(request, found),
        short=short,
        off=sorted(name for name, level in found["levels"]["by_type"].items() if level == "off"),
    )


def short(profile: str) -> str:
    """The last part of an address, which is what people call a profile."""
    return profile.partition("|")[0].rstrip("/").rpartition("/")[2] or profile


def label(profile: str) -> str:
    """As `short`; R4 itself is named so, because its types are called like those of profiles."""
    return f"R4 {short(profile)}" if profile.startswith(_BASE) else short(profile)


def _whole(sources: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum over all sources. A resource with two profiles counts once for each of them."""
    names = ("checked", "conformant", "with_errors", "with_warnings", "refused", "unknown")
    summed: dict[str, Any] = {name: sum(int(one[name]) for one in sources) for name in names}
    known = summed["checked"] - summed["unknown"]
    summed["percent"] = int(1000 * summed["conformant"] / known) / 10 if known else None
    return summed


def _chart(request: Request, found: dict[str, Any]) -> Chart | None:
    days, language = found["days"], language_of(request)
    if not days:
        return None
    names = [one["name"] for one in found["profiles"]][: MOST_SERIES - 1]
    series = [Series(text_of(request, "admin.quality.all"), tuple(one["percent"] for one in days))]
    series += [
        Series(label(name), tuple(one["profiles"].get(name, {}).get("percent") for one in days))
        for name in names
    ]
    return Chart(tuple(formats.short_day(one["name"], language) for one in days), tuple(series))
