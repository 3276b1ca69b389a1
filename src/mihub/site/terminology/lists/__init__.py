"""Publishers' code lists (ICD-10-GM, OPS, Alpha-ID, ATC, ICD-O-3, LOINC, SNOMED CT, a site's own) in one SQLite file.

A site loads the files it downloaded; nothing of them is shipped. Above: terminology operations, `apps.codes`.
"""

from __future__ import annotations

from mihub.site.terminology.lists.database import FILE_NAME
from mihub.site.terminology.lists.provider import SqliteCodeSystem
from mihub.site.terminology.lists.recognise import Wanted
from mihub.site.terminology.lists.search import Hit
from mihub.site.terminology.lists.shelf import Added, CodeLists

__all__ = ["FILE_NAME", "Added", "CodeLists", "Hit", "SqliteCodeSystem", "Wanted"]
