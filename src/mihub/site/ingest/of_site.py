"""The importer of an opened site. Above: `apps`, `site.api`. Below: `importer`, `store_writer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mihub.site.ingest.importer import Importer
from mihub.site.ingest.refusing import Intake
from mihub.site.ingest.store_writer import StoreWriter, escaped, import_access, search_reader

if TYPE_CHECKING:
    from mihub.site.site import Site


def importer_of(site: Site, who: str = "import", intake: Intake | None = None) -> Importer:
    """Reads files into the record; what is refused waits in the quarantine. `who`: the actor in the audit."""
    access = import_access(site.settings.member, who)

    def find(resource_type: str, system: str, value: str) -> list[str]:
        asked = f"{escaped(system)}|{escaped(value)}"
        return site.search.ids(site.parser.parse(resource_type, [("identifier", asked)]))

    together = search_reader(site.search, site.parser, access)
    writer = StoreWriter(site.store, access, find, together)
    usual = Intake(site.door, site.quarantine, site.tally)
    return Importer(writer, site.settings.member, intake=intake or usual)
