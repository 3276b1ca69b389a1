"""Tiny files in publishers' formats with invented codes and texts: what a site downloads, without anything of it.

Layouts as the publishers document them; every code and sentence here is made up for tests.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

CLAML_ICD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE ClaML SYSTEM "ClaML.dtd">
<ClaML version="2.0.0">
  <Meta name="lang" value="de"/>
  <Identifier authority="TEST" uid="1.2.3"/>
  <Title date="2099-09-15" name="ICD-10-GM" version="2099">Erfundene Fassung 2099</Title>
  <ClassKinds><ClassKind name="category"/><ClassKind name="block"/><ClassKind name="chapter"/></ClassKinds>
  <UsageKinds><UsageKind mark="*" name="aster"/><UsageKind mark="+" name="dagger"/></UsageKinds>
  <RubricKinds><RubricKind inherited="false" name="preferred"/></RubricKinds>
  <Modifier code="S90X40_4"><SubClass code=".0"/><SubClass code=".2"/></Modifier>
  <Modifier code="S90X40_5"><SubClass code="0"/><SubClass code="1"/></Modifier>
  <ModifierClass code=".0" modifier="S90X40_4"><SuperClass code="S90X40_4"/>
    <Rubric kind="preferred"><Label xml:lang="de">Mit Ruhe</Label></Rubric></ModifierClass>
  <ModifierClass code=".2" modifier="S90X40_4" usage="dagger"><SuperClass code="S90X40_4"/>
    <Rubric kind="preferred"><Label xml:lang="de">Mit Unruhe</Label></Rubric></ModifierClass>
  <ModifierClass code="0" modifier="S90X40_5"><SuperClass code="S90X40_5"/>
    <Rubric kind="preferred"><Label xml:lang="de">Morgens</Label></Rubric></ModifierClass>
  <ModifierClass code="1" modifier="S90X40_5"><Meta name="excludeOnPrecedingModifier" value="S90X40_4 .0"/>
    <SuperClass code="S90X40_5"/><Rubric kind="preferred"><Label xml:lang="de">Abends</Label></Rubric></ModifierClass>
  <Class code="XXI" kind="chapter"><SubClass code="X30-X39"/><SubClass code="X40-X49"/>
    <Rubric kind="preferred"><Label xml:lang="de">Erfundene Neubildungen</Label></Rubric></Class>
  <Class code="X30-X39" kind="block"><SuperClass code="XXI"/><SubClass code="X34"/>
    <Rubric kind="preferred"><Label xml:lang="de">Neubildungen der Lüfte</Label></Rubric></Class>
  <Class code="X34" kind="category"><Meta name="Para295" value="V"/><SuperClass code="X30-X39"/><SubClass code="X34.1"/>
    <Rubric kind="preferred"><Label xml:lang="de">Neubildung der Windröhre und der Lüfte</Label></Rubric></Class>
  <Class code="X34.1" kind="category" usage="aster"><Meta name="Para295" value="P"/><SuperClass code="X34"/>
    <Rubric kind="preferred"><Label xml:lang="de">Oberlüfte</Label></Rubric>
    <Rubric kind="preferredLong"><Label xml:lang="de">Neubildung: <Reference class="in brackets" code="X34">X34</Reference>
      Oberlüfte</Label></Rubric>
    <Rubric kind="inclusion"><Label xml:lang="de">Spitzenwuchs</Label></Rubric>
    <Rubric kind="exclusion"><Label xml:lang="de">Unfug <Reference>X40.-</Reference></Label></Rubric></Class>
  <Class code="X40-X49" kind="block"><SuperClass code="XXI"/><SubClass code="X40"/>
    <Rubric kind="preferred"><Label xml:lang="de">Launen</Label></Rubric></Class>
  <Class code="X40" kind="category"><Meta name="Para295" value="V"/><SuperClass code="X40-X49"/>
    <ModifiedBy code="S90X40_4"/><ModifiedBy code="S90X40_5"/>
    <Rubric kind="preferred"><Label xml:lang="de">Laune</Label></Rubric></Class>
</ClaML>
"""

