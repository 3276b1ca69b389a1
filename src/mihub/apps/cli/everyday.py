"""Commands for demo, synth, bench, conformance, validate: commands that need no house of their own."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from mihub import __version__
from mihub.apps import console
from mihub.apps.cli.options import Json, Language, Port

app = typer.Typer(
    name="mihub",
    help="Run a whole health region, or one part of it.\n\nExample: mihub demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def version() -> None:
    """Print the version.

    Example: mihub version
    """
    console.out.print(__version__)


@app.command()
def demo(
    port: Port = 8080,
    people: Annotated[int, typer.Option(help="How many synthetic people.", min=20)] = 240,
    seed: Annotated[int, typer.Option(help="The same seed gives the same region.")] = 1,
    data: Annotated[
        Path | None,
        typer.Option(help="Keep the region's data in this new folder (default: a temporary one)."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Walk all six stories over HTTP, print the result, end.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start a whole region on this machine: hub, trust centre, six sites, care record and portals, with synthetic people.

    Example: mihub demo --port 8080
    """
    from mihub.apps import demo as demo_app

    settings = demo_app.settings(data=data, people=people, seed=seed)
    if check:
        sys.exit(demo_app.check(settings, as_json=as_json))
    demo_app.serve(settings, port=port, as_json=as_json)


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(help="The folder to write (new or empty).")],
    people: Annotated[int, typer.Option(help="How many people.", min=20)] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="The day on which the region's story stands (default: 2026-11-23)."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a synthetic region: six sites and a care record as FHIR NDJSON, hospitals' tumour documentation as oBDS XML.

    Example: mihub synth region --people 200 --seed 7
    """
    from mihub.apps import synthesis

    synthesis.write(
        out, people=people, seed=seed, today=today.date() if today else date(2026, 11, 23), as_json=as_json
    )


@app.command()
def bench(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            help="Of: synth, import, demo, page, count, fhirpath, views, validate, codes, packages (default: all)."
        ),
    ] = None,
    people: Annotated[int, typer.Option(help="People in the measured region.", min=20)] = 240,
    resources: Annotated[
        int, typer.Option(help="Resources in the measured record (store).", min=700)
    ] = 100_000,
    as_json: Json = False,
) -> None:
    """Measure speed and memory, each beside the ceiling that the same run reaches on the same machine.

    Example: mihub bench import validate
    """
    from mihub.apps.bench import command

    command.run(parts or (), people=people, resources=resources, as_json=as_json)


@app.command()
def conformance(
    suites: Annotated[
        list[str] | None,
        typer.Argument(
            help="Of: fhirpath, sql_on_fhir, terminology, snapshots, validation, mutants, patch, graphql (default: all)."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The folder of the published suites (default: ../shared/data).")
    ] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The page of the documentation.")] = False,
    as_json: Json = False,
) -> None:
    """Run other people's conformance suites: cases and passes of each, every failing case named.

    Example: mihub conformance fhirpath --json
    """
    from mihub.apps.conformance import command

    command.run(suites or (), data=data, as_json=as_json, as_markdown=as_markdown)


@app.command()
def validate(
    files: Annotated[
        list[Path],
        typer.Argument(help="FHIR JSON, NDJSON, bundles, folders of these; also as gzip. Not XML."),
    ],
    site: Annotated[
        Path | None, typer.Option("--site", help="Use the packages of this site (default: R4 core alone).")
    ] = None,
    package: Annotated[
        list[Path] | None, typer.Option("--package", help="A FHIR package (.tgz or folder); may repeat.")
    ] = None,
    extra: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", help="StructureDefinition, ValueSet, CodeSystem or any resource to resolve; may repeat."
        ),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", help="Also against this profile, whatever a resource claims; may repeat."),
    ] = None,
    most: Annotated[int, typer.Option(help="Print at most so many findings.", min=0)] = 200,
    language: Language = "de",
    as_json: Json = False,
) -> None:
    """Validate FHIR resources against R4 and profiles: each finding with its place, a summary. Exit code 65 with an error.

    Example: mihub validate export/ --package de.basisprofil.r4-1.5.4.tgz
    """
    from mihub.apps import validate as app_validate

    wanted = app_validate.Wanted(
        tuple(files), site, tuple(package or ()), tuple(extra or ()), tuple(profile or ()), language, most
    )
    sys.exit(app_validate.run(wanted, as_json=as_json))
