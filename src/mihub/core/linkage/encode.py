"""A person's identity as a keyed Bloom filter and keyed blocking codes: comparable, not readable.

The key is held by the sites and never by the trust centre. Names are salted with the birth year, so that the
same name looks different in each year and no table of common names fits; 2,048 bits are folded by XOR to
1,024. A wrong birth year therefore separates records unless the insurance number joins them. Source:
Schnell, Bachteler, Reiher 2009 (CLK); Schnell, Borgs 2016 (XOR folding); reference measurements of the
network. Below: `normalise`. Above: `compare`.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from mihub.core.linkage.normalise import Identity, sound

CLK_BITS = 1024
CLK_BYTES = CLK_BITS // 8
_RAW_BITS = 2 * CLK_BITS
# How many bits a field sets in all, shared by its tokens: the weight of the field in the comparison.
_BITS = {"given": 240, "family": 150, "birth": 270, "sex": 20, "place": 30}
# One HMAC-SHA-512 gives 32 places of 16 bit; a token that sets more asks again.
_PLACES_PER_DIGEST = 32
_DIGEST = struct.Struct(">32H")


@dataclass(frozen=True, slots=True)
class Encoding:
    """`clk`: 128 bytes. `blocks`: keyed codes, two records with none in common are never compared.

    `insurance`: keyed hash of the insurance number, or empty.
    """

    clk: bytes
    blocks: tuple[str, ...]
    insurance: str


def encode(identity: Identity, key: bytes) -> Encoding:
    """The encoding under the sites' common key (at least 32 random bytes). Without a birth date there
    is no block."""
    year = identity.birth_date[0] if identity.birth_date else ""
    raw = bytearray(2 * CLK_BYTES)
    for field, tokens in _tokens(identity, year).items():
        _set_bits(raw, field, tokens, key)
    folded = int.from_bytes(raw[:CLK_BYTES], "big") ^ int.from_bytes(raw[CLK_BYTES:], "big")
    return Encoding(
        clk=folded.to_bytes(CLK_BYTES, "big"),
        blocks=tuple(sorted({_code(key, "block", text)[:16] for text in _blocks(identity, year)})),
        insurance=_code(key, "insurance", identity.insurance)[:32] if identity.insurance else "",
    )


def _tokens(identity: Identity, year: str) -> dict[str, list[str]]:
    birth = list(zip(("y", "m", "d"), identity.birth_date or (), strict=False))
    return {
        "given": [f"{year}{pair}" for name in identity.given for pair in _pairs(name)],
        "family": [f"{year}{pair}" for name in identity.family for pair in _pairs(name)],
        "birth": [f"{part}{value}" for part, value in birth],
        "sex": [identity.sex] if identity.sex else [],
        "place": [f"{place}{digit}" for place, digit in enumerate(identity.postal_code)],
    }


def _pairs(name: str) -> Iterable[str]:
    padded = f" {name} "
    return {padded[place : place + 2] for place in range(len(padded) - 1)}


def _set_bits(raw: bytearray, field: str, tokens: list[str], key: bytes) -> None:
    distinct = set(tokens)
    for token in distinct:
        for place in _places(field, token, key, max(1, round(_BITS[field] / len(distinct)))):
            raw[place >> 3] |= 1 << (place & 7)


def _places(field: str, token: str, key: bytes, count: int) -> Iterable[int]:
    for start in range(0, count, _PLACES_PER_DIGEST):
        digest = hmac.digest(key, f"{field}|{start}|{token}".encode(), "sha512")
        for number in _DIGEST.unpack(digest)[: count - start]:
            yield number % _RAW_BITS


def _blocks(identity: Identity, year: str) -> Iterable[str]:
    if identity.birth_date:
        yield "date|" + "-".join(identity.birth_date)
        yield from (f"family|{year}|{sound(name)}" for name in identity.family)


def _code(key: bytes, use: str, text: str) -> str:
    return hmac.digest(key, f"{use}|{text}".encode(), "sha256").hex()
