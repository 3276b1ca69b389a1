"""Parts that several reports carry: histology, distant metastases, TNM with its edition, gene variants.

A TNM keeps the edition it was made with. Neighbour above: `reports`, `therapies`.
"""

from __future__ import annotations

from datetime import date

from mihub.synth.events import Variant
from mihub.synth.obds.element import coded, exact_day, parent, tag
from mihub.synth.stages import Tnm


def histology(identity: str, day: date, morphology: str, text: str, grading: str) -> str:
    """One histology."""
    return parent(
        "Histologie",
        exact_day("Tumor_Histologiedatum", day),
        tag("Histologie_EinsendeNr", f"E-{identity}"),
        coded("Morphologie_ICD_O", morphology, "33"),
        tag("Morphologie_Freitext", text),
        tag("Grading", grading),
        Histologie_ID=identity,
    )


def distant(sites: tuple[str, ...], day: date) -> str:
    """Distant metastases; nothing when there are none."""
    if not sites:
        return ""
    found = [
        parent("Fernmetastase", exact_day("Diagnosedatum", day), tag("Lokalisation", site)) for site in sites
    ]
    return parent("Menge_FM", *found)


def tnm(name: str, identity: str, found: Tnm) -> str:
    """One classification; an operation that was R0 with a clinical M keeps the prefix c for M."""
    m_prefix = found.prefix if found.prefix == "c" else "c"
    return parent(
        name,
        tag("Datum", found.day),
        tag("Version", found.edition),
        tag("c_p_u_Praefix_T", found.prefix),
        tag("T", found.t),
        tag("c_p_u_Praefix_N", found.prefix),
        tag("N", found.n),
        tag("c_p_u_Praefix_M", m_prefix),
        tag("M", found.m),
        tag("UICC_Stadium", found.stage),
        ID=identity,
    )


def variants(found: tuple[Variant, ...], day: date) -> str:
    """Genes with their result; the exact change stands in the name, as hospitals write it."""
    if not found:
        return ""
    return parent("Menge_Genetik", *(_variant(variant, day) for variant in found))


def _variant(variant: Variant, day: date) -> str:
    if variant.result == "S":
        result, name = tag("Sonstige_Auspraegung", variant.detail), variant.gene
    else:
        result, name = tag("Auspraegung", variant.result), f"{variant.gene} {variant.detail}".strip()
    return parent("Genetische_Variante", exact_day("Datum", day), tag("Bezeichnung", name), result)
