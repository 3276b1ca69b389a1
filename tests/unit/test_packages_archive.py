"""Packages as the world sends them: each file that can not be taken is named with one sentence, and the rest loads."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mihub.errors import InvalidInput, MihubError
from mihub.site.packages.archive import Limits
from mihub.site.packages.reading import Read, read, read_all, sources
from tests.package_maker import BASE, code_system, files_of, manifest, package, tgz

ONE = orjson.dumps(code_system("one"))
SMALL = Limits(
    packed_bytes=1 << 20,
    unpacked_bytes=4 << 20,
    file_bytes=1 << 16,
    files=50,
    ratio=20,
    ratio_from_bytes=1 << 20,
)


def _link(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def _aside(found: Read) -> dict[str, str]:
    return {one.place: f"{one.what} {one.rule}" for one in found.set_aside}


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("package/utf16.json", ONE.decode().encode("utf-16"), "It is written in UTF-16 or UTF-32. JSON in UTF-8"),
        ("package/utf16be.json", ONE.decode().encode("utf-16-be"), "It is written in UTF-16 or UTF-32."),
        ("package/latin.json", '{"resourceType":"CodeSystem","name":"Größe"}'.encode("latin-1"), "such as Latin-1."),
        ("package/cut.json", ONE[:-9], "It can not be read as JSON (line 1, column"),
        ("package/empty.json", b"", "It can not be read as JSON"),
        ("package/deep.json", b"[" * 5000 + b"]" * 5000, "It can not be read as JSON"),
        ("package/no-url.json", b'{"resourceType":"ValueSet"}', "This ValueSet has no url."),
        ("package/bad-url.json", b'{"resourceType":"ValueSet","url":7}', "The url of this ValueSet is no address."),
        ("package/space.json", b'{"resourceType":"ValueSet","url":"a b"}', "The url of this ValueSet is no address."),
        ("package/version.json", b'{"resourceType":"ValueSet","url":"u:1","version":1}', "is no text."),
        ("package/again.json", ONE, "It has the same url and version as CodeSystem-one.json."),
        ("package/huge.json", b" " * (1 << 17), "It is too large. at most 0 MB"),
        ("/etc/absolute.json", ONE, "Its path leads out of the package. a relative path"),
        ("package/../../up.json", ONE, "Its path leads out of the package."),
        ("package\\win.json", ONE, "Its path leads out of the package."),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_taken_is_set_aside(tmp_path: Path, name: str, body: bytes, said: str) -> None:
    files = files_of(manifest(), code_system("one")) | {name: body}
    found = read(tgz(tmp_path / "p.tgz", files), SMALL)
    assert [one.entry.url for one in found.resources] == [f"{BASE}/CodeSystem/one"]
    ((place, told),) = _aside(found).items()
    assert place == (name if ".." in name else name.removeprefix("package/"))
    assert said in told
    assert found.set_aside[0].next_step


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_set_aside(tmp_path: Path, kind: bytes) -> None:
    path = tgz(
        tmp_path / "p.tgz", files_of(manifest(), code_system("one")), more=(_link("package/x.json", kind),)
    )
    found = read(path, SMALL)
    assert _aside(found) == {"x.json": "It is a link or a device. ordinary files only"}
    assert len(found.resources) == 1


def test_a_byte_order_mark_is_skipped_and_the_index_is_not_believed(tmp_path: Path) -> None:
    files = files_of(manifest()) | {
        "package/cs.json": b"\xef\xbb\xbf" + ONE,
        "package/.index.json": b'{"files":[{"filename":"ghost.json","url":"http://ghost"}]}',
    }
    found = read(tgz(tmp_path / "p.tgz", files), SMALL)
    assert [(one.entry.url, one.entry.version) for one in found.resources] == [
        (f"{BASE}/CodeSystem/one", "1.0.0")
    ]
    assert not found.set_aside


def test_examples_are_kept_apart_and_other_folders_left_alone(tmp_path: Path) -> None:
    person = b'{"resourceType":"Patient","id":"p"}'
    files = files_of(manifest(), code_system("one")) | {
        "package/examples/cs.json": orjson.dumps(code_system("two")),
        "example/q.json": b'{"resourceType":"Questionnaire","url":"u:q"}',
        "package/Patient-p.json": person,
        "package/openapi/x.json": ONE,
        "package/xml/x.xml": b"<x/>",
        "package/other/ig.json": ONE,
        "package/sub/deep/three.json": orjson.dumps(code_system("three")),
        "package/notes.json": b"[1,2]",
    }
    found = read(tgz(tmp_path / "p.tgz", files), SMALL)
    assert {one.entry.place for one in found.resources if not one.entry.example} == {
        "CodeSystem-one.json", "sub/deep/three.json"
    }  # fmt: skip
    assert {one.entry.place for one in found.resources if one.entry.example} == {
        "examples/cs.json", "example/q.json", "Patient-p.json"
    }  # fmt: skip
    assert not found.set_aside


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"name": "a b", "version": "1"}, "its package.json gives no usable name"),
        ({"name": "../a", "version": "1"}, "its package.json gives no usable name"),
        ({"name": "a", "version": ""}, "its package.json gives no usable version"),
        (
            {"name": "a", "version": "1", "dependencies": ["b"]},
            "the dependencies in its package.json are not names",
        ),
        ([], "its package.json is not a JSON object"),
        ({"name": "a", "version": "1", "fhirVersions": ["5.0.0"]}, "a#1 is written for FHIR 5.0.0."),
        ({"name": "a", "version": "1", "fhirVersions": ["3.0.2"]}, "a#1 is written for FHIR 3.0.2."),
        ({"name": "a", "version": "1", "fhirVersions": ["4.3.0"]}, "a#1 is written for FHIR 4.3.0."),
        ({"name": "a", "version": "1", "fhir-version-list": ["3.5.0"]}, "a#1 is written for FHIR 3.5.0."),
        (
            {"name": "a", "version": "1", "dependencies": {"hl7.fhir.r5.core": "5.0.0"}},
            "is written for FHIR 5.0.0.",
        ),
        ({"name": "hl7.fhir.r4b.core", "version": "4.3.0"}, "is written for FHIR 4.3.0."),
    ],
)
def test_a_package_is_refused_with_a_sentence(tmp_path: Path, document: object, said: str) -> None:
    path = tgz(tmp_path / "p.tgz", {"package/package.json": orjson.dumps(document)})
    with pytest.raises(MihubError, match=said.replace(".", r"\.")) as refused:
        read(path, SMALL)
    assert refused.value.where == "p.tgz"
    assert refused.value.rule
    assert refused.value.next_step


@pytest.mark.parametrize(
    "more",
    [
        {"fhirVersions": ["4.0.0"]},
        {"fhirVersions": ["5.0.0", "4.0.1"]},
        {"fhirVersions": "4.0.1"},
        {"fhirVersions": [], "dependencies": {"hl7.fhir.r4.core": "4.0.1", "hl7.fhir.r5.core": "5.0.0"}},
        {"fhirVersions": None},
        {"dependencies": None},
    ],
)
def test_a_package_that_is_for_r4_among_others_is_taken(tmp_path: Path, more: dict[str, object]) -> None:
    found = read(tgz(tmp_path / "p.tgz", files_of(manifest(**more), code_system("one"))), SMALL)
    assert (found.manifest.label, len(found.resources)) == ("maker.one#1.0.0", 1)


def _tar_of_zeros(size: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("package/zeros.bin")
        info.size = size
        archive.addfile(info, io.BytesIO(bytes(size)))
    return gzip.compress(out.getvalue())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no archive at all", "This is not a FHIR package."),
        (b"", "This is not a FHIR package."),
        (gzip.compress(b"not a tar" * 100), "The package is damaged or cut off."),
        (gzip.compress(b""), "This is not a FHIR package: it has no package.json."),
        (_tar_of_zeros(3 << 20), "The package is too large."),
        (_tar_of_zeros(40 << 20), "The package is too large."),
    ],
)
def test_what_is_no_archive_or_grows_without_measure_is_refused(
    tmp_path: Path, body: bytes, said: str
) -> None:
    path = tmp_path / "bad.tgz"
    path.write_bytes(body)
    with pytest.raises(MihubError) as refused:
        read(path, SMALL)
    assert refused.value.what == said


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    files = files_of(manifest()) | {f"package/{i}.txt": b"" for i in range(60)}
    with pytest.raises(MihubError, match="not more than 50 files"):
        read(tgz(tmp_path / "p.tgz", files), SMALL)


def test_cut_anywhere_it_is_refused_or_whole(tmp_path: Path) -> None:
    whole = package(tmp_path, manifest(), *(code_system(f"c{i}") for i in range(20))).read_bytes()
    path = tmp_path / "cut.tgz"
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(InvalidInput, match=r"not a FHIR package|damaged or cut off"):
            read(path, Limits())


@given(position=st.integers(0, 4000), value=st.integers(0, 255))
def test_one_wrong_byte_in_the_tar_never_escapes(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("tar", numbered=True)
    body = bytearray(gzip.decompress(package(folder, manifest(), code_system("one")).read_bytes()))
    body[position % len(body)] = value
    path = folder / "bad.tgz"
    path.write_bytes(gzip.compress(bytes(body), 1))
    ((_, found),) = read_all([path], SMALL)
    if isinstance(found, MihubError):
        assert found.next_step
    else:
        assert len(found.resources) + len(found.set_aside) <= 2


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_every_way_of_writing_tar_reads_alike(tmp_path: Path, form: int) -> None:
    long = "package/" + "/".join(["folder" * 4] * 4) + "/größe.json"
    files = files_of(manifest(), code_system("one")) | {long: orjson.dumps(code_system("two"))}
    path = tmp_path / "p.tgz"
    with tarfile.open(path, "w:gz", format=form) as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(body), 1.5 if form == tarfile.PAX_FORMAT else 1
            archive.addfile(info, io.BytesIO(body))
    assert {one.entry.place for one in read(path, SMALL).resources} == {
        "CodeSystem-one.json", long.removeprefix("package/")
    }  # fmt: skip


def test_two_gzip_streams_in_one_file_read_as_one(tmp_path: Path) -> None:
    raw = gzip.decompress(package(tmp_path, manifest(), code_system("one")).read_bytes())
    path = tmp_path / "two.tgz"
    path.write_bytes(gzip.compress(raw[:700]) + gzip.compress(raw[700:]))
    assert len(read(path, SMALL).resources) == 1


def test_a_folder_reads_like_its_archive(tmp_path: Path) -> None:
    files = files_of(manifest(), code_system("one"), code_system("two"))
    packed = read(tgz(tmp_path / "p.tgz", files), SMALL)
    for name, body in files.items():
        target = tmp_path / "unpacked" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    (tmp_path / "unpacked" / "package" / "link.json").symlink_to("/etc/passwd")
    unpacked = read(tmp_path / "unpacked", SMALL)
    assert unpacked.digest == packed.digest
    assert {one.entry for one in unpacked.resources} == {one.entry for one in packed.resources}
    assert _aside(unpacked) == {"link.json": "It is a link or a device. ordinary files only"}


def test_any_top_folder_will_do(tmp_path: Path) -> None:
    files = {
        name.replace("package/", "maker/"): body
        for name, body in files_of(manifest(), code_system("one")).items()
    }
    (one,) = read(tgz(tmp_path / "p.tgz", files), SMALL).resources
    assert one.entry.place == "CodeSystem-one.json"


def test_a_folder_of_packages_gives_each_or_its_refusal_in_order(tmp_path: Path) -> None:
    paths = [package(tmp_path, manifest(f"maker.p{i}"), code_system(f"c{i}")) for i in range(5)]
    paths[2].write_bytes(b"broken")
    (tmp_path / "readme.txt").write_text("no package")
    found = list(read_all(sources(tmp_path), SMALL))
    assert [path for path, _ in found] == paths
    assert [isinstance(one, Read) for _, one in found] == [True, True, False, True, True]


def test_a_folder_without_packages_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no FHIR package in"):
        sources(tmp_path)
    with pytest.raises(MihubError, match=r"There is no file .*nothing\.tgz"):
        sources(tmp_path / "nothing.tgz")
