"""The command line `mihub`: thin commands over the composition; every one has help with an example.

Results go to standard output (one JSON line with `--json`), everything else to standard error. Exit codes by kind of error:
docs/reference/errors.md. Below: `console`, and one module per role.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mihub import __version__
from mihub.apps import console

app = typer.Typer(
    name="mihub",
    help="Run a whole health region, or one part of it.\n\nExample: mihub demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
site_app = typer.Typer(
    no_args_is_help=True,
    help="One organisation's own site.\n\nExample: mihub site init my-site --member my-clinic",
)
hub_app = typer.Typer(no_args_is_help=True, help="The hub between the sites.\n\nExample: mihub hub init hub")
trust_app = typer.Typer(no_args_is_help=True, help="The trust centre.\n\nExample: mihub trust init trust")
config_app = typer.Typer(
    no_args_is_help=True, help="Settings in force.\n\nExample: mihub config show --site my-site"
)
app.add_typer(site_app, name="site")
app.add_typer(hub_app, name="hub")
app.add_typer(trust_app, name="trust")
app.add_typer(config_app, name="config")
packages_app = typer.Typer(
    no_args_is_help=True,
    help="FHIR packages of a site: profiles, value sets, code systems.\n\nExample: mihub packages add base-1.5.4.tgz",
)
app.add_typer(packages_app, name="packages")
views_app = typer.Typer(
    no_args_is_help=True,
    help="Tables from FHIR by ViewDefinitions.\n\nExample: mihub views run view.json --from data/ --out table.csv",
)
app.add_typer(views_app, name="views")
codes_app = typer.Typer(
    no_args_is_help=True,
    help="Publishers' code lists of a site: ICD-10-GM, OPS, LOINC ...\n\nExample: mihub codes add icd10gm2026syst-claml.zip",
)
app.add_typer(codes_app, name="codes")
quarantine_app = typer.Typer(
    no_args_is_help=True,
    help="What a site refused: look, repair, try again, discard.\n\nExample: mihub quarantine list --site my-site",
)
app.add_typer(quarantine_app, name="quarantine")

subscriptions_app = typer.Typer(
    help="Who is told of changes here (FHIR Subscriptions), and what was not taken.\n\n"
    "Example: mihub site subscriptions --site my-site",
)
site_app.add_typer(subscriptions_app, name="subscriptions")

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


def main() -> None:
    """The entry point: runs a command and exits with its code."""

    def command() -> None:
        code = app(standalone_mode=False, prog_name="mihub")
        if isinstance(code, int) and code:
            sys.exit(code)

    sys.exit(console.run(command))


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


@hub_app.command("init")
def hub_init(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    network: Annotated[str, typer.Option(help="Name of the region.")] = "mihub",
) -> None:
    """Make a hub, and the registry whose key signs the list of members.

    Example: mihub hub init hub
    """
    from mihub.apps import network as network_app

    network_app.init_hub(folder, network)


@hub_app.command("enrol")
def hub_enrol(
    member: Annotated[Path, typer.Argument(help="The member.json that the organisation sent.")],
    name: Annotated[str, typer.Option(help="The organisation's name as people read it.")] = "",
    kind: Annotated[str, typer.Option(help="hospital, practice, ...")] = "",
    duty: Annotated[
        list[str] | None, typer.Option(help="site, record, portal, hub or trust; may repeat (default: site).")
    ] = None,
    registry: Registry = None,
    folder: HubFolder = HERE,
) -> None:
    """Enter an organisation into the list of members, after its fingerprint was confirmed by telephone.

    Example: mihub hub enrol --hub hub my-site/member.json --name "My clinic"
    """
    from mihub.apps import network as network_app

    network_app.enrol(folder, member, name=name, kind=kind, duties=duty or ["site"], registry_key=registry)


@hub_app.command("renew")
def hub_renew(registry: Registry = None, folder: HubFolder = HERE) -> None:
    """Sign the list of members anew, at least once a month: an expired list stops the region.

    Example: mihub hub renew --hub hub --registry /media/safe/registry.json
    """
    from mihub.apps import network as network_app

    network_app.renew(folder, registry_key=registry)


@hub_app.command("project")
def hub_project(
    project: Annotated[str, typer.Argument(help="The project's id: lower case letters, digits, hyphen.")],
    title: Annotated[str, typer.Option(help="What the project is about.")] = "",
    folder: HubFolder = HERE,
) -> None:
    """Enter a research project and make its keys: the public half for the sites, the private one for its portal alone.

    Example: mihub hub project lung-demo --hub hub --title "Lung cancer, feasibility"
    """
    from mihub.apps import network as network_app

    network_app.add_project(folder, project, title)


@hub_app.command("serve")
def hub_serve(folder: HubFolder = HERE, host: Host = "127.0.0.1", port: Port = 0) -> None:
    """Serve the hub until stopped.

    Example: mihub hub serve --hub hub --port 8001
    """
    from mihub.apps import hub

    hub.serve(folder, host=host, port=port)


@trust_app.command("init")
def trust_init(folder: Annotated[Path, typer.Argument(help="A new folder.")]) -> None:
    """Make a trust centre.

    Example: mihub trust init trust
    """
    from mihub.apps import trust

    trust.init(folder)


@trust_app.command("join")
def trust_join(
    members: Annotated[Path, typer.Option(help="members.jws from the network's operator.")],
    registry: Annotated[Path, typer.Option(help="registry-public.json, handed over outside the network.")],
    folder: TrustFolder = HERE,
) -> None:
    """Join a region: check the signed list of members and keep it.

    Example: mihub trust join --trust trust --members members.jws --registry registry-public.json
    """
    from mihub.apps import network

    network.join(folder, members, registry, role="trust")


@trust_app.command("serve")
def trust_serve(folder: TrustFolder = HERE, host: Host = "127.0.0.1", port: Port = 0) -> None:
    """Serve the trust centre until stopped.

    Example: mihub trust serve --trust trust --port 8002
    """
    from mihub.apps import trust

    trust.serve(folder, host=host, port=port)


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


@config_app.command("show")
def config_show(folder: SiteFolder = HERE, as_json: Json = False) -> None:
    """The settings in force at a site, and where each comes from; secrets are never shown.

    Example: mihub config show --site my-site
    """
    from mihub.apps import site

    site.show_config(folder, as_json=as_json)


__all__: list[Any] = ["app", "main"]
