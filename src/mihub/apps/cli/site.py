"""Commands for one organisation's site: set up, import, serve, status, back up, settings, who is told of changes."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from mihub.apps.cli.options import HERE, Json, SiteFolder

site_app = typer.Typer(
    no_args_is_help=True,
    help="One organisation's own site.\n\nExample: mihub site init my-site --member my-clinic",
)

config_app = typer.Typer(
    no_args_is_help=True, help="Settings in force.\n\nExample: mihub config show --site my-site"
)

subscriptions_app = typer.Typer(
    help="Who is told of changes here (FHIR Subscriptions), and what was not taken.\n\n"
    "Example: mihub site subscriptions --site my-site",
)


@site_app.command("init")
def site_init(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    member: Annotated[str, typer.Option(help="Short id in the region: lower case letters, digits, hyphen.")],
    name: Annotated[str, typer.Option(help="The organisation's name as people read it.")] = "",
    kind: Annotated[
        str, typer.Option(help="hospital, university-hospital, practice, radiology-practice or care-record.")
    ] = "hospital",
    hub_url: Annotated[
        str, typer.Option(help="Address of the hub; may stay empty until the site joins.")
    ] = "",
    trust_url: Annotated[str, typer.Option(help="Address of the trust centre.")] = "",
    as_json: Json = False,
) -> None:
    """Make a site: settings, keys, and the public half to send to the network's operator.

    Example: mihub site init my-site --member my-clinic --name "My clinic"
    """
    from mihub.apps import site

    site.init(
        folder,
        member=member,
        name=name or member,
        kind=kind,
        hub_url=hub_url,
        trust_url=trust_url,
        as_json=as_json,
    )


@site_app.command("serve")
def site_serve(
    folder: SiteFolder = HERE,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (default: as site.toml says).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one (default: as site.toml says).")
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(help="A socket handed down by the process that this one helps.", hidden=True),
    ] = None,
) -> None:
    """Serve the site's FHIR API and answer the hub's questions until stopped.

    Example: mihub site serve --site my-site --port 8003
    """
    from mihub.apps import site, site_workers

    if beside is not None:
        site_workers.serve_beside(folder, beside)
        return
    site.serve(folder, host=host, port=port)


@site_app.command("import")
def site_import(
    paths: Annotated[
        list[Path], typer.Argument(help="Files and folders: oBDS XML, FHIR bundles, resources, NDJSON, gzip.")
    ],
    folder: SiteFolder = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Import what the hospital has; account for every entry. Exit code 65 when something was rejected.

    Example: mihub site import --site my-site exports/
    """
    from mihub.apps import site

    sys.exit(site.run_import(folder, paths, dry_run=dry_run, as_json=as_json))


