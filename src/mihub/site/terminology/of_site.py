"""Opens the terminology of one site: packages, code lists, record, closure tables, another server where one is named.

Above: `site.site`. Below: every engine of this room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mihub.core.policy.actor import MemberId
from mihub.site.terminology.closure_sqlite import FILE_NAME, SqliteTables
from mihub.site.terminology.external import HttpFallback
from mihub.site.terminology.lists.shelf import CodeLists
from mihub.site.terminology.record import SiteRecord
from mihub.site.terminology.stored import StoredDefinitions
from mihub.site.terminology.terminology import Terminology

if TYPE_CHECKING:
    from mihub.site.site import Site

_LISTS: Final = "codes.sqlite"
# What is shown where nobody asks for a language, as far as there is a designation in it.
_LANGUAGE: Final = "de"


def open_terminology(site: Site, closing: Callable[[Callable[[], None]], None]) -> Terminology:
    """`closing` is given what must be closed with the site."""
    settings = site.settings
    record = SiteRecord(site.store, site.search, site.parser, MemberId(settings.member))
    lists = CodeLists.open(settings.data_dir / _LISTS)
    closing(lists.close)
    fallback = HttpFallback(settings.terminology_url) if settings.terminology_url else None
    if fallback is not None:
        closing(fallback.close)
    definitions = StoredDefinitions(site.packages, record)
    return Terminology(
        definitions,
        lists,
        fallback,
        language=_LANGUAGE,
        tables=SqliteTables(settings.data_dir / FILE_NAME),
        refresh=definitions.refresh,
    )
