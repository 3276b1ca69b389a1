"""One party's keys: ES384 to sign, hybrid post-quantum HPKE (ML-KEM-1024 with P-384) to be written to.

A party is a member of the region or a research project; the shape is the same. The private half never leaves
`KeySet`. Source: RFC 9180, FIPS 203, the network's one suite. Above: `signature`, `envelope`, `members`,
`keyfile`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem
from cryptography.hazmat.primitives.hpke import MLKEM1024P384PrivateKey, MLKEM1024P384PublicKey
from joserfc.jwk import ECKey

from mihub.core.fhir import Json
from mihub.errors import InvalidInput

_POINT = (serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What others need: to check this party's signatures and to seal to it. `kid` is a hash of all of it."""

    owner: str
    signing: bytes  # P-384 point, compressed
    sealing_mlkem: bytes  # ML-KEM-1024 encapsulation key
    sealing_p384: bytes  # P-384 point, compressed

    @property
    def kid(self) -> str:
        """The id of exactly these keys of exactly this owner."""
        return _digest(self).hex()[:32]

    def fingerprint(self) -> str:
        """Eight groups of four characters, to be read out on the telephone at enrolment."""
        return " ".join(self.kid[start : start + 4] for start in range(0, 32, 4))

    def verifying_key(self) -> ECKey:
        """For joserfc; carries no private part."""
        return _verifying(self.signing, self.kid)

    def sealing_key(self) -> MLKEM1024P384PublicKey:
        """For HPKE."""
        return MLKEM1024P384PublicKey(
            mlkem.MLKEM1024PublicKey.from_public_bytes(self.sealing_mlkem), _point(self.sealing_p384)
        )

    def to_json(self) -> Json:
        """Texts only; `from_json` gives equal keys back."""
        return {
            "owner": self.owner,
            "signing": _text(self.signing),
            "sealing_mlkem": _text(self.sealing_mlkem),
            "sealing_p384": _text(self.sealing_p384),
        }

    @staticmethod
    def from_json(body: Json) -> PublicKeys:
        """Raises `InvalidInput` when a part is missing or is not a key of its kind."""
        try:
            keys = PublicKeys(
                owner=str(body["owner"]),
                signing=_bytes(body["signing"]),
                sealing_mlkem=_bytes(body["sealing_mlkem"]),
                sealing_p384=_bytes(body["sealing_p384"]),
            )
            keys.verifying_key(), keys.sealing_key()
        except (KeyError, ValueError, TypeError) as error:
            raise _unusable("public") from error
        return keys


@dataclass(frozen=True, slots=True)
class KeySet:
    """The private half. Its `repr` shows the owner only."""

    owner: str
    _signing: ec.EllipticCurvePrivateKey
    _mlkem: mlkem.MLKEM1024PrivateKey
    _p384: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"KeySet(owner={self.owner!r})"

    @staticmethod
    def generate(owner: str) -> KeySet:
        """New keys from the operating system's randomness."""
        curve = ec.SECP384R1()
        return KeySet(
            owner,
            ec.generate_private_key(curve),
            mlkem.MLKEM1024PrivateKey.generate(),
            ec.generate_private_key(curve),
        )

    def public(self) -> PublicKeys:
        """The half for others."""
        return PublicKeys(
            owner=self.owner,
            signing=self._signing.public_key().public_bytes(*_POINT),
            sealing_mlkem=self._mlkem.public_key().public_bytes_raw(),
            sealing_p384=self._p384.public_key().public_bytes(*_POINT),
        )

    def signing_key(self) -> ECKey:
        """For joserfc: request signatures, envelopes, access statements."""
        return ECKey.import_key(_private_pem(self._signing), {"kid": self.public().kid})

    def opening_key(self) -> MLKEM1024P384PrivateKey:
        """For HPKE."""
        return MLKEM1024P384PrivateKey(self._mlkem, self._p384)

    def to_json(self) -> Json:
        """Everything, private; only `keyfile` writes it down."""
        return {
            "owner": self.owner,
            "signing": _private_pem(self._signing),
            "sealing_mlkem_seed": _text(self._mlkem.private_bytes_raw()),
            "sealing_p384": _private_pem(self._p384),
        }

    @staticmethod
    def from_json(body: Json) -> KeySet:
        """Raises `InvalidInput` when a part is missing or is not a key of its kind."""
        try:
            return KeySet(
                str(body["owner"]),
                _load_private(body["signing"]),
                mlkem.MLKEM1024PrivateKey.from_seed_bytes(_bytes(body["sealing_mlkem_seed"])),
                _load_private(body["sealing_p384"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise _unusable("private") from error


@lru_cache(maxsize=1024)
def _verifying(signing: bytes, kid: str) -> ECKey:
    # Every request is checked against such a key; making it costs more than the check of its claims.
    return ECKey.import_key(_public_pem(_point(signing)), {"kid": kid})


def _digest(keys: PublicKeys) -> bytes:
    parts = (b"mihub-keys-1", keys.owner.encode(), keys.signing, keys.sealing_mlkem, keys.sealing_p384)
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def _point(data: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), data)


def _public_pem(key: ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _load_private(pem: Any) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(str(pem).encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP384R1):
        raise ValueError("not a P-384 key")
    return key


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError("not a text")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _unusable(half: str) -> InvalidInput:
    return InvalidInput(
        f"The {half} keys cannot be used: a part is missing or of another kind.",
        rule="key set: ES384, ML-KEM-1024 with P-384",
        next_step="Load the file that `mihub` wrote for this party, or enrol the party again.",
    )
