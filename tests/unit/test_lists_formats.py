"""Every publisher's format is read: what is a code, its title, its place, its properties, and the words that lead to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mihub.site.terminology.lists import CodeLists, SqliteCodeSystem, Wanted
from tests import code_list_files as files


@pytest.fixture
def lists(tmp_path: Path) -> Iterator[CodeLists]:
    with CodeLists.open(tmp_path / "codes.sqlite") as opened:
        yield opened


def load(lists: CodeLists, *paths: Path, wanted: Wanted | None = None) -> SqliteCodeSystem:
    """The provider of the one list that these files are."""
    (added,) = lists.add(paths, wanted)
    assert added.refused is None, added.refused
    assert added.info is not None
    return next(
        one
        for one in lists
        if (one.metadata.url, one.metadata.version) == (added.info.url, added.info.version)
    )


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def said(provider: SqliteCodeSystem, code: str) -> dict[str, object]:
    concept = provider.concept(code)
    assert concept is not None, code
    return {one.code: one.value for one in concept.properties}


def display(provider: SqliteCodeSystem, code: str) -> str:
    concept = provider.concept(code)
    assert concept is not None, code
    return concept.display


def test_claml_of_icd_10_gm(lists: CodeLists, tmp_path: Path) -> None:
    icd = load(
        lists,
        files.zipped(
            tmp_path / "icd10gm2099syst-claml.zip", {"x/icd10gm2099syst_claml.xml": files.CLAML_ICD}
        ),
    )
    assert (icd.metadata.url, icd.metadata.version) == ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "2099")
    assert "maschinenlesbaren Fassung des Bundesinstituts" in icd.metadata.resource["copyright"]
    assert display(icd, "X34.1") == "Neubildung: (X34) Oberlüfte"
    assert said(icd, "X34.1") == {"Para295": "P", "usage": "*"}
    assert [one.value for one in icd.concept("X34.1").designations] == ["Oberlüfte"]  # type: ignore[union-attr]
    assert list(icd.parents("X34.1")) == ["X34"]
    assert icd.concept("X30-X39").abstract  # type: ignore[union-attr]
    assert not icd.concept("X34").abstract  # type: ignore[union-attr]


def test_modifiers_of_claml_become_codes(lists: CodeLists, tmp_path: Path) -> None:
    icd = load(lists, write(tmp_path / "icd.xml", files.CLAML_ICD))
    below = [code for code in icd.codes() if code.startswith("X40.")]
    assert below == ["X40.0", "X40.00", "X40.2", "X40.20", "X40.21"], "Abends does not follow Mit Ruhe"
    assert display(icd, "X40.21") == "Laune: Mit Unruhe: Abends"
    assert said(icd, "X40.2")["usage"] == "+"
    assert icd.subsumes("XXI", "X40.21")
    assert list(icd.parents("X40.21")) == ["X40.2"]


def test_modifiers_only_in_their_valid_places(lists: CodeLists, tmp_path: Path) -> None:
    text = files.CLAML_ICD.replace(
        '<ModifiedBy code="S90X40_4"/><ModifiedBy code="S90X40_5"/>',
        '<ModifiedBy all="false" code="S90X40_4"><ValidModifierClass code=".2"/></ModifiedBy>',
    )
    icd = load(lists, write(tmp_path / "icd.xml", text))
    assert [code for code in icd.codes() if code.startswith("X40.")] == ["X40.2"]


def test_a_modifier_of_a_category_goes_to_the_codes_below_it(lists: CodeLists, tmp_path: Path) -> None:
    # As in chapter XIII of ICD-10-GM: the fifth digit is listed once, at the three-digit category.
    text = files.CLAML_ICD.replace(
        '<Class code="X34" kind="category"><Meta name="Para295" value="V"/>',
        '<Class code="X34" kind="category"><ModifiedBy code="S90X40_5"/>',
    )
    icd = load(lists, write(tmp_path / "icd.xml", text))
    assert [code for code in icd.codes() if code.startswith("X34")] == ["X34", "X34.1", "X34.10", "X34.11"]
    assert list(icd.parents("X34.10")) == ["X34.1"]


def test_claml_of_ops(lists: CodeLists, tmp_path: Path) -> None:
    classes = [
        ("7", "chapter", "Handgriffe", ()),
        ("7-10...7-19", "block", "Griffe an der Lüfte", ("7",)),
        ("7-12", "category", "Abtragung", ("7-10...7-19",)),
        ("7-123", "category", "Teilabtragung", ("7-12",)),
        ("7-123.0", "category", "Offen", ("7-123",)),
    ]
    text = files.claml("2099", classes, name="OPS").replace(
        '<SuperClass code="7-123"/>', '<SuperClass code="7-123"/><ModifiedBy code="ST7123"/>'
    )
    modifier = (
        '<Modifier code="ST7123"/><ModifierClass code="x" modifier="ST7123"><SuperClass code="ST7123"/>'
        '<Rubric kind="preferred"><Label xml:lang="de">Sonstige</Label></Rubric></ModifierClass><Class code="7"'
    )
    ops = load(lists, write(tmp_path / "ops2099syst_claml.xml", text.replace('<Class code="7"', modifier, 1)))
    assert ops.metadata.url == "http://fhir.de/CodeSystem/bfarm/ops"
    assert list(ops.children("7-123.0")) == ["7-123.0x"]
    assert display(ops, "7-123.0x") == "Teilabtragung: Offen: Sonstige", "as in the metadata"
    assert ops.concept("7-123.0").designations[0].value == "Offen"  # type: ignore[union-attr]


def test_metadata_of_icd_10_gm(lists: CodeLists, tmp_path: Path) -> None:
    icd = load(lists, files.icd_meta(tmp_path / "icd10gm2099syst-meta.zip"))
    assert icd.metadata.version == "2099"
    assert [*icd.codes()][:4] == ["XXI", "X30-X39", "X34", "X34.1"], "codes and chapters as in ClaML"
    assert display(icd, "X34.1") == "Neubildung der Lüfte: Oberlüfte"
    properties = said(icd, "X34.1")
    assert properties["usage"] == "*"
    assert (properties["Para295"], properties["SexCode"], properties["AgeLow"], properties["AgeHigh"]) == (
        "P",
        "M",
        "012",
        "099",
    )
    assert icd.concept("X34.1").designations[0].value == "Oberlüfte"  # type: ignore[union-attr]


def test_a_line_with_the_names_of_the_columns_is_no_code(lists: CodeLists, tmp_path: Path) -> None:
    names = {
        "kapitel": "KapNr;KapTi\n" + files.ICD_CHAPTERS,
        "gruppen": "GrVon;GrBis;KapNr;GrTi\n" + files.ICD_GROUPS,
    }
    names["kodes"] = (
        "Ebene;Ort;Art;KapNr;GrVon;Code;NormCode;CodeOhnePunkt;Titel;a;b;c;d;e\n" + files.ICD_CODES
    )
    icd = load(
        lists,
        files.zipped(
            tmp_path / "m.zip", {f"icd10gm2099syst_{name}.txt": text for name, text in names.items()}
        ),
    )
    assert [*icd.codes()][:4] == ["XXI", "X30-X39", "X34", "X34.1"]
    assert len([*icd.codes()]) == 6


def test_metadata_before_2013_has_other_columns(lists: CodeLists, tmp_path: Path) -> None:
    icd = load(lists, files.icd_meta(tmp_path / "x1gma2011.zip", 2011, codes=files.ICD_CODES_OLD))
    assert icd.metadata.version == "2011"
    properties = said(icd, "X34.1")
    assert (properties["Para295"], properties["SexCode"]) == ("P", "M")
    assert (properties["AgeLow"], properties["AgeHigh"], properties["Infectious"]) == ("000", "099", "N")


def test_both_forms_of_a_version_have_the_same_places(tmp_path: Path) -> None:
    with CodeLists.open(tmp_path / "a.sqlite") as one, CodeLists.open(tmp_path / "b.sqlite") as other:
        claml = load(one, write(tmp_path / "icd10gm2099syst_claml.xml", files.CLAML_ICD))
        meta = load(other, files.icd_meta(tmp_path / "icd10gm2099syst-meta.zip"))
        for code in ("X34.1", "X34", "X30-X39", "X40-X49"):
            assert list(claml.parents(code)) == list(meta.parents(code))


def test_metadata_of_ops(lists: CodeLists, tmp_path: Path) -> None:
    ops = load(lists, files.ops_meta(tmp_path / "ops2099syst-meta.zip"))
    assert ops.metadata.url == "http://fhir.de/CodeSystem/bfarm/ops"
    assert ops.subsumes("7", "7-123.0")
    assert list(ops.parents("7-12")) == ["7-10...7-19"]
    assert said(ops, "7-123")["Seite"] == "J"
    assert list(ops.filter("parent", "=", "7-123")) == ["7-123.0"]


def test_alpha_id_is_a_system_of_its_own(lists: CodeLists, tmp_path: Path) -> None:
    alpha = load(lists, write(tmp_path / "icd10gm2099_alphaidse_edvtxt_20990930.txt", files.ALPHA_ID))
    assert alpha.metadata.url == "http://fhir.de/CodeSystem/bfarm/alpha-id"
    assert display(alpha, "I900002") == "Lungenkrebs, erfunden"
    assert said(alpha, "I900001") == {"icd-primary": "X34.1*", "orphacode": "99001", "valid": True}
    assert alpha.concept("I900003").inactive  # type: ignore[union-attr]
    assert "http://fhir.de/CodeSystem/bfarm/alpha-id-se" in {one.metadata.url for one in lists}


def test_alpha_id_without_orphacodes_has_one_column_less(lists: CodeLists, tmp_path: Path) -> None:
    alpha = load(
        lists, write(tmp_path / "icd102019_alphaid_edvtxt_20181004.txt", "1|I900009|X34.1||||Luftleiden\n")
    )
    assert alpha.metadata.version == "2019"
    assert said(alpha, "I900009") == {"icd-primary": "X34.1", "valid": True}


def test_a_word_that_leads_to_a_code_of_no_list_puts_no_such_code_into_one(
    lists: CodeLists, tmp_path: Path
) -> None:
    icd = load(lists, files.icd_meta(tmp_path / "icd10gm2099syst-meta.zip", 2099))
    words = "1|I900007|X99.9|||||Lungenunfug\n1|I900008|X34.1|||||Lungenkrebs, erfunden\n"
    load(lists, write(tmp_path / "alphaidse2099.txt", words))
    assert list(icd.search("lungen")) == ["X34.1"]


def test_alphabetical_index_of_ops_is_searched_but_no_system(lists: CodeLists, tmp_path: Path) -> None:
    load(lists, files.ops_meta(tmp_path / "ops2099syst-meta.zip"))
    path = write(tmp_path / "ops2099alpha_edvtxt_20991103.txt", "0|12345|7-123.0||Lufthebung\n", "cp1252")
    (added,) = lists.add([path])
    assert added.info is not None
    assert added.info.kind == "synonyms"
    assert len({(one.metadata.url, one.metadata.version) for one in lists}) == 2, "the OPS and its alias"
    (hit,) = lists.search("lufthebung")
    assert (hit.system, hit.code, hit.matched) == (
        "http://fhir.de/CodeSystem/bfarm/ops",
        "7-123.0",
        "Lufthebung",
    )


@pytest.mark.parametrize("form", ["xlsx", "csv", "tsv", "gkv"])
def test_atc_in_its_forms(lists: CodeLists, tmp_path: Path, form: str) -> None:
    rows = files.ATC_ROWS
    if form == "xlsx":
        path = files.workbook(tmp_path / "atc-2099.xlsx", [("ATC-Index mit DDD-Angaben 2099",), *rows])
    elif form == "gkv":
        texts = [f"014;209901;{row[0]};{row[2]}" for row in rows[1:]]
        path = write(tmp_path / "atc-amtlich-2099.txt", "\n".join(texts), "cp1252")
    else:
        sign = ";" if form == "csv" else "\t"
        path = write(tmp_path / f"ATC_2099.{form}", "\n".join(sign.join(row) for row in rows))
    atc = load(lists, path)
    assert (atc.metadata.url, atc.metadata.version) == ("http://fhir.de/CodeSystem/bfarm/atc", "2099")
    assert list(atc.codes()) == ["Y", "Y01", "Y01A", "Y01AB", "Y01AB01"]
    assert display(atc, "Y01AB01") == "Heiterin"
    assert said(atc, "Y01AB01") == {"level": "5"} | ({} if form == "gkv" else {"ddd": "0,1 g O"})
    assert "Die Erstellung erfolgte unter Verwendung" in lists.lists()[0].notice


def test_icd_o_3_writes_its_morphology_with_a_slash(lists: CodeLists, tmp_path: Path) -> None:
    icd_o = load(
        lists, files.zipped(tmp_path / "icdo3syst-claml.zip", {"icdo3rev2syst_claml.xml": files.ICD_O})
    )
    assert icd_o.metadata.url == "http://terminology.hl7.org/CodeSystem/icd-o-3"
    assert icd_o.subsumes("M", "9990/3")
    assert not icd_o.subsumes("T", "9990/3")
    assert "urn:oid:2.16.840.1.113883.6.43.1" in {one.metadata.url for one in lists}


def test_loinc_with_german_names_hierarchy_and_answers(lists: CodeLists, tmp_path: Path) -> None:
    loinc = load(lists, files.loinc_release(tmp_path / "Loinc_9.99.zip"))
    assert (loinc.metadata.url, loinc.metadata.version) == ("http://loinc.org", "9.99")
    concept = loinc.concept("99991-1")
    assert concept is not None
    assert concept.display == "Cheer [Mass/volume] in Serum or Plasma"
    assert (concept.designations[0].value, concept.designations[0].language) == ("Heiterkeit i.S.", "de")
    assert said(loinc, "99991-1")["SYSTEM"] == "Ser/Plas"
    assert loinc.concept("99992-9").inactive  # type: ignore[union-attr]
    assert loinc.concept("99993-7").status == "trial"  # type: ignore[union-attr]
    assert loinc.subsumes("LP90", "99991-1")
    assert list(loinc.filter("CLASS", "=", "CHEM")) == ["99991-1", "99992-9"] or set(
        loinc.filter("CLASS", "=", "CHEM")
    ) == {
        "99991-1",
        "99992-9",
    }
    assert list(loinc.filter("answers-for", "=", "LL900-1")) == ["LA9001-1", "LA9002-9"]
    assert said(loinc, "99993-7")["answer-list"] == "LL900-1"


def test_snomed_ct_snapshot(lists: CodeLists, tmp_path: Path) -> None:
    snomed = load(lists, files.snomed(tmp_path / "SnomedCT.zip"))
    assert snomed.metadata.version == "http://snomed.info/sct/900000000000207008/version/20990131"
    concept = snomed.concept("900001001")
    assert concept is not None
    assert concept.display == "Neoplasm of mood"
    assert [(one.value, one.language) for one in concept.designations] == [
        ("Neubildung der Laune", "de"),
        ("Launengewächs", "de"),
        ("Mood tumour", "en"),
        ("Neoplasm of mood (disorder)", "en"),
    ]
    assert snomed.concept("900004009").inactive  # type: ignore[union-attr]
    assert list(snomed.roots()) == ["138875005"]
    assert snomed.subsumes("900001001", "900003003")
    assert snomed.subsumes("900002008", "900003003"), "by its other parent"
    assert not snomed.subsumes("900003003", "900001001")
    assert set(snomed.filter("concept", "in", "990001000")) == {"900001001", "900003003"}


def test_the_german_edition_names_its_module(lists: CodeLists, tmp_path: Path) -> None:
    release = files.snomed(tmp_path / "one.zip")
    from zipfile import ZipFile

    with ZipFile(release) as archive:
        members = {name.replace("_INT_", "_DE1000274_"): archive.read(name) for name in archive.namelist()}
    snomed = load(lists, files.zipped(tmp_path / "de.zip", members))
    assert snomed.metadata.version == "http://snomed.info/sct/11000274103/version/20990131"


def test_a_table_of_a_sites_own_codes(lists: CodeLists, tmp_path: Path) -> None:
    text = (
        "code;display;parent;display:en;station\nA;Ambulanz;;Outpatients;\nA1;Tagesklinik;A;Day clinic;3B\n"
    )
    own = load(
        lists,
        write(tmp_path / "own.csv", text),
        wanted=Wanted("https://clinic.example/codes", "1", "Bereiche der Klinik"),
    )
    assert own.metadata.title == "Bereiche der Klinik"
    assert own.subsumes("A", "A1")
    assert said(own, "A1") == {"station": "3B"}
    assert own.concept("A1").designations[0].language == "en"  # type: ignore[union-attr]


def test_a_known_system_as_a_plain_table(lists: CodeLists, tmp_path: Path) -> None:
    path = write(tmp_path / "o.csv", "Kode,Bezeichnung,Oberbegriff\nX90,Lüfte,\nX90.1,Oberlüfte,X90\n")
    icd_o = load(lists, path, wanted=Wanted(system="icd-o-3", version="3.9"))
    assert icd_o.metadata.url == "http://terminology.hl7.org/CodeSystem/icd-o-3"
    assert icd_o.subsumes("X90", "X90.1")


def test_a_zip_in_a_zip_and_a_folder(lists: CodeLists, tmp_path: Path) -> None:
    inner = files.icd_meta(tmp_path / "inner.zip", 2099).read_bytes()
    folder = tmp_path / "downloads"
    folder.mkdir()
    files.zipped(folder / "icd10gm2099.zip", {"icd10gm2099syst-meta.zip": inner, "readme.pdf": b"%PDF"})
    assert load(lists, folder).metadata.version == "2099"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_encodings_are_told_apart(lists: CodeLists, tmp_path: Path, encoding: str) -> None:
    alpha = load(
        lists, write(tmp_path / "alphaid2099.txt", "1|I900001|X34.1|||||Ödem der Lüfte, mäßig\n", encoding)
    )
    assert display(alpha, "I900001") == "Ödem der Lüfte, mäßig"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_a_table_of_ones_own_is_read_in_any_encoding_that_says_itself(
    lists: CodeLists, tmp_path: Path, encoding: str
) -> None:
    wards = write(tmp_path / "wards.csv", "code;display\nÄ1;Ämter\n", encoding)
    system = Wanted(system="https://my-clinic.example/wards", version="1")
    assert display(load(lists, wards, wanted=system), "Ä1") == "Ämter"


def test_versions_stand_side_by_side_and_the_same_one_is_replaced(lists: CodeLists, tmp_path: Path) -> None:
    for year in (2098, 2099, 2099):
        load(lists, files.icd_meta(tmp_path / f"icd10gm{year}syst-meta.zip", year))
    assert [one.version for one in lists.lists()] == ["2099", "2098"], "the newest first"
    assert {hit.version for hit in lists.search("X34.1")} == {"2099"}
    assert {hit.version for hit in lists.search("X34.1", every_version=True)} == {"2098", "2099"}
    lists.remove("icd-10-gm", "2099")
    assert {hit.version for hit in lists.search("X34.1")} == {"2098"}
