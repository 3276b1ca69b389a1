"""Commands for tables from FHIR."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from mihub.apps.cli.options import Json

views_app = typer.Typer(
    no_args_is_help=True,
    help="Tables from FHIR by ViewDefinitions.\n\nExample: mihub views run view.json --from data/ --out table.csv",
)


@views_app.command("run")
def views_run(
    views: Annotated[
        list[str], typer.Argument(help="ViewDefinitions: JSON files, names of shipped views, canonical URLs.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write; with several views a folder.")],
    folder: Annotated[
        Path | None, typer.Option("--site", envvar="MIHUB_SITE", help="Read the record of this site.")
    ] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Read these files or folders: NDJSON, gzipped NDJSON, JSON; may repeat."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="ndjson, csv, json or parquet (default: by the file's ending).")
    ] = "",
    header: Annotated[bool, typer.Option(help="CSV with a line of names.")] = True,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"], help="Only what changed later (with --site)."
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="How many processes (default: one a core).", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Flatten FHIR resources into tables. Exit code 65 when lines could not be read; the others are written.

    Example: mihub views run lung-cancer-diagnoses --site my-site --out diagnoses.parquet
    """
    from mihub.apps import views as views_app_

    sys.exit(
        views_app_.run(
            views,
            # A folder that the environment names is meant only when nothing else is.
            site=None if sources else folder,
            sources=sources or [],
            form=form,
            out=out,
            header=header,
            since=since.astimezone() if since else None,
            processes=processes,
            as_json=as_json,
        )
    )


@views_app.command("check")
def views_check(
    views: Annotated[
        list[str], typer.Argument(help="ViewDefinitions: JSON files, names of shipped views, canonical URLs.")
    ],
    folder: Annotated[
        Path | None, typer.Option("--site", envvar="MIHUB_SITE", help="Look into the packages of this site.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check ViewDefinitions and show the columns that they give.

    Example: mihub views check view.json
    """
    from mihub.apps import views as views_app_

    views_app_.check(views, site=folder, as_json=as_json)


@views_app.command("list")
def views_list(as_json: Json = False) -> None:
    """The views that come with MiHUB.

    Example: mihub views list
    """
    from mihub.apps import views as views_app_

    views_app_.show(as_json=as_json)
