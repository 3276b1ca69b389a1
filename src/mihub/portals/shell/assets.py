"""Static files: read once, named by their content, kept by browsers for a year, sent compressed.

`url("hub.css")` is `/static/hub.3f2a9c1b.css`; an unknown or outdated name answers 404. No file is read per
request.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from mihub.errors import ConfigurationError

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_REFERENCE: Final = re.compile(r"url\(\"?([\w./-]+\.(?:woff2|svg|png))\"?\)")


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    compressed: bytes | None
    media_type: str


class Assets:
    """All static files of the portal in memory, by hashed name."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._by_url: dict[str, _Asset] = {}
        self._urls: dict[str, str] = {}
        paths = sorted(path for path in folder.rglob("*") if path.suffix in _TYPES)
        # Style sheets last: they name fonts, whose hashed names must be known by then.
        for path in sorted(paths, key=lambda path: path.suffix == ".css"):
            self._add(path.relative_to(folder).as_posix(), path)

    def url(self, name: str) -> str:
        """The address of a file. Raises `ConfigurationError` when the page asks for one that is not
        shipped.
        """
        if name not in self._urls:
            raise ConfigurationError("A page asks for a static file that is not there.", where=name)
        return self._urls[name]

    async def serve(self, request: Request) -> Response:
        """The route `/static/{path}`."""
        asset = self._by_url.get(request.url.path)
        if asset is None:
            return Response("not found", 404, media_type="text/plain")
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        accepts = "gzip" in request.headers.get("accept-encoding", "")
        if asset.compressed is not None and accepts:
            return Response(
                asset.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.media_type
            )
        return Response(asset.content, headers=headers, media_type=asset.media_type)

    def _add(self, name: str, path: Path) -> None:
        content = path.read_bytes()
        if path.suffix == ".css":
            content = self._with_hashed_urls(name, content)
        stem, suffix = name[: -len(path.suffix)], path.suffix
        url = f"/static/{stem}.{hashlib.sha256(content).hexdigest()[:10]}{suffix}"
        compressible = suffix in (".css", ".js", ".svg", ".txt")
        compressed = gzip.compress(content, 9, mtime=0) if compressible else None
        self._urls[name] = url
        self._by_url[url] = _Asset(content, compressed, _TYPES[suffix])

    def _with_hashed_urls(self, name: str, content: bytes) -> bytes:
        folder = name.rpartition("/")[0]

        def replaced(match: re.Match[str]) -> str:
            target = (Path(folder) / match[1]).as_posix()
            return f'url("{self._urls.get(target, match[0])}")' if target in self._urls else match[0]

        return _REFERENCE.sub(replaced, content.decode()).encode()
