"""`mihub bench codes`: how fast publishers' lists load and how fast codes are found over all of them at once.

The lists are synthetic, in the publishers' formats and of their real sizes: nothing of a publisher is needed. The ceiling is the
bare full-text query of the same words in the same file, without ranking, synonyms, paths or a second try. Below:
`site.terminology.lists`.
"""

from __future__ import annotations

import random
import resource
import sqlite3
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from mihub.site.terminology.lists import FILE_NAME, CodeLists
from mihub.site.terminology.lists.fold import words
from mihub.site.terminology.lists.near import term

# Codes per list as published; the sizes of real lists in 2025 and 2026, rounded.
SIZES: Final = {
    "icd-10-gm": 16_000,
    "ops": 33_000,
    "alpha-id": 90_000,
    "atc": 7_000,
    "loinc": 100_000,
    "snomed-ct": 370_000,
}
_QUERIES: Final = 400


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FRONT: Final = _listed(
    "Adeno Angio Arthro Bronchial Carcino Chole Derm Entero Fibro Gastro Glio Hämato Hepato Hyper Hypo Intra Kardio Kolo Larynx"
    " Lipo Lungen Lymph Magen Mamma Melano Meso Myelo Nephro Neuro Ösophagus Osteo Pankreas Para Peri Phlebo Plasmo Pneumo"
    " Prostata Pyelo Rektum Retino Rhino Sarko Schilddrüsen Spondylo Thorax Thrombo Trachea Tracheo Uro Zysto Haut Herz Hirn"
    " Knochen Leber Milz Nieren Darm Blasen Gallen Gelenk Muskel Nerven Gefäß Augen Ohr Kiefer Zungen Rachen Kehlkopf"
)
_BACK: Final = _listed(
    "karzinom krebs sarkom metastase entzündung embolie infarkt insuffizienz stenose fistel abszess zyste fraktur blutung"
    " dysplasie hyperplasie nekrose ödem ulkus polyp tumor verletzung verengung erweiterung schwäche lähmung spaltung ektomie"
    " stomie plastik skopie resektion biopsie transplantation punktion drainage itis ose om pathie algie"
)
_OTHER: Final = _listed(
    "Bösartige Neubildung der des und mit ohne durch bei nicht näher bezeichnet sonstige rechts links beidseitig akut chronisch"
    " primär sekundär offen chirurgisch endoskopisch perkutan total partiell einfach komplex Oberlappen Unterlappen Hauptbronchus"
    " obere untere innere äußere Typ Grad Stadium Zustand nach Folge angeboren erworben mass volume in Serum or Plasma of left"
    " right disorder structure procedure finding malignant neoplasm benign lesion entire upper lower part blood urine presence"
)


def run(scale: float = 1.0) -> dict[str, Any]:
    """Seconds to load each list, and milliseconds per search (p50, p95) beside the bare query's. `scale`: of the lists' sizes."""
    dice = random.Random(1)  # noqa: S311  # synthetic texts, no secret
    with tempfile.TemporaryDirectory(prefix="mihub-bench-codes-") as place:
        folder = Path(place)
        with CodeLists.open(folder / FILE_NAME) as lists:
            loaded = {}
            for key, size in SIZES.items():
                path = _WRITERS[key](folder, max(50, int(size * scale)), dice)
                before = time.perf_counter()
                added = lists.add([path])[0]
                loaded[key] = {
                    "codes": added.info.size if added.info else 0,
                    "seconds": round(time.perf_counter() - before, 1),
                }
                path.unlink()
            # Before the searches: they map the file into memory, which counts as theirs.
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            queries = list(_queries(lists, dice))
            found, hits = _timed(queries, lambda text: len(lists.search(text)))
            bare, _ = _timed(queries, _bare(folder / FILE_NAME, [one.search for one in lists.lists()]))
            size_bytes = (folder / FILE_NAME).stat().st_size
    return {
        "lists": loaded,
        "file_mb": round(size_bytes / 2**20),
        "peak_memory_while_loading_mb": round(peak / 1024),
        "searches": len(queries),
        "without_hits": hits.count(0),
        "p50_ms": _at(found, 0.5),
        "p95_ms": _at(found, 0.95),
        "max_ms": _at(found, 1.0),
        "ceiling_p50_ms": _at(bare, 0.5),
        "ceiling_p95_ms": _at(bare, 0.95),
        "ratio_to_ceiling_p95": round(_at(bare, 0.95) / _at(found, 0.95), 2),
    }


def _timed(queries: Sequence[str], ask: Callable[[str], int]) -> tuple[list[float], list[int]]:
    seconds, hits = [], []
    for text in queries:
        before = time.perf_counter()
        hits.append(ask(text))
        seconds.append(time.perf_counter() - before)
    return seconds, hits


