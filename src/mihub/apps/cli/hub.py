"""Commands for the hub between the sites, and the trust centre."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mihub.apps.cli.options import HERE, Host, HubFolder, Port, Registry, TrustFolder

hub_app = typer.Typer(no_args_is_help=True, help="The hub between the sites.\n\nExample: mihub hub init hub")

trust_app = typer.Typer(no_args_is_help=True, help="The trust centre.\n\nExample: mihub trust init trust")


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
