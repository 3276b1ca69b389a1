"""The one way into a site for files: recognise, read, map, account for every record.

`Importer.run(paths)` is the entry; `ImportReport` is what it tells. Nothing here names a database.
"""

from mihub.site.ingest.importer import Importer
from mihub.site.ingest.limits import Limits
from mihub.site.ingest.protocol import RecordWriter
from mihub.site.ingest.report import ImportReport, Progress
from mihub.site.ingest.store_writer import StoreWriter, import_access

__all__ = ["ImportReport", "Importer", "Limits", "Progress", "RecordWriter", "StoreWriter", "import_access"]
