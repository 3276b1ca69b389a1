"""The case as the board sees it: every required item with its findings, how complete it is, who could
supply the rest.

Computed at each view from the sites and from what the registrant added; nothing of it is stored. The
percentage is rounded down, so that 100 % means all. Above: `registration`, the portal. Below: `items`,
`catalogue`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mihub.care.tumour_board.catalogue import Edition, RequiredItem, required_items
from mihub.care.tumour_board.items import Finding, icd10, read_item, tumour_diagnoses
from mihub.care.tumour_board.read_through import Known, SilentSite, Sourced


@dataclass(frozen=True, slots=True)
class ItemView:
    """One required item. `added` is what the registrant wrote; `could_supply` names sites of a fitting
    kind."""

    item: RequiredItem
    findings: tuple[Finding, ...]
    added: str
    could_supply: tuple[str, ...]

    @property
    def present(self) -> bool:
        """Whether a site or the registrant said something."""
        return bool(self.findings or self.added)

    @property
    def marks(self) -> tuple[str, ...]:
        """The groups that must stay apart, e.g. TNM editions ("9", "8")."""
        return tuple(sorted({each.mark for each in self.findings if each.mark}, reverse=True))


@dataclass(frozen=True, slots=True)
class Presentation:
    """The whole case. `diagnosis` is the tumour it is about; None when no site knows one."""

    items: tuple[ItemView, ...]
    silent: tuple[SilentSite, ...]
    diagnosis: Sourced | None
    edition: Edition

    @property
    def present(self) -> int:
        """How many required items are there."""
        return sum(each.present for each in self.items)

    @property
    def required(self) -> int:
        """How many there should be."""
        return len(self.items)

    @property
    def percent(self) -> int:
        """0 to 100, rounded down; 100 when nothing is required."""
        return 100 * self.present // self.required if self.required else 100

    @property
    def missing(self) -> tuple[ItemView, ...]:
        """The items nobody knows."""
        return tuple(each for each in self.items if not each.present)

    def view(self, item_id: str) -> ItemView | None:
        """One item; None when it is not required for this diagnosis."""
        return next((each for each in self.items if each.item.id == item_id), None)


def present_case(known: Known, language: str, added: Mapping[str, str] | None = None) -> Presentation:
    """Put the case together. `added` maps item ids to what the registrant wrote."""
    edition, catalogue = required_items()
    diagnosis = next(iter(tumour_diagnoses(known)), None)
    code = icd10(diagnosis.resource) if diagnosis else ""
    wanted = [item for item in catalogue if _is_required(item, code)]
    return Presentation(
        items=tuple(_view(item, known, language, (added or {}).get(item.id, "")) for item in wanted),
        silent=known.silent,
        diagnosis=diagnosis,
        edition=edition,
    )


def _is_required(item: RequiredItem, code: str) -> bool:
    """Without a diagnosis an item for some diagnoses only is still asked for: the safe side is to ask."""
    return not item.only_for or not code or code.startswith(item.only_for)


def _view(item: RequiredItem, known: Known, language: str, added: str) -> ItemView:
    findings = read_item(item, known, language)
    suppliers = tuple(site.name for site in known.sites if site.kind in item.supplied_by)
    return ItemView(item, findings, added.strip(), () if findings or added.strip() else suppliers)