def _at(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


def _bare(path: Path, indexes: Sequence[int]) -> Callable[[str], int]:
    connection = sqlite3.connect(path)

    def ask(text: str) -> int:
        asked = " AND ".join(term(word) for word in words(text))
        return sum(
            len(
                connection.execute(
                    f"SELECT rowid FROM said_{index} WHERE said_{index} MATCH ? ORDER BY rowid LIMIT 60",
                    (asked,),
                ).fetchall()
            )
            for index in indexes
        )

    return ask


def _word(dice: random.Random) -> str:
    roll = dice.random()
    if roll < 0.45:
        return dice.choice(_FRONT) + dice.choice(_BACK)
    if roll < 0.6:
        # About 60,000 different compounds in all, as many as the words of the real lists.
        return dice.choice(_FRONT[:20]) + dice.choice(_FRONT).lower() + dice.choice(_BACK)
    return dice.choice(_OTHER)


def _text(dice: random.Random, low: int, high: int) -> str:
    return " ".join(_word(dice) for _ in range(dice.randint(low, high)))


def _queries(lists: CodeLists, dice: random.Random) -> Iterator[str]:
    """As people type: codes, beginnings of codes and words, two words, parts of compounds, slips, whole phrases."""
    providers = [one for one in lists.providers() if one.metadata.package]
    for at in range(_QUERIES):
        provider = dice.choice(providers)
        code = next(iter(provider.filter("code", "=", _any_code(lists, provider.metadata.url, dice))), "X34")
        found = provider.concept(code)
        display = found.display if found else "Lungenkrebs"
        word = max(display.split(), key=len)
        yield (
            code, code[: max(2, len(code) - 1)], word[: dice.randint(3, 7)], word, " ".join(display.split()[:2]),
            f"{word[:5]} {dice.choice(_OTHER)[:4]}", dice.choice(_BACK), word[:4] + word[5:4:-1] + word[6:],
            display[:40], word[:2],
        )[at % 10]  # fmt: skip


def _any_code(lists: CodeLists, url: str, dice: random.Random) -> str:
    hits = lists.search(dice.choice(_FRONT), systems=[url], limit=40)
    return dice.choice(hits).code if hits else ""


def _icd(folder: Path, size: int, dice: random.Random) -> Path:
    """ClaML: chapters, blocks, three-, four- and five-digit codes."""
    path = folder / "icd10gm2099syst_claml.xml"
    with path.open("w", encoding="utf-8") as out:
        out.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<ClaML version="2.0.0"><Title name="ICD-10-GM" version="2099"/>\n'
        )
        for code, parent in _tree(size, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
            kind = "chapter" if not parent else "category"
            above = f'<SuperClass code="{parent}"/>' if parent else ""
            rubric = f'<Rubric kind="preferred"><Label xml:lang="de">{_text(dice, 3, 9)}</Label></Rubric>'
            out.write(
                f'<Class code="{code}" kind="{kind}"><Meta name="Para295" value="P"/>{above}{rubric}</Class>\n'
            )
        out.write("</ClaML>")
    return path


def _tree(size: int, letters: str) -> Iterator[tuple[str, str]]:
    made = 0
    for number in range(10 * size):
        letter, rest = letters[number % len(letters)], number // len(letters)
        if rest == 0:
            yield letter, ""
            made += 1
        stem = f"{letter}{rest:02d}"
        for code, parent in ((stem, letter), *((f"{stem}.{digit}", stem) for digit in range(10))):
            if made >= size:
                return
            yield code, parent
            made += 1


def _ops(folder: Path, size: int, dice: random.Random) -> Path:
    codes = []
    for at in range(size):
        stem = f"{5 + at % 4}-{at // 40 % 900 + 100:03d}"
        code = f"{stem}.{'0123456789abcdefghjkx'[at // 4 % 20]}{at // 36000 or ''}"
        codes.append(f"5;T;P;5;5-01;{stem[:4]};{code};N;{_text(dice, 4, 14)};;;;2;N;N")
    path = folder / "ops2099syst-meta.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Klassifikationsdateien/ops2099syst_kodes.txt", "\n".join(codes))
    return path


