"""Commands for FHIR packages and code lists of a site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mihub.apps.cli.options import HERE, Json, SiteFolder

packages_app = typer.Typer(
    no_args_is_help=True,
    help="FHIR packages of a site: profiles, value sets, code systems.\n\nExample: mihub packages add base-1.5.4.tgz",
)

codes_app = typer.Typer(
    no_args_is_help=True,
    help="Publishers' code lists of a site: ICD-10-GM, OPS, LOINC ...\n\nExample: mihub codes add icd10gm2026syst-claml.zip",
)


@packages_app.command("add")
def packages_add(
    sources: Annotated[
        list[str],
        typer.Argument(help="Packages (.tgz), unpacked folders, folders of either, or https addresses."),
    ],
    folder: SiteFolder = HERE,
    as_json: Json = False,
) -> None:
    """Add FHIR packages; a running site sees them at once. Exit code 65 when one was refused.

    Example: mihub packages add --site my-site packages/
    """
    from mihub.apps import packages

    sys.exit(packages.add(folder, sources, as_json=as_json))


@packages_app.command("list")
def packages_list(folder: SiteFolder = HERE, as_json: Json = False) -> None:
    """The loaded packages, what was set aside and what they miss.

    Example: mihub packages list --site my-site
    """
    from mihub.apps import packages

    packages.show(folder, as_json=as_json)


@packages_app.command("remove")
def packages_remove(
    package: Annotated[str, typer.Argument(help="Its name, with #version when several are loaded.")],
    folder: SiteFolder = HERE,
    as_json: Json = False,
) -> None:
    """Take a package off; a running site forgets it at once.

    Example: mihub packages remove --site my-site de.basisprofil.r4#1.5.4
    """
    from mihub.apps import packages

    packages.remove(folder, package, as_json=as_json)


@packages_app.command("check")
def packages_check(
    package: Annotated[str, typer.Argument(help="One package (name or name#version); default: all.")] = "",
    folder: SiteFolder = HERE,
    as_json: Json = False,
) -> None:
    """Hold every profile against its base. Exit code 65 when one contradicts it or its base is missing.

    Example: mihub packages check --site my-site
    """
    from mihub.apps import packages

    sys.exit(packages.check(folder, package, as_json=as_json))


@packages_app.command("profile")
def packages_profile(
    canonical: Annotated[str, typer.Argument(help="The profile's canonical address, |version if wanted.")],
    folder: SiteFolder = HERE,
    as_json: Json = False,
) -> None:
    """What a profile asks: what must be there, what must be supported, codes, obligations (read, never enforced).

    Example: mihub packages profile --site my-site http://hl7.org/fhir/StructureDefinition/bmi
    """
    from mihub.apps import packages

    packages.profile(folder, canonical, as_json=as_json)


@packages_app.command("why")
def packages_why(
    canonical: Annotated[str, typer.Argument(help="A canonical address, with |version or without.")],
    asked_from: Annotated[
        str, typer.Option("--from", help="Seen from this package (name#version), as its author meant it.")
    ] = "",
    folder: SiteFolder = HERE,
    as_json: Json = False,
) -> None:
    """Which resource an address means: every candidate, the one that wins, and the rule.

    Example: mihub packages why --site my-site http://fhir.de/StructureDefinition/identifier-kvid-10
    """
    from mihub.apps import packages

    packages.why(folder, canonical, asked_from=asked_from, as_json=as_json)


@codes_app.command("add")
def codes_add(
    sources: Annotated[
        list[Path], typer.Argument(help="Publishers' files as downloaded: ZIP, folder or single file.")
    ],
    system: Annotated[
        str, typer.Option(help="Code system, where the files do not say it: icd-10-gm, ..., or an address.")
    ] = "",
    version: Annotated[str, typer.Option(help="Version, where the files do not say it.")] = "",
    title: Annotated[str, typer.Option(help="Title of a site's own list.")] = "",
    language: Annotated[str, typer.Option(help="Language of a site's own list.")] = "",
    folder: SiteFolder = HERE,
    as_json: Json = False,
) -> None:
    """Load code lists; a running site sees them at once. Exit code 65 when one was refused.

    Example: mihub codes add --site my-site icd10gm2026syst-claml.zip alphaidse2026.zip
    """
    from mihub.apps import codes
    from mihub.site.terminology.lists import Wanted

    sys.exit(codes.add(folder, sources, Wanted(system, version, title, language), as_json=as_json))


@codes_app.command("list")
def codes_list(folder: SiteFolder = HERE, as_json: Json = False) -> None:
    """The loaded code lists, each with the sentence that its publisher asks to be shown.

    Example: mihub codes list --site my-site
    """
    from mihub.apps import codes

    codes.show(folder, as_json=as_json)


@codes_app.command("remove")
def codes_remove(
    system: Annotated[str, typer.Argument(help="Short name or address of the code system.")],
    version: Annotated[str, typer.Option(help="Only this version (default: all).")] = "",
    folder: SiteFolder = HERE,
    as_json: Json = False,
) -> None:
    """Take a code list out.

    Example: mihub codes remove --site my-site icd-10-gm --version 2024
    """
    from mihub.apps import codes

    codes.remove(folder, system, version, as_json=as_json)


@codes_app.command("search")
def codes_search(
    text: Annotated[str, typer.Argument(help="A code, words or beginnings of words.")],
    system: Annotated[
        list[str] | None, typer.Option(help="Only this system: short name or address; may repeat.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=500)] = 20,
    every_version: Annotated[
        bool, typer.Option("--every-version", help="Older versions too (default: the newest of each).")
    ] = False,
    folder: SiteFolder = HERE,
    as_json: Json = False,
) -> None:
    """Find codes as people type them, over all lists and the code systems of the loaded packages.

    Example: mihub codes search --site my-site Lungenkrebs
    """
    from mihub.apps import codes

    codes.search(folder, text, system or [], limit=limit, every_version=every_version, as_json=as_json)