ICD_CHAPTERS = "21;Erfundene Neubildungen\n"
ICD_GROUPS = "X30;X39;21;Neubildungen der Lüfte\nX40;X49;21;Launen\n"
ICD_CODES = (
    "3;N;X;21;X30;X34.-;X34;X34;Neubildung der Windröhre und der Lüfte;Neubildung der Windröhre und der Lüfte;;;"
    "V;V;1-002;2-001;3-003;4-002;001;9;9;9999;9999;9;J;J;J;J\n"
    "4;T;X;21;X30;X34.1*;X34.1;X341;Neubildung der Lüfte: Oberlüfte;Neubildung der Lüfte;Oberlüfte;;"
    "P;P;1-002;2-001;3-003;4-002;001;M;K;012;099;9;J;J;N;N\n"
    "5;T;S;21;X40;X40.01;X40.01;X4001;Laune: Mit Ruhe: Abends;Laune;Mit Ruhe;Abends;"
    "P;P;1-002;2-001;3-003;4-002;001;9;9;9999;9999;9;J;J;N;N\n"
)
# Until 2012: no titles of the parts, ages also in days.
ICD_CODES_OLD = (
    "3;N;X;21;X30;X34.-;X34;X34;Neubildung der Lüfte;V;V;1-002;2-001;3-003;4-002;001;9;9;9999;9999;9999;9999;9;J;J;N;N\n"
    "4;T;X;21;X30;X34.1;X34.1;X341;Oberlüfte;P;P;1-002;2-001;3-003;4-002;001;M;K;t001;000;j099;099;9;J;J;N;N\n"
)

OPS_CHAPTERS = "7;Erfundene Handgriffe\n"
OPS_GROUPS = "7;7-10;7-19;Griffe an der Lüfte\n"
OPS_THREE = "7;7-10;7-12;Abtragung der Lüfte\n"
OPS_CODES = (
    "4;N;N;7;7-10;7-12;7-123;J;Teilabtragung;Teilabtragung;;;2;N;N\n"
    "5;T;P;7;7-10;7-12;7-123.0;N;Teilabtragung: Offen;Teilabtragung;Offen;;2;N;N\n"
    "6;T;P;7;7-10;7-12;7-123.x0;N;Teilabtragung: Sonstige: Ohne Naht;Teilabtragung;Sonstige;Ohne Naht;2;J;N\n"
)

ALPHA_ID = (
    "1|I900001|X34.1*||||99001|Bronchialkrebs der Oberlüfte\n"
    "1|I900002|X34.1+|X40.0*|||| Lungenkrebs, erfunden \n"
    "0|I900003|X34.-|||||Alter Name der Lüfte\n"
    "1|I900004||X40.0*|||| Launenkrankheit\n"
)

ATC_ROWS = (
    ("ATC-Code", "", "ATC-Bedeutung", "DDD-Info"),
    ("Y", "", "ERFUNDENE MITTEL", ""),
    ("Y01", "", "MITTEL GEGEN LAUNEN", ""),
    ("Y01A", "", "STIMMUNGSMITTEL", ""),
    ("Y01AB", "", "Heiterkeitsderivate", ""),
    ("Y01AB01", "", "Heiterin", "0,1 g O"),
)

LOINC_HEADER = (
    "LOINC_NUM", "COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP", "CLASS", "VersionLastChanged",
    "STATUS", "CLASSTYPE", "RELATEDNAMES2", "SHORTNAME", "LONG_COMMON_NAME",
)  # fmt: skip
LOINC_ROWS = (
    ("99991-1", "Cheer", "MCnc", "Pt", "Ser/Plas", "Qn", "", "CHEM", "9.99", "ACTIVE", "1", "Joy; Mirth, \"total\"",
     "Cheer SerPl", "Cheer [Mass/volume] in Serum or Plasma"),
    ("99992-9", "Gloom", "MCnc", "Pt", "Ser/Plas", "Qn", "", "CHEM", "9.99", "DEPRECATED", "1", "Sadness", "Gloom SerPl",
     "Gloom [Mass/volume] in Serum or Plasma"),
    ("99993-7", "Mood scale", "Find", "Pt", "^Patient", "Ord", "", "SURVEY", "9.99", "TRIAL", "4", "", "Mood scale",
     "Mood scale"),
)  # fmt: skip

TYPE_FSN, TYPE_SYNONYM, IS_A = "900000000000003001", "900000000000013009", "116680003"
MODULE = "900000000000207008"
PREFERRED = "900000000000548007"
GERMAN_REFSET, ENGLISH_REFSET = "31000274107", "900000000000509007"


def claml(version: str, classes: Sequence[tuple[str, str, str, Sequence[str]]], *, name: str) -> str:
    """A ClaML file of (code, kind, title, parents)."""
    body = "".join(
        f'<Class code="{escape(code)}" kind="{kind}">'
        + "".join(f'<SuperClass code="{escape(parent)}"/>' for parent in parents)
        + f'<Rubric kind="preferred"><Label xml:lang="de">{escape(title)}</Label></Rubric></Class>\n'
        for code, kind, title, parents in classes
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE ClaML SYSTEM "ClaML.dtd">\n<ClaML version="2.0.0">'
        f'<Title date="2099-01-01" name="{name}" version="{version}">Erfunden</Title>\n{body}</ClaML>'
    )


