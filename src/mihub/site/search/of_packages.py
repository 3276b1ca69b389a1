"""The search parameters of a site: R4's, ours, and those of the packages that it has loaded when it starts.

A package that is added or removed later counts from the next start, when the record is indexed again; `stale` says so.
A site without packages opens nothing. Above: `site.site`, `apps`. Below: `catalogue`, the package shelf.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from mihub.site.search.catalogue import Catalogue, catalogue, catalogue_of


def catalogue_of_packages(data_dir: Path) -> Catalogue:
    """The catalogue for a site's folder."""
    from mihub.site.packages.shelf import FILE_NAME

    path = data_dir / FILE_NAME
    # SQLite writes into the file beside it first.
    marks = [one.stat() for one in (path, path.with_name(FILE_NAME + "-wal")) if one.exists()]
    return _read(path, tuple((mark.st_mtime_ns, mark.st_size) for mark in marks)) if marks else catalogue()


def stale(served: Catalogue, data_dir: Path) -> str:
    """A sentence when the packages there now have other search parameters than those that are served; else ""."""
    if catalogue_of_packages(data_dir).version == served.version:
        return ""
    return (
        "The loaded packages have other search parameters than this site serves. Restart the site: it indexes the"
        " record again before it answers."
    )


@lru_cache(maxsize=8)
def _read(path: Path, marks: tuple[tuple[int, int], ...]) -> Catalogue:
    from mihub.site.packages.shelf import Shelf

    shelf = Shelf.open(path)
    try:
        found = catalogue_of(shelf)
    finally:
        shelf.close()
    return catalogue() if found.version == catalogue().version else found
