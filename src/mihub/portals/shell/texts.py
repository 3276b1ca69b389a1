"""All words of the portal: one catalogue per area and language, looked up by key, never composed from
fragments.

A file `patient.de.yaml` offers its nested keys as `patient.…`. A missing key is shown in brackets and
remembered, and the tests refuse it. Values in braces are filled by name. The files: `mihub/content/texts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from mihub.errors import ConfigurationError

Language = Literal["de", "en"]
FOLDER: Final = Path(__file__).resolve().parents[2] / "content" / "texts"
LANGUAGES: Final[tuple[Language, ...]] = ("de", "en")


class Texts:
    """Every text by language and key. `missing` collects what was asked for and is not there."""

    def __init__(self, catalogues: Mapping[Language, Mapping[str, str]]) -> None:
        self._catalogues = catalogues
        self.missing: set[tuple[str, str]] = set()

    @classmethod
    def load(cls, folder: Path) -> Texts:
        """All `AREA.LANGUAGE.yaml` of a folder. Raises `ConfigurationError` for a file that is not a
        catalogue.
        """
        found: dict[Language, dict[str, str]] = {language: {} for language in LANGUAGES}
        for language in LANGUAGES:
            for path in sorted(folder.glob(f"*.{language}.yaml")):
                found[language].update(_flat(path.name.split(".")[0], read_document(path)))
        return cls(found)

    def text(self, language: Language, key: str, **values: object) -> str:
        """The text; `count` chooses `key.one` or `key.many` when the key has both."""
        catalogue = self._catalogues[language]
        if "count" in values and f"{key}.one" in catalogue:
            key = f"{key}.one" if values["count"] == 1 else f"{key}.many"
        found = catalogue.get(key)
        if found is None:
            self.missing.add((language, key))
            return f"[{key}]"
        return found.format(**values) if values else found

    def has(self, language: Language, key: str) -> bool:
        """Whether there is such a text: for codes that may have one."""
        return key in self._catalogues[language]

    def keys(self, language: Language) -> frozenset[str]:
        """All keys of a language."""
        return frozenset(self._catalogues[language])


def read_document(path: Path) -> Mapping[str, Any]:
    """The mapping that a file of texts holds. Raises `ConfigurationError` for anything else."""
    # The C loader is the same safe loader, ten times faster; a wheel without it falls back.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe loaders
    if not isinstance(document, dict):
        raise ConfigurationError("A text catalogue is not a mapping of keys to texts.", where=path.name)
    return document


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}", inner)
    else:
        yield prefix, str(value).strip()