ICD_O = claml(
    "Revision 2099",
    [
        ("T", "chapter", "Topographie", ()),
        ("M", "chapter", "Morphologie", ()),
        ("X90", "category", "Lüfte", ("T",)),
        ("X90.1", "category", "Oberlüfte", ("X90",)),
        ("990-999", "block", "Erfundene Gewebe", ("M",)),
        ("9990:3", "category", "Luftkarzinom o.n.A.", ("990-999",)),
    ],
    name="ICD-O-3",
)


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """A ZIP file of these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return path


def icd_meta(path: Path, year: int = 2099, *, codes: str = ICD_CODES) -> Path:
    """The metadata of an invented ICD-10-GM, with the files that lie beside it."""
    folder = "Klassifikationsdateien"
    return zipped(
        path,
        {
            f"{folder}/icd10gm{year}syst_kapitel.txt": ICD_CHAPTERS,
            f"{folder}/icd10gm{year}syst_gruppen.txt": ICD_GROUPS,
            f"{folder}/icd10gm{year}syst_kodes.txt": codes,
            f"{folder}/morbl_{year}.txt": "001;Erfundene Liste\n",
            "Zusatzinformationen/liesmich.txt": "Erfunden.\n",
        },
    )


def ops_meta(path: Path, year: int = 2099) -> Path:
    """The metadata of an invented OPS."""
    folder = "Klassifikationsdateien"
    return zipped(
        path,
        {
            f"{folder}/ops{year}syst_kapitel.txt": OPS_CHAPTERS,
            f"{folder}/ops{year}syst_gruppen.txt": OPS_GROUPS,
            f"{folder}/ops{year}syst_dreisteller.txt": OPS_THREE,
            f"{folder}/ops{year}syst_kodes.txt": OPS_CODES,
        },
    )


def csv_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Comma-separated text with every cell quoted, as Regenstrief writes it."""
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in (header, *rows)]
    return "\r\n".join(quoted) + "\r\n"


def loinc_release(path: Path, version: str = "9.99") -> Path:
    """A release of an invented LOINC with German names, hierarchy and one answer list."""
    german = [
        (
            "99991-1",
            "Heiterkeit",
            "",
            "",
            "Serum oder Plasma",
            "",
            "",
            "CHEM",
            "",
            "",
            "Freude",
            "Heiterkeit i.S.",
        ),
        ("99993-7", "Launenskala", "", "", "Patient", "", "", "SURVEY", "", "Skala der Laune", "", ""),
    ]
    german_header = (
        *LOINC_HEADER[:8],
        "SHORTNAME",
        "LONG_COMMON_NAME",
        "RELATEDNAMES2",
        "LinguisticVariantDisplayName",
    )
    hierarchy = [
        ("LP90", "1", "", "LP90", "Laboratory"),
        ("LP90", "1", "LP90", "LP91", "Moods"),
        ("LP90.LP91", "1", "LP91", "99991-1", "Cheer"),
    ]
    return zipped(
        path,
        {
            f"Loinc_{version}/LoincTable/Loinc.csv": csv_of(LOINC_HEADER, LOINC_ROWS),
            f"Loinc_{version}/AccessoryFiles/LinguisticVariants/deDE15LinguisticVariant.csv": csv_of(
                german_header, german
            ),
            f"Loinc_{version}/AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem.csv": csv_of(
                ("PATH_TO_ROOT", "SEQUENCE", "IMMEDIATE_PARENT", "CODE", "CODE_TEXT"), hierarchy
            ),
            f"Loinc_{version}/AccessoryFiles/AnswerFile/AnswerList.csv": csv_of(
                ("AnswerListId", "AnswerListName", "AnswerStringId", "DisplayText"),
                [("LL900-1", "Moods", "LA9001-1", "Good"), ("LL900-1", "Moods", "LA9002-9", "Bad")],
            ),
            f"Loinc_{version}/AccessoryFiles/AnswerFile/LoincAnswerListLink.csv": csv_of(
                ("LoincNumber", "LongCommonName", "AnswerListId"), [("99993-7", "Mood scale", "LL900-1")]
            ),
            f"Loinc_{version}/LoincTableCore/LoincTableCore.csv": csv_of(("LOINC_NUM",), [("99991-1",)]),
        },
    )


