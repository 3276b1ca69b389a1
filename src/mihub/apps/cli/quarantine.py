"""Commands for what a site refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mihub.apps.cli.options import HERE, ItemId, Json, Language, SiteFolder

quarantine_app = typer.Typer(
    no_args_is_help=True,
    help="What a site refused: look, repair, try again, discard.\n\nExample: mihub quarantine list --site my-site",
)


@quarantine_app.command("list")
def quarantine_list(
    folder: SiteFolder = HERE,
    state: Annotated[
        str, typer.Option(help="open, all, waiting, repaired, retried-ok or discarded.")
    ] = "open",
    rule: Annotated[str, typer.Option(help="Only what this rule refused.")] = "",
    resource_type: Annotated[str, typer.Option("--type", help="Only this resource type.")] = "",
    profile: Annotated[str, typer.Option(help="Only what breaks this profile.")] = "",
    source: Annotated[str, typer.Option(help="fhir-import, obds-import or api.")] = "",
    offset: Annotated[int, typer.Option(help="Leave out so many.", min=0)] = 0,
    language: Language = "de",
    as_json: Json = False,
) -> None:
    """The refused records, newest first, without any value of a patient.

    Example: mihub quarantine list --site my-site --type Observation
    """
    from mihub.apps import quarantine

    quarantine.listed(
        folder,
        state=state,
        rule=rule,
        resource_type=resource_type,
        profile=profile,
        source=source,
        offset=offset,
        language=language,
        as_json=as_json,
    )


@quarantine_app.command("show")
def quarantine_show(
    item: ItemId,
    folder: SiteFolder = HERE,
    raw: Annotated[bool, typer.Option("--raw", help="Only the text, to be corrected.")] = False,
    language: Language = "de",
    as_json: Json = False,
) -> None:
    """One refused record: its findings, and its text with the places marked. The look is noted in the audit.

    Example: mihub quarantine show 7 --site my-site --raw > corrected.json
    """
    from mihub.apps import quarantine

    quarantine.show(folder, item, raw=raw, language=language, as_json=as_json)


@quarantine_app.command("repair")
def quarantine_repair(
    item: ItemId,
    file: Annotated[Path, typer.Argument(help="The corrected text.")],
    folder: SiteFolder = HERE,
    language: Language = "de",
    as_json: Json = False,
) -> None:
    """Put a corrected text; it is validated at once and stored by retry. Exit code 65 while a rule is broken.

    Example: mihub quarantine repair 7 corrected.json --site my-site
    """
    from mihub.apps import quarantine

    sys.exit(quarantine.repair(folder, item, file, language=language, as_json=as_json))


@quarantine_app.command("retry")
def quarantine_retry(
    item: Annotated[int | None, typer.Argument(help="The number that list shows.", min=1)] = None,
    folder: SiteFolder = HERE,
    rule: Annotated[str, typer.Option(help="All that this rule refused.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All that waits.")] = False,
    language: Language = "de",
    as_json: Json = False,
) -> None:
    """Import refused records again, for example after a package was added. Exit code 65 when one is refused again.

    Example: mihub quarantine retry --all --site my-site
    """
    from mihub.apps import quarantine

    sys.exit(
        quarantine.retry(folder, item, rule=rule, everything=everything, language=language, as_json=as_json)
    )


@quarantine_app.command("discard")
def quarantine_discard(
    item: ItemId,
    reason: Annotated[str, typer.Option(help="Why, in a few words and without a patient's name.")],
    folder: SiteFolder = HERE,
) -> None:
    """Give a refused record up; its text is forgotten, findings and reason stay.

    Example: mihub quarantine discard 7 --reason "test data" --site my-site
    """
    from mihub.apps import quarantine

    quarantine.discard(folder, item, reason=reason)


@quarantine_app.command("quality")
def quarantine_quality(
    folder: SiteFolder = HERE,
    days: Annotated[int, typer.Option(help="The last so many days.", min=1, max=3660)] = 90,
    language: Language = "de",
    as_json: Json = False,
) -> None:
    """How conformant the data are: by profile, and the twenty most frequent findings.

    Example: mihub quarantine quality --site my-site --days 7
    """
    from mihub.apps import quarantine

    quarantine.numbers(folder, days=days, language=language, as_json=as_json)
