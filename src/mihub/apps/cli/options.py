"""Options that several commands share, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON line on standard output.")]

SiteFolder = Annotated[
    Path, typer.Option("--site", envvar="MIHUB_SITE", help="The site's folder (default: this one).")
]

HubFolder = Annotated[Path, typer.Option("--hub", help="The hub's folder (default: this one).")]

TrustFolder = Annotated[Path, typer.Option("--trust", help="The trust centre's folder (default: this one).")]

Language = Annotated[str, typer.Option("--lang", help="Language of the findings: de or en.")]

ItemId = Annotated[int, typer.Argument(help="The number that mihub quarantine list shows.", min=1)]

Port = Annotated[int, typer.Option("--port", help="Port on the host; 0 takes a free one.")]

Host = Annotated[
    str, typer.Option("--host", help="Address to listen on; leave it at loopback behind a proxy.")
]

Registry = Annotated[
    Path | None,
    typer.Option("--registry", help="The registry's private key, where it is kept (default: in the folder)."),
]

HERE = Path()