def tabbed(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Tab-separated text with CRLF, as RF2 is."""
    return "".join("\t".join(row) + "\r\n" for row in (header, *rows))


def rf2_release(
    path: Path,
    concepts: Sequence[tuple[str, bool]],
    descriptions: Sequence[tuple[str, str, str, str, bool]],
    is_a: Sequence[tuple[str, str]],
    *,
    members: Sequence[tuple[str, str]] = (),
    date: str = "20990131",
) -> Path:
    """An RF2 edition: (id, active), (concept, language, type, term, preferred), (child, parent), (refset, concept)."""
    top = f"SnomedCT_Erfunden_PRODUCTION_{date}T120000Z"
    common = (date, "1", MODULE)
    inactive = (date, "0", MODULE)
    said = [
        (f"{900000 + at}", *common, concept, language, kind, term, "900000000000448009")
        for at, (concept, language, kind, term, _) in enumerate(descriptions)
    ]
    preferred = [
        (
            f"u{at}",
            *common,
            GERMAN_REFSET if language == "de" else ENGLISH_REFSET,
            f"{900000 + at}",
            PREFERRED,
        )
        for at, (_, language, kind, _, best) in enumerate(descriptions)
        if best and kind == TYPE_SYNONYM
    ]
    relations = [
        (f"{800000 + at}", *common, child, parent, "0", IS_A, "900000000000011006", "900000000000451002")
        for at, (child, parent) in enumerate(is_a)
    ]
    relations.append(
        ("899999", *inactive, *(is_a[0][::-1]), "0", IS_A, "900000000000011006", "900000000000451002")
    )
    return zipped(
        path,
        {
            f"{top}/Snapshot/Terminology/sct2_Concept_Snapshot_INT_{date}.txt": tabbed(
                ("id", "effectiveTime", "active", "moduleId", "definitionStatusId"),
                [(code, *(common if active else inactive), "900000000000074008") for code, active in concepts],
            ),
            f"{top}/Snapshot/Terminology/sct2_Description_Snapshot-de-en_INT_{date}.txt": tabbed(
                ("id", "effectiveTime", "active", "moduleId", "conceptId", "languageCode", "typeId", "term",
                 "caseSignificanceId"),
                said,
            ),
            f"{top}/Snapshot/Terminology/sct2_Relationship_Snapshot_INT_{date}.txt": tabbed(
                ("id", "effectiveTime", "active", "moduleId", "sourceId", "destinationId", "relationshipGroup", "typeId",
                 "characteristicTypeId", "modifierId"),
                relations,
            ),
            f"{top}/Snapshot/Refset/Language/der2_cRefset_LanguageSnapshot-de_INT_{date}.txt": tabbed(
                ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "acceptabilityId"), preferred
            ),
            f"{top}/Snapshot/Refset/Content/der2_Refset_SimpleSnapshot_INT_{date}.txt": tabbed(
                ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId"),
                [(f"r{at}", *common, refset, concept) for at, (refset, concept) in enumerate(members)],
            ),
            f"{top}/Full/Terminology/sct2_Concept_Full_INT_{date}.txt": "id\n",
        },
    )  # fmt: skip


SNOMED_CONCEPTS = (
    ("138875005", True),
    ("900001001", True),
    ("900002008", True),
    ("900003003", True),
    ("900004009", False),
)
SNOMED_DESCRIPTIONS = (
    ("138875005", "en", TYPE_SYNONYM, "SNOMED CT Concept", True),
    ("900001001", "en", TYPE_FSN, "Neoplasm of mood (disorder)", True),
    ("900001001", "en", TYPE_SYNONYM, "Neoplasm of mood", True),
    ("900001001", "en", TYPE_SYNONYM, "Mood tumour", False),
    ("900001001", "de", TYPE_SYNONYM, "Launengewächs", False),
    ("900001001", "de", TYPE_SYNONYM, "Neubildung der Laune", True),
    ("900002008", "en", TYPE_SYNONYM, "Disorder of lung", True),
    ("900003003", "en", TYPE_SYNONYM, "Adenocarcinoma of lung", True),
    ("900003003", "de", TYPE_SYNONYM, "Adenokarzinom der Lunge", True),
    ("900004009", "en", TYPE_SYNONYM, "Old disorder", True),
)
SNOMED_IS_A = (
    ("900001001", "138875005"),
    ("900002008", "138875005"),
    ("900003003", "900001001"),
    ("900003003", "900002008"),
)


def snomed(path: Path) -> Path:
    """A small invented SNOMED CT with German terms and one reference set."""
    return rf2_release(
        path,
        SNOMED_CONCEPTS,
        SNOMED_DESCRIPTIONS,
        SNOMED_IS_A,
        members=[("990001000", "900003003"), ("990001000", "900001001")],
    )


def workbook(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """An XLSX workbook with one sheet, texts as shared strings."""
    strings = list(dict.fromkeys(cell for row in rows for cell in row if cell))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cells = "".join(
        f'<row r="{at}">'
        + "".join(
            f'<c r="{chr(65 + column)}{at}" t="s"><v>{strings.index(cell)}</v></c>'
            for column, cell in enumerate(row)
            if cell
        )
        + "</row>"
        for at, row in enumerate(rows, 1)
    )
    return zipped(
        path,
        {
            "[Content_Types].xml": "<Types/>",
            "xl/workbook.xml": f'<workbook xmlns="{main}"/>',
            "xl/sharedStrings.xml": f'<sst xmlns="{main}">'
            + "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
            + "</sst>",
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
        },
    )
