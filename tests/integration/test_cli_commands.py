"""The command line without data: help, wrong words, folders, joining, settings. One sentence and a code, never a trace."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mihub.apps import cli, folders
from tests.cli_line import CommandLine


@pytest.fixture
def line(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    before = signal.getsignal(signal.SIGTERM)
    yield CommandLine(capfd, monkeypatch)
    signal.signal(signal.SIGTERM, before)


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, sub in getattr(command, "commands", {}).items():
        yield from _commands(sub, (*words, name))


ALL = list(_commands(typer.main.get_command(cli.app), ()))


def test_the_command_line_offers_what_the_documents_say() -> None:
    offered = {" ".join(words) for words, _ in ALL if words}
    page = (Path(__file__).parents[2] / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert offered == set(re.findall(r"^## `mihub (.+)`$", page, re.MULTILINE))


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) or "mihub" for words, _ in ALL])
def test_every_command_helps_with_an_example(words: tuple[str, ...], command: Any, line: CommandLine) -> None:
    shown = line.run(*words, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert f"Example: mihub {' '.join(words)}".strip() in " ".join(shown.out.split())
    options = [parameter for parameter in command.params if parameter.name != "help"]
    assert all(parameter.help for parameter in options), "an option without a meaning"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "No such command 'nope'. Next: mihub --help"),
        (["--nope"], "No such option: --nope. Next: mihub --help"),
        (["site", "init"], "Missing argument 'folder'. Next: mihub site init --help"),
        (["synth", "out", "--people", "3"], "Next: mihub synth --help"),
        (["site", "allow", "keys.json", "--until", "soon"], "Next: mihub site allow --help"),
    ],
)
def test_wrong_words_are_named_with_the_place_of_help(words: list[str], said: str, line: CommandLine) -> None:
    refused = line.run(*words)
    assert (refused.code, refused.out) == (64, "")
    assert said in refused.sentence


def test_no_words_at_all_show_the_help(line: CommandLine) -> None:
    assert "Usage: mihub" in line.run().out


@pytest.mark.parametrize(
    "words",
    [
        ["site", "status"], ["site", "import", "x"], ["site", "serve"], ["site", "count", "x"],
        ["config", "show"], ["hub", "serve"], ["hub", "enrol", "x"], ["hub", "project", "lung"],
        ["trust", "serve"], ["trust", "join", "--members", "x", "--registry", "x"],
        ["site", "join", "--members", "x", "--registry", "x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_folder_without_the_role_is_named(
    words: list[str], line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = line.run(*words)
    assert refused.code == 78
    assert str(tmp_path) in refused.sentence
    assert "make one: mihub" in refused.sentence
    assert not list(tmp_path.iterdir()), "a refused command left something behind"


def test_site_init_makes_a_private_folder_and_never_overwrites(line: CommandLine, tmp_path: Path) -> None:
    site = tmp_path / "my-site"
    made = line.run("site", "init", str(site), "--member", "my-clinic", "--name", "My clinic", "--json")
    assert made.json.keys() == {"member", "fingerprint"}
    for secret in ("keys.json", "secret"):
        assert (site / secret).stat().st_mode & 0o077 == 0
    settings = (site / "site.toml").read_text()
    again = line.run("site", "init", str(site), "--member", "other")
    assert (again.code, (site / "site.toml").read_text()) == (78, settings)
    assert "exists already" in again.sentence


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--member", "My Clinic"], 65, "lower case letters"),
        (["--member", "a" * 60], 65, "lower case letters"),
        (["--member", "my-clinic", "--hub-url", "ftp://x"], 78, "--hub-url is not an address"),
        (["--member", "my-clinic", "--trust-url", "http://h:1."], 78, "--trust-url is not an address"),
    ],
)
def test_site_init_refuses_what_it_can_not_use(
    more: list[str], code: int, said: str, line: CommandLine, tmp_path: Path
) -> None:
    refused = line.run("site", "init", str(tmp_path / "s"), *more)
    assert refused.code == code
    assert said in refused.sentence
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("prot = 8100", "unknown key 'prot'"),
        ("data_dir = 'elsewhere'", "unknown key 'data_dir'"),
        ("page_size = 'many'", "'page_size' in site.toml is not a whole number"),
        ("page_size = true", "'page_size' in site.toml is not a whole number"),
        ("time_zone = 3", "'time_zone' in site.toml is not a text"),
        ("base_url", "can not be read as TOML"),
    ],
)
def test_a_setting_that_means_nothing_is_named(
    bad: str, said: str, line: CommandLine, tmp_path: Path
) -> None:
    line.run("site", "init", str(tmp_path / "s"), "--member", "my-clinic")
    with (tmp_path / "s" / "site.toml").open("a") as settings:
        settings.write(bad + "\n")
    refused = line.run("config", "show", "--site", str(tmp_path / "s"))
    assert refused.code == 78
    assert said in refused.sentence


def test_config_show_tells_where_a_value_comes_from_and_hides_the_password(
    line: CommandLine, tmp_path: Path
) -> None:
    line.run("site", "init", str(tmp_path / "s"), "--member", "my-clinic")
    settings = tmp_path / "s" / "site.toml"
    settings.write_text(
        settings.read_text().replace('database_url = ""', 'database_url = "postgresql://u:geheim@h/d"')
    )
    shown = line.run("config", "show", "--site", str(tmp_path / "s"), "--json")
    assert shown.json["member"] == {"value": "my-clinic", "from": "site.toml"}
    assert shown.json["page_size"]["from"] == "default"
    assert shown.json["database_url"]["value"] == "(set)"
    for output in (shown, line.run("config", "show", "--site", str(tmp_path / "s"))):
        assert "geheim" not in output.out + output.err


@pytest.fixture
def region(line: CommandLine, tmp_path: Path) -> Path:
    """A hub and a site that the hub has not enrolled yet."""
    assert line.run("hub", "init", str(tmp_path / "hub")).code == 0
    assert line.run("site", "init", str(tmp_path / "s"), "--member", "my-clinic").code == 0
    return tmp_path


def _join(line: CommandLine, region: Path, *more: str) -> Any:
    hub = region / "hub"
    listed = ["--members", str(hub / "members.jws"), "--registry", str(hub / "registry-public.json")]
    return line.run("site", "join", "--site", str(region / "s"), *listed, *more)


def test_a_site_joins_once_it_is_enrolled_and_keeps_the_linkage_key(line: CommandLine, region: Path) -> None:
    hub = region / "hub"
    refused = _join(line, region)
    assert refused.code == 78
    assert "does not hold my-clinic" in refused.sentence
    assert not (region / "s" / "members.jws").exists()

    assert line.run("hub", "enrol", "--hub", str(hub), str(region / "s" / "member.json")).code == 0
    joined = _join(line, region, "--linkage-key", str(hub / "linkage.key"))
    assert "Joined mihub: 2 members" in joined.err
    kept = region / "s" / "linkage.key"
    assert folders.read_linkage_key(kept) == folders.read_linkage_key(hub / "linkage.key")
    assert kept.stat().st_mode & 0o077 == 0


def test_a_list_of_another_registry_or_no_list_is_refused(line: CommandLine, region: Path) -> None:
    line.run("hub", "init", str(region / "other"))
    line.run("hub", "enrol", "--hub", str(region / "hub"), str(region / "s" / "member.json"))
    members, other = str(region / "hub" / "members.jws"), str(region / "other" / "registry-public.json")
    forged = line.run("site", "join", "--site", str(region / "s"), "--members", members, "--registry", other)
    assert forged.code == 77
    garbage = region / "garbage"
    garbage.write_bytes(b"\x00\xff")
    refused = _join(line, region, "--linkage-key", str(garbage))
    assert refused.code == 65
    assert "no linkage key" in refused.sentence
    missing = line.run(
        "site", "join", "--site", str(region / "s"), "--members", "nowhere", "--registry", other
    )
    assert missing.code == 66
    assert not (region / "s" / "members.jws").exists()


def test_the_registrys_key_may_be_kept_elsewhere(line: CommandLine, region: Path) -> None:
    hub, safe, member = region / "hub", region / "registry.json", str(region / "s" / "member.json")
    (hub / "registry.json").rename(safe)
    refused = line.run("hub", "enrol", "--hub", str(hub), member)
    assert refused.code == 78
    assert "--registry FILE" in refused.sentence
    assert line.run("hub", "enrol", "--hub", str(hub), member, "--registry", str(safe)).code == 0
    before = (hub / "members.jws").read_text()
    assert line.run("hub", "renew", "--hub", str(hub), "--registry", str(safe)).code == 0
    assert (hub / "members.jws").read_text() != before
    assert _join(line, region).code == 0


@pytest.mark.parametrize("name", ["Lung", "../x", "keys", "registry"])
def test_a_project_never_overwrites_the_hubs_own_files(name: str, line: CommandLine, region: Path) -> None:
    before = {path.name: path.read_bytes() for path in (region / "hub").iterdir()}
    refused = line.run("hub", "project", name, "--hub", str(region / "hub"))
    assert refused.code == 65
    assert {path.name: path.read_bytes() for path in (region / "hub").iterdir()} == before


def test_an_unknown_duty_and_a_file_without_keys_are_refused(line: CommandLine, region: Path) -> None:
    member = str(region / "s" / "member.json")
    refused = line.run("hub", "enrol", "--hub", str(region / "hub"), member, "--duty", "king")
    assert (refused.code, "A duty is unknown" in refused.sentence) == (65, True)
    garbage = region / "garbage.json"
    garbage.write_text("{}")
    refused = line.run("hub", "enrol", "--hub", str(region / "hub"), str(garbage))
    assert refused.code == 65


def test_synth_says_what_it_wrote_and_refuses_a_full_folder(line: CommandLine, tmp_path: Path) -> None:
    out = str(tmp_path / "region")
    written = line.run("synth", out, "--people", "20", "--json")
    assert written.json.keys() == {"people", "resources", "reports", "size_bytes", "seconds"}
    refused = line.run("synth", out, "--people", "20")
    assert (refused.code, "is not empty" in refused.sentence) == (65, True)


def test_the_system_s_refusal_names_the_place(line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = line.run("synth", str(tmp_path / "file"))
    assert refused.code == 74
    assert f"Where: {tmp_path / 'file'}" in refused.sentence
