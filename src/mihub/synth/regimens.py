"""Systemic therapies by name: kind, substances with ATC code, usual length.

Examples for data only, never advice. `kind` is the oBDS therapy type (CH, IM, CI, ZS, HO …); ATC after the
WHO index.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Regimen:
    """One protocol. `days` is the usual length."""

    kind: str
    protocol: str
    substances: tuple[tuple[str, str], ...]
    days: int


_CISPLATIN, _CARBOPLATIN = ("L01XA01", "Cisplatin"), ("L01XA02", "Carboplatin")
_PEMBROLIZUMAB = ("L01FF02", "Pembrolizumab")
_ETOPOSIDE = ("L01CB01", "Etoposid")

REGIMENS = {
    "adjuvant": Regimen("CH", "Cisplatin/Vinorelbin", (_CISPLATIN, ("L01CA04", "Vinorelbin")), 84),
    "radiosensitiser": Regimen("CH", "Cisplatin/Vinorelbin", (_CISPLATIN, ("L01CA04", "Vinorelbin")), 45),
    "durvalumab": Regimen("IM", "Durvalumab", (("L01FF03", "Durvalumab"),), 364),
    "osimertinib-adjuvant": Regimen("ZS", "Osimertinib", (("L01EB04", "Osimertinib"),), 1095),
    "EGFR": Regimen("ZS", "Osimertinib", (("L01EB04", "Osimertinib"),), 620),
    "ALK": Regimen("ZS", "Alectinib", (("L01ED03", "Alectinib"),), 900),
    "ROS1": Regimen("ZS", "Crizotinib", (("L01ED01", "Crizotinib"),), 560),
    "BRAF": Regimen(
        "ZS", "Dabrafenib/Trametinib", (("L01EC02", "Dabrafenib"), ("L01EE01", "Trametinib")), 420
    ),
    "pembrolizumab": Regimen("IM", "Pembrolizumab", (_PEMBROLIZUMAB,), 300),
    "platinum-pemetrexed": Regimen(
        "CI",
        "Carboplatin/Pemetrexed/Pembrolizumab",
        (_CARBOPLATIN, ("L01BA04", "Pemetrexed"), _PEMBROLIZUMAB),
        250,
    ),
    "platinum-paclitaxel": Regimen(
        "CI",
        "Carboplatin/Paclitaxel/Pembrolizumab",
        (_CARBOPLATIN, ("L01CD01", "Paclitaxel"), _PEMBROLIZUMAB),
        230,
    ),
    "docetaxel": Regimen("CH", "Docetaxel", (("L01CD02", "Docetaxel"),), 110),
    "sclc-limited": Regimen("CH", "Cisplatin/Etoposid", (_CISPLATIN, _ETOPOSIDE), 84),
    "sclc-extensive": Regimen(
        "CI",
        "Carboplatin/Etoposid/Atezolizumab",
        (_CARBOPLATIN, _ETOPOSIDE, ("L01FF05", "Atezolizumab")),
        190,
    ),
    "topotecan": Regimen("CH", "Topotecan", (("L01CE01", "Topotecan"),), 70),
    "folfox": Regimen(
        "CH",
        "FOLFOX",
        (("L01BC02", "Fluorouracil"), ("L01XA03", "Oxaliplatin"), ("V03AF03", "Calciumfolinat")),
        168,
    ),
    "folfox-bevacizumab": Regimen(
        "CI",
        "FOLFOX/Bevacizumab",
        (("L01BC02", "Fluorouracil"), ("L01XA03", "Oxaliplatin"), ("L01FG01", "Bevacizumab")),
        240,
    ),
    "capecitabine": Regimen("CH", "Capecitabin", (("L01BC06", "Capecitabin"),), 42),
    "ec-paclitaxel": Regimen(
        "CH",
        "EC/Paclitaxel",
        (("L01DB03", "Epirubicin"), ("L01AA01", "Cyclophosphamid"), ("L01CD01", "Paclitaxel")),
        154,
    ),
    "letrozole": Regimen("HO", "Letrozol", (("L02BG04", "Letrozol"),), 1825),
    "tamoxifen": Regimen("HO", "Tamoxifen", (("L02BA01", "Tamoxifen"),), 1825),
}
SIDE_EFFECTS = {
    "CH": ("Übelkeit", "Polyneuropathie", "Neutropenie", "Fatigue"),
    "CI": ("Neutropenie", "Pneumonitis", "Fatigue", "Hypothyreose"),
    "IM": ("Pneumonitis", "Hypothyreose", "Kolitis"),
    "ZS": ("Diarrhoe", "Exanthem", "Pneumonitis"),
    "HO": ("Arthralgie", "Hitzewallungen"),
}