@site_app.command("export")
def site_export(
    out: Annotated[Path, typer.Option("--out", help="A new folder for the files and their manifest.json.")],
    folder: SiteFolder = HERE,
    kind: Annotated[
        list[str] | None, typer.Option("--type", help="A resource type; may repeat (default: all).")
    ] = None,
    since: Annotated[
        str, typer.Option(help="Only what changed after this moment: 2026-11-23T10:00:00Z.")
    ] = "",
    patient: Annotated[
        list[str] | None, typer.Option(help="Id of a Patient whose resources are wanted; may repeat.")
    ] = None,
    group: Annotated[str, typer.Option(help="Id of a Group: only what belongs to its members.")] = "",
    where: Annotated[
        list[str] | None,
        typer.Option("--filter", help='Type and search, "Observation?status=final"; may repeat.'),
    ] = None,
    element: Annotated[
        list[str] | None,
        typer.Option("--element", help="Only these elements, name or Type.name; may repeat."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Export the record as NDJSON files, one state of it; run again after an interruption it goes on where it stood.

    Example: mihub site export --site my-site --type Patient,Condition --out export
    """
    from mihub.apps import site_export as export

    export.run(
        folder,
        out,
        types=kind or (),
        since=since,
        patients=patient or (),
        group=group,
        filters=where or (),
        elements=element or (),
        as_json=as_json,
    )


@site_app.command("status")
def site_status(folder: SiteFolder = HERE, as_json: Json = False) -> None:
    """What the site holds and how far its facts have followed.

    Example: mihub site status --site my-site
    """
    from mihub.apps import site

    site.status(folder, as_json=as_json)


@site_app.command("count")
def site_count(
    question: Annotated[Path, typer.Argument(help="A CCDL document (JSON).")],
    folder: SiteFolder = HERE,
    as_json: Json = False,
) -> None:
    """Count a CCDL question exactly, for this site's own engineer: before and after consent, and what would be shown.

    Example: mihub site count --site my-site question.json
    """
    from mihub.apps import site

    site.count(folder, question, as_json=as_json)


@site_app.command("join")
def site_join(
    members: Annotated[Path, typer.Option(help="members.jws from the network's operator.")],
    registry: Annotated[Path, typer.Option(help="registry-public.json, handed over outside the network.")],
    linkage_key: Annotated[
        Path | None,
        typer.Option(
            help="linkage.key, handed over outside the network: people are linked with other sites' records."
        ),
    ] = None,
    folder: SiteFolder = HERE,
) -> None:
    """Join a region: check the signed list of members and keep it.

    Example: mihub site join --site my-site --members members.jws --registry registry-public.json --linkage-key linkage.key
    """
    from mihub.apps import network

    network.join(folder, members, registry, linkage_key=linkage_key)


@site_app.command("allow")
def site_allow(
    keys: Annotated[
        Path, typer.Argument(help="The project's public keys (JSON); their owner is the project.")
    ],
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day on which questions are answered.")
    ],
    title: Annotated[str, typer.Option(help="What the project is about.")] = "",
    min_cell: Annotated[int, typer.Option(help="Smallest number that is shown.", min=5)] = 10,
    folder: SiteFolder = HERE,
) -> None:
    """Let one project ask this site for counts, until a day. Without this no question is answered.

    Example: mihub site allow --site my-site lung-demo-public.json --until 2027-12-31
    """
    from mihub.apps import site

    site.allow(folder, keys, title=title, until=until.date(), min_cell=min_cell)


@site_app.command("backup")
def site_backup(
    target: Annotated[
        Path, typer.Argument(help="A new file, or a folder that gets one named by site and time.")
    ],
    folder: SiteFolder = HERE,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Also the private keys: whoever has the file is the site.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the whole site to one file, of one moment, while it serves.

    Example: mihub site backup --site my-site /mnt/backups
    """
    from mihub.apps import site_backup as app_backup

    app_backup.backup(folder, target, with_keys=with_keys, as_json=as_json)


@site_app.command("restore")
def site_restore(
    backup: Annotated[Path, typer.Argument(help="A file made by mihub site backup.")],
    folder: Annotated[
        Path,
        typer.Option("--site", help="A new folder; for a backup without keys it holds keys.json and secret."),
    ],
    database_url: Annotated[
        str | None,
        typer.Option(help="An empty PostgreSQL database by URL (default: as the backup's settings say)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a site from a backup, on this or a later version of PostgreSQL; rows of every table are compared.

    Example: mihub site restore my-clinic-20261123T180000Z.mihub-backup --site new-folder
    """
    from mihub.apps import site_backup as app_backup

    app_backup.restore(backup, folder, database_url=database_url, as_json=as_json)


@site_app.command("migrate")
def site_migrate(
    folder: SiteFolder = HERE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do it on the real tables and take all of it back.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the site's tables to this version (every start does), or only say and try what would be done.

    Example: mihub site migrate --site my-site --dry-run
    """
    from mihub.apps import site_doctor

    site_doctor.bring_up_to_date(folder, dry_run=dry_run, as_json=as_json)


@site_app.command("doctor")
def site_doctor_(folder: SiteFolder = HERE, as_json: Json = False) -> None:
    """Say what is wrong with the site and what to do; changes nothing. Exit code 65 when something is wrong.

    Example: mihub site doctor --site my-site
    """
    from mihub.apps import site_doctor

    sys.exit(site_doctor.run(folder, as_json=as_json))


@config_app.command("show")
def config_show(folder: SiteFolder = HERE, as_json: Json = False) -> None:
    """The settings in force at a site, and where each comes from; secrets are never shown.

    Example: mihub config show --site my-site
    """
    from mihub.apps import site

    site.show_config(folder, as_json=as_json)


@subscriptions_app.callback(invoke_without_command=True)
def site_subscriptions(context: typer.Context, folder: SiteFolder = HERE, as_json: Json = False) -> None:
    """List Subscriptions: state, events, last delivery, dead letters with their reasons.

    Example: mihub site subscriptions --site my-site
    """
    if context.invoked_subcommand is not None:
        return
    from mihub.apps import subscriptions

    subscriptions.listed(folder, as_json=as_json)


@subscriptions_app.command("replay")
def site_subscriptions_replay(
    subscription: Annotated[str, typer.Argument(help="The id of the Subscription.")],
    folder: SiteFolder = HERE,
) -> None:
    """Queue the dead letters of a Subscription again, and try at once.

    Example: mihub site subscriptions replay lab-results --site my-site
    """
    from mihub.apps import subscriptions

    subscriptions.replay(folder, subscription)


@subscriptions_app.command("discard")
def site_subscriptions_discard(
    subscription: Annotated[str, typer.Argument(help="The id of the Subscription.")],
    folder: SiteFolder = HERE,
) -> None:
    """Give up the dead letters of a Subscription for good; their numbers stay.

    Example: mihub site subscriptions discard lab-results --site my-site
    """
    from mihub.apps import subscriptions

    subscriptions.discard(folder, subscription)
