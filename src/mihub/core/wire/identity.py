"""What a site tells the trust centre about its patients: keyed encodings under transport ids, not readable.

No name, no birth date, no insurance number and no medical fact ever is part of it. Above: `site/linkage`
sends, `trust` links. Meaning of the encodings: `core/linkage/encode.py`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from mihub.core.fhir import Json
from mihub.core.policy.actor import TransportId
from mihub.errors import InvalidInput

MAX_BATCH = 1000


@dataclass(frozen=True, slots=True)
class EncodedIdentity:
    """One patient of one site. `insurance`: keyed hash of the insurance number, or empty. `removed`: forget
    it.
    """

    transport_id: TransportId
    clk: bytes = b""
    blocks: tuple[str, ...] = ()
    insurance: str = ""
    removed: bool = False

    def to_json(self) -> Json:
        """A JSON object; `from_json` gives an equal one back."""
        return {
            "transport_id": self.transport_id,
            "clk": base64.b64encode(self.clk).decode(),
            "blocks": list(self.blocks),
            "insurance": self.insurance,
            "removed": self.removed,
        }

    @staticmethod
    def from_json(body: Any, *, clk_bytes: int) -> EncodedIdentity:
        """Raises `InvalidInput` for another shape, or a filter of another length than `clk_bytes`."""
        try:
            clk = base64.b64decode(body["clk"], validate=True)
            identity = EncodedIdentity(
                transport_id=TransportId(_hex(body["transport_id"], 32)),
                clk=clk,
                blocks=tuple(_hex(block, 16) for block in body["blocks"]),
                insurance=_hex(body["insurance"], 32) if body["insurance"] else "",
                removed=body["removed"] is True,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _bad() from error
        if len(clk) != clk_bytes and not identity.removed:
            raise _bad()
        return identity


def _hex(value: Any, length: int) -> str:
    if not isinstance(value, str) or len(value) != length or value.strip("0123456789abcdef"):
        raise ValueError("not a hexadecimal text of the agreed length")
    return value


def _bad() -> InvalidInput:
    return InvalidInput(
        "An encoded identity has another shape than agreed.",
        where="$.identities",
        rule="core.wire.identity",
        next_step="Bring site and trust centre to the same version.",
    )
