"""What is wrong with a file is said in a sentence with its place; nothing is half-kept, and what is right of it loads."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mihub.errors import ConfigurationError, InvalidInput, MihubError, NotFound, NotSupported, TooLarge
from mihub.site.terminology.lists import Added, CodeLists, Wanted
from mihub.site.terminology.lists.recognise import recognised
from mihub.site.terminology.lists.sources import Sources
from mihub.site.terminology.lists.systems import by_name
from tests import code_list_files as files
from tests.unit.test_lists_formats import write


@pytest.fixture
def lists(tmp_path: Path) -> Iterator[CodeLists]:
    with CodeLists.open(tmp_path / "codes.sqlite") as opened:
        yield opened


def failure(lists: CodeLists, *paths: Path, wanted: Wanted | None = None) -> MihubError:
    """What is said of files that are refused."""
    try:
        (added,) = lists.add(paths, wanted)
    except MihubError as error:
        return error
    assert added.refused is not None, added
    return added.refused


def refusal(lists: CodeLists, *paths: Path, wanted: Wanted | None = None) -> MihubError:
    """The same, and nothing of them is kept."""
    said = failure(lists, *paths, wanted=wanted)
    assert said.what.endswith("."), "a whole sentence"
    assert said.next_step, "and what to do"
    assert lists.lists() == ()
    return said


def kept(lists: CodeLists, *paths: Path, wanted: Wanted | None = None) -> Added:
    (added,) = lists.add(paths, wanted)
    assert added.refused is None, added.refused
    return added


def odd(added: Added) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {one.what: (one.count, one.examples) for one in added.problems}


@pytest.mark.parametrize(
    ("encoding", "seems"),
    [
        ("cp850", "DOS"),
        ("cp437", "DOS"),
        ("mac_roman", "Macintosh"),
        ("utf-32", "UTF-32"),
        ("utf-16-le", "UTF-16 without its mark"),
    ],
)
def test_a_wrong_encoding_is_refused_not_read_as_other_letters(
    lists: CodeLists, tmp_path: Path, encoding: str, seems: str
) -> None:
    text = "".join(f"1|I90000{at}|X34.1|||||Mäßige Entzündung der Lüfte, größer\n" for at in range(5))
    said = refusal(lists, write(tmp_path / "alphaid2099.txt", text, encoding))
    assert (
        "not written in an encoding that can be read safely" in said.what or "None of the files" in said.what
    )
    if "encoding" in said.what:
        assert seems in said.what


def test_text_that_was_encoded_twice_is_refused_with_its_line(lists: CodeLists, tmp_path: Path) -> None:
    twice = "1|I1|X34|||||Luft\n1|I2|X34|||||Entzündung\n".encode().decode("cp1252")
    said = refusal(lists, write(tmp_path / "alphaid2099.txt", twice))
    assert "encoded twice" in said.what
    assert said.where == "alphaid2099.txt, line 2"


def test_a_zip_that_is_cut_off(lists: CodeLists, tmp_path: Path) -> None:
    whole = files.icd_meta(tmp_path / "icd10gm2099syst-meta.zip").read_bytes()
    (tmp_path / "icd10gm2099syst-meta.zip").write_bytes(whole[: len(whole) // 2])
    said = refusal(lists, tmp_path / "icd10gm2099syst-meta.zip")
    assert "can not be unpacked: the ZIP file is cut off or damaged" in said.what


def test_a_zip_with_damaged_bytes_inside(lists: CodeLists, tmp_path: Path) -> None:
    path = files.zipped(tmp_path / "alphaid2099.zip", {"alphaid2099.txt": files.ALPHA_ID * 200})
    body = bytearray(path.read_bytes())
    body[80:140] = bytes(60)
    path.write_bytes(bytes(body))
    assert "cut off or damaged" in refusal(lists, path).what


def test_a_zip_bomb_is_not_unpacked(lists: CodeLists, tmp_path: Path) -> None:
    path = files.zipped(tmp_path / "alphaid2099.zip", {"alphaid2099.txt": b" " * (64 * 2**20)})
    said = refusal(lists, path)
    assert isinstance(said, TooLarge)
    assert "would unpack to far more than a code list holds" in said.what


def test_a_member_that_is_longer_than_it_says(lists: CodeLists, tmp_path: Path) -> None:
    path = files.zipped(tmp_path / "alphaid2099.zip", {"alphaid2099.txt": files.ALPHA_ID * 400})
    with Sources([path]) as sources:
        (file,) = sources.files
        assert file.member is not None
        file.member.file_size = 100
        with pytest.raises(MihubError, match=r"far more than|cut off"):
            file.open().read()


def test_a_zip_with_a_password(lists: CodeLists, tmp_path: Path) -> None:
    path = files.zipped(tmp_path / "alphaid2099.zip", {"alphaid2099.txt": files.ALPHA_ID})
    body = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = body.find(mark)
        body[at + place] |= 1
    path.write_bytes(bytes(body))
    assert "locked with a password" in refusal(lists, path).what


def test_external_entities_are_never_resolved(lists: CodeLists, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret", encoding="utf-8")
    text = files.CLAML_ICD.replace(
        '<!DOCTYPE ClaML SYSTEM "ClaML.dtd">', f'<!DOCTYPE ClaML [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    ).replace("Oberlüfte", "&x;")
    said = refusal(lists, write(tmp_path / "icd.xml", text))
    assert "declares entities; it was not read" in said.what


def test_entities_that_grow_are_refused_in_claml(lists: CodeLists, tmp_path: Path) -> None:
    text = files.CLAML_ICD.replace(
        '<!DOCTYPE ClaML SYSTEM "ClaML.dtd">', '<!DOCTYPE ClaML [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'
    )
    assert "declares entities" in refusal(lists, write(tmp_path / "icd.xml", text)).what


def test_a_claml_file_that_breaks_off(lists: CodeLists, tmp_path: Path) -> None:
    said = refusal(lists, write(tmp_path / "icd.xml", files.CLAML_ICD[:-400]))
    assert "is no whole XML file" in said.what
    assert "line" in said.where


def test_a_claml_file_of_another_classification(lists: CodeLists, tmp_path: Path) -> None:
    text = files.claml("1", [("A", "category", "Etwas", ())], name="Something")
    assert "does not say which classification it is" in refusal(lists, write(tmp_path / "x.xml", text)).what


def test_wrong_columns_are_named(lists: CodeLists, tmp_path: Path) -> None:
    path = files.zipped(tmp_path / "Loinc_9.99.zip", {"Loinc.csv": "LOINC_NUM,COMPONENT\n1-1,x\n"})
    said = refusal(lists, path)
    assert "has no column LONG_COMMON_NAME, STATUS" in said.what
    assert said.where.endswith("line 1")


def test_rows_with_other_columns_are_counted_and_the_rest_loads(lists: CodeLists, tmp_path: Path) -> None:
    codes = files.ICD_CODES + "4;T;X\n4;T;X;21;X30;X35.1;Unsinn;X351;Titel;a;b;c;V;V\n"
    added = kept(lists, files.icd_meta(tmp_path / "icd10gm2099syst-meta.zip", codes=codes))
    found = odd(added)
    assert found["rows with another number of columns than expected were left out"] == (
        1,
        ("icd10gm2099syst_kodes.txt, line 4",),
    )
    assert found["rows without a code were left out"] == (1, ("icd10gm2099syst_kodes.txt, line 5",))


def test_codes_twice_parents_missing_and_circles(lists: CodeLists, tmp_path: Path) -> None:
    text = "code;display;parent\nA;Erste;\nA;Zweite;\nB;Kind;Z\nC;Kreis;D\nD;Kreis;C\nE;Selbst;E\n;Ohne;\n"
    added = kept(lists, write(tmp_path / "own.csv", text), wanted=Wanted("https://clinic.example/x"))
    found = odd(added)
    assert found["codes that stand twice: the first was kept"] == (1, ("own.csv, line 3, A",))
    assert found["parents that the list does not have were left out"] == (1, ("Z (of B)",))
    assert found["parents that make a circle were left out"][0] == 2
    assert found["rows without a code were left out"][0] == 1
    (provider,) = lists
    assert set(provider.codes()) == {"A", "B", "C", "D", "E"}
    assert provider.concept("A").display == "Erste"  # type: ignore[union-attr]
    assert provider.subsumes("C", "D") != provider.subsumes("D", "C"), "the circle is cut once"


def test_a_parent_that_a_claml_file_does_not_have(lists: CodeLists, tmp_path: Path) -> None:
    text = files.claml(
        "2099", [("A", "category", "Etwas", ("B",)), ("A", "category", "Nochmals", ())], name="ICD-10-GM"
    )
    found = odd(kept(lists, write(tmp_path / "icd.xml", text)))
    assert "B (of A)" in found["parents that the list does not have were left out"][1]
    assert found["codes that stand twice: the first was kept"][0] == 1


def test_a_modifier_that_is_not_defined(lists: CodeLists, tmp_path: Path) -> None:
    text = files.CLAML_ICD.replace('<ModifiedBy code="S90X40_5"/>', '<ModifiedBy code="NONE"/>')
    found = odd(kept(lists, write(tmp_path / "icd.xml", text)))
    assert found["modifiers that the file does not define were left out"] == (1, ("NONE at X40",))


def test_files_that_are_no_code_list(lists: CodeLists, tmp_path: Path) -> None:
    said = refusal(lists, write(tmp_path / "letter.txt", "Dear colleague,\nplease find ...\n"))
    assert "None of the files is a code list" in said.what
    assert "letter.txt" in said.where


def test_an_empty_table_and_an_empty_list(lists: CodeLists, tmp_path: Path) -> None:
    said = refusal(
        lists, write(tmp_path / "own.csv", "code;display\n"), wanted=Wanted("https://clinic.example/x")
    )
    assert "No code was found" in said.what


def test_a_table_without_its_system(lists: CodeLists, tmp_path: Path) -> None:
    said = refusal(lists, write(tmp_path / "own.csv", "code;display\nA;B\n"))
    assert "does not say of which code system" in said.what
    assert "--system" in said.next_step


def test_an_incomplete_snomed_release(lists: CodeLists, tmp_path: Path) -> None:
    path = files.zipped(tmp_path / "s.zip", {"sct2_Concept_Snapshot_INT_20990131.txt": "id\n"})
    assert "has no snapshot of Description, Relationship" in refusal(lists, path).what


def test_wrong_columns_of_rf2(lists: CodeLists, tmp_path: Path) -> None:
    names = ("Concept_Snapshot", "Description_Snapshot-en", "Relationship_Snapshot")
    path = files.zipped(
        tmp_path / "s.zip", {f"sct2_{name}_INT_20990131.txt": "id\tactive\r\n1\t1\r\n" for name in names}
    )
    said = refusal(lists, path)
    assert "has no column effectiveTime" in said.what
    assert said.where.endswith("sct2_Concept_Snapshot_INT_20990131.txt, line 1")


def test_no_year_anywhere(lists: CodeLists, tmp_path: Path) -> None:
    path = files.workbook(tmp_path / "atc.xlsx", files.ATC_ROWS)
    assert "does not say its year" in refusal(lists, path).what
    assert kept(lists, path, wanted=Wanted(version="2099")).info is not None


def test_every_file_that_is_named_is_accounted_for(lists: CodeLists, tmp_path: Path) -> None:
    letter = write(tmp_path / "letter.txt", "Dear colleague\n")
    own = write(tmp_path / "own.csv", "code;display\nA;B\n")
    loinc = files.loinc_release(tmp_path / "Loinc_9.99.zip")
    outcome = lists.add([loinc, letter, own], Wanted(system="https://clinic.example/x"))
    assert [(one.files.split(",")[0], one.refused is None) for one in outcome] == [
        ("Loinc.csv", True),
        ("letter.txt", False),
        ("own.csv", True),
    ]


def test_one_odd_line_of_thousands_is_tolerated(lists: CodeLists, tmp_path: Path) -> None:
    lines = [f"1|I{at}|X34|||||Entzündung {at}\n" for at in range(500)]
    text = "".join(lines).replace("Entzündung 7\n", "EntzÃ¼ndung 7\n")
    assert kept(lists, write(tmp_path / "alphaid2099.txt", text)).problems == ()


def test_one_list_that_is_refused_does_not_stop_the_others(lists: CodeLists, tmp_path: Path) -> None:
    bad = files.zipped(tmp_path / "Loinc_9.99.zip", {"Loinc.csv": "LOINC_NUM\n1-1\n"})
    outcome = lists.add([bad, files.icd_meta(tmp_path / "icd10gm2099syst-meta.zip")])
    assert [one.refused is None for one in outcome] == [False, True]
    assert [one.key for one in lists.lists()] == ["icd-10-gm"]


def test_a_list_that_fails_leaves_the_old_one(lists: CodeLists, tmp_path: Path) -> None:
    kept(lists, write(tmp_path / "alphaid2099.txt", files.ALPHA_ID))
    broken = files.zipped(tmp_path / "alphaid2099.zip", {"alphaid2099.txt": files.ALPHA_ID * 3000})
    body = bytearray(broken.read_bytes())
    body[-400:-300] = bytes(100)
    broken.write_bytes(bytes(body))
    assert "cut off or damaged" in failure(lists, broken).what
    assert lists.lists()[0].size == 4
    assert lists.search("Bronchialkrebs")


def test_no_such_file_and_no_such_list(lists: CodeLists, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        lists.add([tmp_path / "nothing.zip"])
    with pytest.raises(NotFound, match="There is no such code list"):
        lists.remove("icd-10-gm")
    with pytest.raises(NotSupported, match="among those whose files are read"):
        by_name("icd-9")


def test_a_version_for_files_of_several_kinds(lists: CodeLists, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="A version was named for files of several kinds"):
        lists.add(
            [files.icd_meta(tmp_path / "icd10gm2099syst-meta.zip"), files.ops_meta(tmp_path / "ops2099.zip")],
            Wanted(version="1"),
        )


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "codes.sqlite").write_bytes(b"no database at all" * 100)
    with (
        CodeLists.open(tmp_path / "codes.sqlite") as lists,
        pytest.raises(ConfigurationError, match="is damaged"),
    ):
        lists.lists()


def test_names_inside_an_archive_never_become_paths(tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../alphaid2099.txt", files.ALPHA_ID)
    with Sources([path]) as sources:
        assert recognised(sources.groups, Wanted())[0].name == "Alpha-ID"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["evil.zip"]
