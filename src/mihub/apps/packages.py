"""`mihub packages ...`: the FHIR packages of a site. Below: `site.packages`; beside: `folders`, `console`.

Works on the file in the site's folder, whether the site runs or not; a running site sees the change at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from mihub.apps import console, folders
from mihub.errors import InvalidInput, MihubError, NotFound
from mihub.site.packages.account import Added, Candidate, Dependency, Package, Refused, SetAside
from mihub.site.packages.shelf import FILE_NAME, Shelf

_SHOWN = 20


@contextmanager
def opened(folder: Path) -> Iterator[Shelf]:
    """The shelf of a site's folder. Raises when the folder is no site's."""
    folders.read(folder, "site")
    with closing(Shelf.open(folder / FILE_NAME)) as shelf:
        yield shelf


def add(folder: Path, sources: Sequence[str], *, as_json: bool) -> int:
    """Add packages, print the account, return the exit code: 65 when a package was refused."""
    with opened(folder) as shelf, ExitStack() as stack:
        paths: dict[Path, str] = {}
        refused: list[Refused] = []
        for source in sources:
            try:
                paths[_path(source, stack)] = source
            except MihubError as error:
                if len(sources) == 1:
                    raise
                refused.append(Refused(source, error.what, error.rule, error.next_step))
        done = shelf.add(*paths) if paths else Added((), (), (), (), 0.0)
        # A fetched package lay in a temporary file: the operator knows the address.
        told = (replace(one, source=paths.get(Path(one.source), one.source)) for one in done.refused)
        done = replace(done, refused=(*refused, *told))
        loaded = {one.name: one.version for one in shelf.list()} if done.added else {}
    if as_json:
        console.json_line(done.to_json())
    else:
        _print_added(done, loaded)
    return InvalidInput.exit_code if done.refused else 0


def _path(source: str, stack: ExitStack) -> Path:
    if "://" not in source:
        return Path(source)
    import httpx

    from mihub.site.packages import fetch

    client = stack.enter_context(httpx.Client(timeout=fetch.TIMEOUT_SECONDS))
    with console.progress(source, quiet=False) as step:
        step(0, 0)
        return stack.enter_context(fetch.fetched(source, client))


def _print_added(done: Added, loaded: dict[str, str]) -> None:
    write = _write
    for package in done.added:
        kinds = ", ".join(f"{count} {kind}" for kind, count in package.resources.items()) or "no definitions"
        examples = f"; {package.examples} examples kept apart" if package.examples else ""
        again = " It replaces the one that was loaded." if package.label in done.replaced else ""
        write(f"{package.label}: {kinds}{examples}.{again}")
        _print_aside("set aside", package.set_aside)
        _print_dependencies(package, loaded)
    _print_aside("unusable", done.unusable)
    for label in done.unchanged:
        write(f"{label} was there already, with the same content.")
    for refused in done.refused:
        rule = f" Rule: {refused.rule}." if refused.rule else ""
        write(f"refused: {refused.source}: {refused.what}{rule} Next: {refused.next_step}")
    kinds_together = sum((Counter(package.resources) for package in done.added), Counter())
    write(
        f"Packages: {len(done.added)} added, {len(done.unchanged)} unchanged, {len(done.refused)} refused. "
        f"Definitions: {sum(kinds_together.values())}. Took {done.seconds:.1f} s."
    )


def _print_aside(word: str, aside: Sequence[SetAside]) -> None:
    for one in aside[:_SHOWN]:
        _write(f"  {word}: {one}")
    if len(aside) > _SHOWN:
        _write(f"  and {len(aside) - _SHOWN} more; all of them with --json")


def _print_dependencies(package: Package, loaded: dict[str, str]) -> None:
    for one in package.dependencies:
        if one.missing:
            _write(f"  missing: {_missing(one, loaded)}")
        elif not one.exact:
            _write(f"  note: it asks for {one.name}#{one.asked}; {one.served_by} answers instead.")
    if package.cycle:
        _write(f"  note: it depends on itself over {', '.join(package.cycle)}; all of them are loaded.")


def _missing(one: Dependency, loaded: dict[str, str]) -> str:
    version = one.asked or "(any version)"
    instead = f" Until then {one.name}#{loaded[one.name]} is used." if one.name in loaded else ""
    return (
        f"{one.name}#{version} is not loaded.{instead} "
        f"Next: get {one.name}-{version}.tgz from its publisher, then: mihub packages add FILE"
    )


def show(folder: Path, *, as_json: bool) -> None:
    """Every package with what is in it."""
    with opened(folder) as shelf:
        packages = shelf.list()
    if as_json:
        console.json_line({"packages": [one.to_json() for one in packages]})
        return
    for one in packages:
        missing = [f"{need.name}#{need.asked}" for need in one.dependencies if need.missing]
        parts = [f"{sum(one.resources.values())} definitions", f"{one.examples} examples"]
        parts += [f"{len(one.set_aside)} set aside"] if one.set_aside else []
        parts += [f"missing {', '.join(missing)}"] if missing else []
        _write(f"{one.label}: {'; '.join(parts)}")
    if not packages:
        _write(
            "No package is loaded; the program's own R4 core (4.0.1) answers. Next: mihub packages add --help"
        )


def check(folder: Path, package: str, *, as_json: bool) -> int:
    """Every profile against its base; return the exit code: 65 when one contradicts it."""
    with opened(folder) as shelf:
        found = shelf.check(package.replace("@", "#", 1) if not package.startswith("@") else package)
    faults = sum(len(said) for said in found.values())
    if as_json:
        console.json_line({label: [asdict(one) for one in said] for label, said in found.items()})
    else:
        for label, said in found.items():
            _write(
                f"{label}: {len(said) or 'no'} profile(s) that contradict their base or can not be built on it"
            )
            _print_aside("profile", said)
    return InvalidInput.exit_code if faults else 0


def remove(folder: Path, package: str, *, as_json: bool) -> None:
    """Take one package off, named `name` or `name#version` (`@` is understood too)."""
    name, _, version = (
        package.replace("@", "#", 1).partition("#") if not package.startswith("@") else _scoped(package)
    )
    with opened(folder) as shelf:
        gone = shelf.remove(name, version)
        orphans = [
            one.label
            for one in shelf.list()
            if any(need.name == name and need.missing for need in one.dependencies)
        ]
    if as_json:
        console.json_line({"removed": gone.label, "missed_by": orphans})
        return
    _write(f"{gone.label} is removed.")
    if orphans:
        _write(f"  missed now by: {', '.join(orphans)}")


def _scoped(package: str) -> tuple[str, str, str]:
    """`@scope/name@version`: only the second sign parts name and version."""
    name, sign, version = package[1:].replace("@", "#", 1).partition("#")
    return f"@{name}", sign, version


def why(folder: Path, canonical: str, *, asked_from: str, as_json: bool) -> None:
    """How a canonical resolves. Raises `NotFound` when nothing on the shelf answers."""
    with opened(folder) as shelf:
        found = shelf.why(canonical, asked_from=asked_from)
    if as_json:
        console.json_line(found.to_json())
    else:
        for one in sorted(found.candidates, key=lambda one: not one.wins):
            _print_candidate(one)
    if not found.rule:
        nearest = found.hints or tuple(f"{one.url}|{one.version} is there." for one in found.candidates)
        raise NotFound(
            f"Nothing on the shelf answers to {canonical}.",
            rule="loaded packages, then the program's own R4 core",
            next_step=" ".join(nearest) or "Add the package that defines it: mihub packages add FILE",
        )


def _print_candidate(one: Candidate) -> None:
    version = f"|{one.version}" if one.version else ""
    origin = "the program itself" if one.built_in else f"{one.package}, {one.place}"
    _write(f"{'->' if one.wins else '  '} {one.resource_type} {one.url}{version}")
    _write(f"     from {origin}: {one.reason}")
    if one.dependents and not one.built_in:
        _write(f"     its package is asked for by {', '.join(one.dependents)}")


def _write(text: str) -> None:
    console.out.print(text, markup=False)


def profile(folder: Path, canonical: str, *, as_json: bool) -> None:
    """What a profile asks of data and of systems. Raises `NotFound`."""
    from mihub.site.validate.summary import profile_summary

    with opened(folder) as shelf:
        told = profile_summary(shelf, canonical)
    if as_json:
        console.json_line(asdict(told))
        return
    console.out.print(
        f"{told.title} ({told.type})\n{told.url}|{told.version} from {told.package}", markup=False
    )
    for one in told.asked:
        marks = [f"{one.min}..{one.max}", *one.types]
        marks += ["must support"] if one.must_support else []
        marks += [f"{one.strength}: {one.binding}"] if one.binding else []
        marks += [f"obligation {each.code} {' '.join(each.actors)}".rstrip() for each in one.obligations]
        console.out.print(f"  {one.element}: {', '.join(marks)}", markup=False)
