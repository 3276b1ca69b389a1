"""The command line `mihub`: thin commands over the composition; every one has help with an example.

Results go to standard output (one JSON line with `--json`), everything else to standard error. Exit codes by kind of error:
docs/reference/errors.md. Below: `console`, and one module per role.
"""

from __future__ import annotations

import sys

from mihub.apps import console
from mihub.apps.cli.everyday import app
from mihub.apps.cli.hub import hub_app, trust_app
from mihub.apps.cli.knowledge import codes_app, packages_app
from mihub.apps.cli.quarantine import quarantine_app
from mihub.apps.cli.site import config_app, site_app, subscriptions_app
from mihub.apps.cli.views import views_app

app.add_typer(site_app, name="site")
app.add_typer(hub_app, name="hub")
app.add_typer(trust_app, name="trust")
app.add_typer(config_app, name="config")
app.add_typer(packages_app, name="packages")
app.add_typer(views_app, name="views")
app.add_typer(codes_app, name="codes")
app.add_typer(quarantine_app, name="quarantine")
site_app.add_typer(subscriptions_app, name="subscriptions")


def main() -> None:
    """The entry point: runs a command and exits with its code."""

    def command() -> None:
        code = app(standalone_mode=False, prog_name="mihub")
        if isinstance(code, int) and code:
            sys.exit(code)

    sys.exit(console.run(command))


__all__ = ["app", "main"]
