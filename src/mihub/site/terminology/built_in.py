"""The code systems every site has without loading anything: grammars, and the lists R4's own value sets hold.

Countries (ISO 3166-1 alpha-2) and displays of languages and units come out of R4's value sets; currencies (ISO 4217) are codes
only. Such a list is a fragment: a code that is not in it may be good. Above: `terminology`. Below: `grammars`, `in_memory`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from mihub.core.fhir import Json, Resource, ucum
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.terminology.grammars import LANGUAGES, MIME_TYPES, UCUM, languages, mime_types, units
from mihub.site.terminology.in_memory import InMemoryCodeSystem
from mihub.site.terminology.protocol import CodeSystemProvider

_VALUE_SETS: Final = "http://hl7.org/fhir/ValueSet/"
_COUNTRIES: Final = "urn:iso:std:iso:3166"
_CURRENCIES: Final = "urn:iso:std:iso:4217"
_CURRENCY_CODES: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP "
    "BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB "
    "EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD "
    "JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU "
    "MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD "
    "RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY "
    "TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD "
    "XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWL "
)


def built_in(definitions: Definitions) -> Iterator[CodeSystemProvider]:
    """The providers; what the definitions or lists have of the same systems comes first where it is more complete."""
    yield mime_types(_listed(definitions, MIME_TYPES, "mimetypes"))
    yield languages(_listed(definitions, LANGUAGES, "languages"))
    yield units(_Units(), _listed(definitions, UCUM, "ucum-common"))
    countries = _listed(definitions, _COUNTRIES, "iso3166-1-2")
    yield InMemoryCodeSystem(_fragment(_COUNTRIES, "ISO 3166-1 alpha-2", list(countries.values())))
    currencies: list[Json] = [{"code": code, "display": code} for code in _CURRENCY_CODES.split()]
    yield InMemoryCodeSystem(_fragment(_CURRENCIES, "ISO 4217", currencies))


class _Units:
    """The units of `core.fhir.ucum`."""

    def is_valid(self, code: str) -> bool:
        return _is_unit(code)

    def canonical(self, code: str) -> str:
        return _canonical(code)


@lru_cache(maxsize=10_000)
def _is_unit(code: str) -> bool:
    return ucum.is_valid(code) is None


@lru_cache(maxsize=10_000)
def _canonical(code: str) -> str:
    try:
        return ucum.base_code(ucum.parse(code).dimensions)
    except ucum.UcumError:
        return ""


def _listed(definitions: Definitions, system: str, name: str) -> dict[str, Json]:
    found = definitions.find(_VALUE_SETS + name, "ValueSet")
    includes = ((found.resource if found else {}).get("compose") or {}).get("include") or []
    concepts = (
        one for include in includes if include.get("system") == system for one in include.get("concept") or []
    )
    return {one["code"]: one for one in concepts}


def _fragment(url: str, title: str, concepts: list[Json]) -> Resource:
    return {
        "resourceType": "CodeSystem",
        "url": url,
        "name": title.replace(" ", "").replace("-", ""),
        "title": title,
        "status": "active",
        "content": "fragment",
        "caseSensitive": True,
        "concept": concepts,
    }
