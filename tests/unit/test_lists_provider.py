"""A kept list answers what the terminology operations ask of a code system, from any thread and after any other process."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from mihub.site.terminology.lists import FILE_NAME, CodeLists, SqliteCodeSystem, Wanted
from mihub.site.terminology.protocol import CodeSystemProvider, FilterRefused
from tests import code_list_files as files
from tests.unit.test_lists_formats import write

TABLE = (
    "code;display;parent;kind;weight\n"
    "R;Root;;group;\n"
    "A;Apple;R;fruit;100\n"
    "B;Berry;R;fruit;1\n"
    "B1;Blueberry;B;fruit;1\n"
    "AB;Apple and berry;A B;mix;50\n"
)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[SqliteCodeSystem]:
    with CodeLists.open(tmp_path / "codes.sqlite") as lists:
        lists.add([write(tmp_path / "fruit.csv", TABLE)], Wanted("https://example.org/fruit", "1", "Fruit"))
        (found,) = lists
        yield found


def _typed(provider: SqliteCodeSystem) -> CodeSystemProvider:
    return provider


def test_it_is_a_code_system_provider(provider: SqliteCodeSystem) -> None:
    metadata = _typed(provider).metadata
    assert (metadata.url, metadata.version, metadata.title, metadata.size) == (
        "https://example.org/fruit",
        "1",
        "Fruit",
        5,
    )
    assert {one.code for one in metadata.properties} == {"kind", "weight"}


def test_codes_places_and_neighbours(provider: SqliteCodeSystem) -> None:
    assert list(provider.codes()) == ["R", "A", "AB", "B", "B1"]
    assert list(provider.roots()) == ["R"]
    assert list(provider.children("R")) == ["A", "B"]
    assert list(provider.parents("AB")) == ["A", "B"]
    assert provider.concept("nothing") is None
    assert list(provider.parents("nothing")) == []
    assert not provider.subsumes("R", "nothing")
    assert provider.normal("a") is None, "case matters"
    assert provider.normal("A") == "A"


@pytest.mark.parametrize(
    ("name", "op", "value", "found"),
    [
        ("concept", "is-a", "B", ["AB", "B", "B1"]),
        ("concept", "descendent-of", "B", ["AB", "B1"]),
        ("concept", "is-not-a", "B", ["R", "A"]),
        ("concept", "generalizes", "AB", ["R", "A", "AB", "B"]),
        ("concept", "child-of", "R", ["A", "B"]),
        ("concept", "descendent-leaf", "R", ["AB", "B1"]),
        ("concept", "is-a", "nothing", []),
        ("concept", "is-not-a", "nothing", ["R", "A", "AB", "B", "B1"]),
        ("code", "=", "A", ["A"]),
        ("code", "in", "A, B1", ["A", "B1"]),
        ("code", "not-in", "A,B1", ["R", "AB", "B"]),
        ("code", "regex", "B.?", ["B", "B1"]),
        ("display", "regex", ".*berry", ["AB", "B1"]),
        ("parent", "=", "B", ["AB", "B1"]),
        ("child", "=", "AB", ["A", "B"]),
        ("ancestor", "=", "B", ["AB", "B1"]),
        ("child", "exists", "false", ["AB", "B1"]),
        ("parent", "exists", "false", ["R"]),
        ("kind", "=", "fruit", ["A", "B", "B1"]),
        ("kind", "in", "mix,group", ["R", "AB"]),
        ("kind", "not-in", "fruit", ["R", "AB"]),
        ("weight", "exists", "true", ["A", "AB", "B", "B1"]),
        ("weight", "exists", "false", ["R"]),
        ("weight", "regex", "1\\d*", ["A", "B", "B1"]),
    ],
)
def test_filters(provider: SqliteCodeSystem, name: str, op: str, value: str, found: list[str]) -> None:
    assert list(provider.filter(name, op, value)) == found
    for code in provider.codes():
        assert provider.matches(code, name, op, value) == (code in found)


@pytest.mark.parametrize(
    ("name", "op", "value", "why"),
    [
        ("colour", "=", "red", "no filter 'colour'"),
        ("kind", "is-a", "fruit", "with the operator 'is-a'"),
        ("code", "like", "A", "with the operator 'like'"),
        ("code", "regex", "(", "can not be read"),
    ],
)
def test_filters_that_make_no_sense(
    provider: SqliteCodeSystem, name: str, op: str, value: str, why: str
) -> None:
    with pytest.raises(FilterRefused, match=why):
        list(provider.filter(name, op, value))


def test_a_pattern_that_explodes_is_stopped(tmp_path: Path) -> None:
    with CodeLists.open(tmp_path / "codes.sqlite") as lists:
        lists.add(
            [write(tmp_path / "x.csv", f"code;display\nA;{'a' * 60}!\n")], Wanted("https://example.org/x")
        )
        (provider,) = lists
        with pytest.raises(FilterRefused, match="takes too long"):
            list(provider.filter("display", "regex", r"(?:a|aa)+b"))


def test_loinc_codes_are_found_in_any_case(tmp_path: Path) -> None:
    with CodeLists.open(tmp_path / "codes.sqlite") as lists:
        lists.add([files.loinc_release(tmp_path / "Loinc_9.99.zip")])
        loinc = next(iter(lists))
        assert loinc.normal("ll900-1") == "LL900-1"


def test_many_threads_read_while_another_loads(tmp_path: Path) -> None:
    with CodeLists.open(tmp_path / "codes.sqlite") as lists:
        lists.add([write(tmp_path / "fruit.csv", TABLE)], Wanted("https://example.org/fruit", "1"))
        wrong: list[str] = []

        def read() -> None:
            for _ in range(40):
                first = next(one for one in lists if one.metadata.url == "https://example.org/fruit")
                if list(first.filter("concept", "is-a", "B")) != ["AB", "B", "B1"] or not lists.search(
                    "berry"
                ):
                    wrong.append("an answer changed")

        threads = [threading.Thread(target=read) for _ in range(4)]
        for one in threads:
            one.start()
        for year in (2098, 2099):
            lists.add([files.ops_meta(tmp_path / f"ops{year}.zip", year)])
        for one in threads:
            one.join()
        assert wrong == []


def test_another_process_is_noticed_at_the_next_question(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    source = write(tmp_path / "fruit.csv", TABLE)
    with CodeLists.open(path) as lists:
        assert (lists.generation, lists.search("Blueberry"), list(lists)) == (0, [], [])
        code = (
            "import sys; from pathlib import Path; from mihub.site.terminology.lists import CodeLists, Wanted;"
            "lists = CodeLists.open(Path(sys.argv[1]));"
            "print(lists.add([Path(sys.argv[2])], Wanted('https://example.org/fruit', sys.argv[3]))[0].info.size)"
        )
        for version in ("1", "2"):
            before = lists.generation
            done = subprocess.run(
                [sys.executable, "-c", code, str(path), str(source), version],
                check=True,
                capture_output=True,
                text=True,
            )
            assert done.stdout.strip() == "5"
            assert lists.generation > before
            assert lists.providers()[0].metadata.version == version
            assert [hit.code for hit in lists.search("Blueberry")] == ["B1"]


def test_the_command_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from mihub.apps.cli import app

    site = tmp_path / "site"
    site.mkdir()
    (site / "site.toml").write_text("", encoding="utf-8")
    runner = CliRunner()

    def run(*words: str) -> tuple[int, str]:
        result = runner.invoke(app, ["codes", *words, "--site", str(site)])
        return result.exit_code, result.stdout

    meta = files.icd_meta(tmp_path / "icd10gm2099syst-meta.zip")
    bad = files.zipped(tmp_path / "Loinc_9.99.zip", {"Loinc.csv": "LOINC_NUM\n1-1\n"})
    code, out = run("add", str(meta), "--json")
    assert code == 0
    (added,) = orjson.loads(out)["lists"]
    assert (added["key"], added["version"], added["size"]) == ("icd-10-gm", "2099", 6)
    assert added["left_out"][0]["count"] == 1
    code, out = run("add", str(bad))
    assert (code, "has no column COMPONENT" in out) == (65, True)
    assert "maschinenlesbaren Fassung des Bundesinstituts" in run("list")[1]
    (hit,) = orjson.loads(run("search", "oberlüfte", "--json")[1])["hits"]
    assert (hit["code"], hit["path"][0]["code"]) == ("X34.1", "XXI")
    assert "XXI > X30-X39 > X34" in run("search", "oberlüfte")[1]
    assert run("remove", "icd-10-gm", "--json")[0] == 0
    assert "No code list is loaded" in run("list")[1]