def _alpha(folder: Path, size: int, dice: random.Random) -> Path:
    path = folder / "icd10gm2099_alphaidse_edvtxt.txt"
    codes = [code for code, _ in _tree(size // 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")]
    with path.open("w", encoding="utf-8") as out:
        for at in range(size):
            out.write(f"1|I{at}|{dice.choice(codes)}|||||{_text(dice, 1, 5)}\n")
    return path


def _atc(folder: Path, size: int, dice: random.Random) -> Path:
    path = folder / "atc2099.csv"
    with path.open("w", encoding="utf-8") as out:
        out.write("ATC-Code;ATC-Bedeutung;DDD\n")
        for at in range(size):
            out.write(
                f"{'ABCDGHJLMN'[at % 10]}{at // 10 % 90 + 10}AB{at // 900:02d};{_text(dice, 1, 3)};1 g\n"
            )
    return path


def _loinc(folder: Path, size: int, dice: random.Random) -> Path:
    path = folder / "Loinc_9.99.zip"
    header = "LOINC_NUM,COMPONENT,PROPERTY,TIME_ASPCT,SYSTEM,SCALE_TYP,CLASS,STATUS,RELATEDNAMES2,SHORTNAME,LONG_COMMON_NAME\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("Loinc_9.99/LoincTable/Loinc.csv", "w") as out:
            out.write(header.encode())
            for at in range(size):
                names = f"{_text(dice, 8, 24)},{_text(dice, 1, 3)},{_text(dice, 4, 8)}"
                row = f"{at}-{at % 10},{_text(dice, 1, 3)},MCnc,Pt,Ser/Plas,Qn,CHEM,ACTIVE,{names}\n"
                out.write(row.encode())
        with archive.open(
            "Loinc_9.99/AccessoryFiles/LinguisticVariants/deDE15LinguisticVariant.csv", "w"
        ) as out:
            out.write(b"LOINC_NUM,COMPONENT,LONG_COMMON_NAME,LinguisticVariantDisplayName\n")
            for at in range(size):
                out.write(
                    f"{at}-{at % 10},{_text(dice, 1, 3)},{_text(dice, 3, 7)},{_text(dice, 2, 5)}\n".encode()
                )
    return path


def _snomed(folder: Path, size: int, dice: random.Random) -> Path:
    """RF2: 1.6 is-a and 3.2 descriptions a concept, as in the international edition."""
    path = folder / "SnomedCT.zip"
    module, date = "900000000000207008", "20990131"
    common = f"{date}\t1\t{module}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        top = "SnomedCT/Snapshot/Terminology"
        with archive.open(f"{top}/sct2_Concept_Snapshot_INT_{date}.txt", "w") as out:
            out.write(b"id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId\r\n")
            out.writelines(
                f"{10_000_000 + at}\t{common}\t900000000000074008\r\n".encode() for at in range(size)
            )
        with archive.open(f"{top}/sct2_Description_Snapshot-en_INT_{date}.txt", "w") as out:
            out.write(
                b"id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId\r\n"
            )
            for at in range(size):
                for number in range(3 + (at % 5 == 0)):
                    kind = "900000000000003001" if number == 0 else "900000000000013009"
                    language = "de" if number == 2 else "en"
                    term_ = _text(dice, 2, 6)
                    out.write(
                        f"{at * 4 + number}\t{common}\t{10_000_000 + at}\t{language}\t{kind}\t{term_}\t0\r\n".encode()
                    )
        with archive.open(f"{top}/sct2_Relationship_Snapshot_INT_{date}.txt", "w") as out:
            out.write(
                b"id\teffectiveTime\tactive\tmoduleId\tsourceId\tdestinationId\trelationshipGroup\ttypeId\tcharacteristicTypeId"
                b"\tmodifierId\r\n"
            )
            for at in range(1, size):
                for parent in {_parent(at, dice) for _ in range(1 + (dice.random() < 0.6))}:
                    out.write(
                        f"{at}\t{common}\t{10_000_000 + at}\t{10_000_000 + parent}\t0\t116680003\t0\t0\r\n".encode()
                    )
        with archive.open(
            f"SnomedCT/Snapshot/Refset/Language/der2_cRefset_LanguageSnapshot-en_INT_{date}.txt", "w"
        ) as out:
            out.write(
                b"id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId\tacceptabilityId\r\n"
            )
            for at in range(size):
                out.write(
                    f"u{at}\t{common}\t900000000000509007\t{at * 4 + 1}\t900000000000548007\r\n".encode()
                )
    return path


def _parent(at: int, dice: random.Random) -> int:
    """A tree about ten levels deep in which a second parent is mostly a neighbour of the first."""
    return max(0, min(at - 1, int(at / 4) + dice.randint(-3, 3)))


_WRITERS: Final = {
    "icd-10-gm": _icd,
    "ops": _ops,
    "alpha-id": _alpha,
    "atc": _atc,
    "loinc": _loinc,
    "snomed-ct": _snomed,
}
