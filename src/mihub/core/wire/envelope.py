"""The sealed letter between two members: the hub sees who, when and how large, and nothing else.

Content is padded to a power of two (at least 1 kB), encrypted with a fresh AES-256-GCM key whose additional
data is the header's hash; that key is sealed to the receiver by HPKE (ML-KEM-1024 with P-384) with the same
hash as `info`; the sender signs header and ciphertext hash. There is one suite and no negotiation down.
Source: RFC 9180, RFC 8785, reference design of the network's transport. Below: `compact`, `keys`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from dataclasses import dataclass, replace
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.core.wire.compact import canonical, refused, sign, unverified, verify
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.errors import InvalidInput, TooLarge

SUITE = "MLKEM1024_P384-HKDF_SHA384-AES256GCM-ES384"
MAX_CONTENT_BYTES = 2**22
_SMALLEST_CLASS = 1024
_HPKE = Suite(KEM.MLKEM1024_P384, KDF.HKDF_SHA384, AEAD.AES_256_GCM)
_USE = "envelope"
_LENGTH_BYTES = 4
_TEXTS = (
    "id",
    "net",
    "kind",
    "from",
    "to",
    "stream",
    "corr",
    "prev",
    "suite",
    "sender_kid",
    "receiver_kid",
    "ct_sha384",
    "key_sha384",
)
_NUMBERS = ("v", "seq", "created", "expires", "size")


@dataclass(frozen=True, slots=True)
class Header:
    """What the hub may read. Project and purpose are inside the sealed part.

    `stream` separates senders that count on their own (a portal beside its member's site); `seq` has no gaps
    within (from, to, stream) and `prev` is the SHA-256 of the header before; `corr` is the envelope that this
    one answers.
    """

    id: str
    net: str
    kind: str  # "task" or "result"
    sender: MemberId
    receiver: MemberId
    stream: str
    corr: str
    seq: int
    prev: str
    created: int
    expires: int
    sender_kid: str
    receiver_kid: str
    size: int = 0
    ct_sha384: str = ""
    key_sha384: str = ""
    suite: str = SUITE
    v: int = 1

    def to_json(self) -> Json:
        """As signed."""
        body = {name: getattr(self, name) for name in (*_TEXTS, *_NUMBERS) if name not in ("from", "to")}
        return {**body, "from": self.sender, "to": self.receiver}

    def digest(self) -> str:
        """SHA-256 of the signed header: the next one's `prev`."""
        return hashlib.sha256(canonical(self.to_json())).hexdigest()

    def binding(self) -> bytes:
        """What ties the ciphertext to this header: the header before its hashes are known."""
        return hashlib.sha384(canonical(replace(self, ct_sha384="", key_sha384="").to_json())).digest()


@dataclass(frozen=True, slots=True)
class Envelope:
    """A header and its sealed content. `head` is the sender's compact JWS over the header."""

    header: Header
    head: str
    sealed_key: bytes
    ciphertext: bytes

    def to_bytes(self) -> bytes:
        """As carried and kept."""
        return orjson.dumps({"head": self.head, "key": _text(self.sealed_key), "ct": _text(self.ciphertext)})


def envelope_id(now_ms: int | None = None) -> str:
    """A UUIDv7: sorts by time, 74 random bits (RFC 9562)."""
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    number = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def seal(content: Json, header: Header, sender: KeySet, receiver: PublicKeys) -> Envelope:
    """The envelope; hashes, size class and key ids are filled in. Raises `TooLarge` above 4 MiB."""
    padded = _pad(orjson.dumps(content))
    header = replace(
        header, size=len(padded), sender_kid=sender.public().kid, receiver_kid=receiver.kid, ct_sha384=""
    )
    binding, key, nonce = header.binding(), AESGCM.generate_key(256), os.urandom(12)
    ciphertext = nonce + AESGCM(key).encrypt(nonce, padded, binding)
    sealed_key = _HPKE.encrypt(key, receiver.sealing_key(), binding)
    header = replace(header, ct_sha384=_sha384(ciphertext), key_sha384=_sha384(sealed_key))
    return Envelope(header, sign(header.to_json(), sender, _USE), sealed_key, ciphertext)


def parse(data: bytes) -> Envelope:
    """Check shape, suite and hashes, not the sender. Raises `InvalidInput` or `Unauthenticated`."""
    try:
        body = orjson.loads(data)
        head, sealed_key, ciphertext = body["head"], _bytes(body["key"]), _bytes(body["ct"])
    except (ValueError, KeyError, TypeError) as error:
        raise _bad("it is not a JSON object with head, key and ct") from error
    if not isinstance(head, str):
        raise _bad("its head is not a text")
    header = _header(unverified(head, _USE))
    if header.suite != SUITE or header.v != 1:
        raise refused(_USE, "its suite is not one that this network allows")
    if header.ct_sha384 != _sha384(ciphertext) or header.key_sha384 != _sha384(sealed_key):
        raise refused(_USE, "its content does not match its header")
    return Envelope(header, head, sealed_key, ciphertext)


def verify_sender(envelope: Envelope, sender: PublicKeys) -> None:
    """Raises `Unauthenticated` unless `sender` signed this header."""
    if envelope.header.sender_kid != sender.kid or envelope.header.sender != sender.owner:
        raise refused(_USE, "it was not made with its sender's current keys")
    verify(envelope.head, sender, _USE)


def read_head(head: str, sender: PublicKeys) -> Header:
    """A header without its content, when `sender` signed it. Raises as `verify_sender` does."""
    return _header(verify(head, sender, _USE))


def open_envelope(envelope: Envelope, receiver: KeySet) -> Json:
    """The content. Call `verify_sender` first. Raises `Unauthenticated` when sealed to another."""
    header = envelope.header
    if header.receiver_kid != receiver.public().kid:
        raise refused(_USE, "it was sealed to other keys")
    binding = header.binding()
    try:
        key = _HPKE.decrypt(envelope.sealed_key, receiver.opening_key(), binding)
        padded = AESGCM(key).decrypt(envelope.ciphertext[:12], envelope.ciphertext[12:], binding)
    except (InvalidTag, ValueError) as error:
        raise refused(_USE, "it cannot be opened") from error
    return _unpad(padded)


def seal_note(content: Json, owner: KeySet, purpose: str) -> str:
    """A text that only `owner` can open again; for what a party leaves with the hub for itself."""
    sealed = _HPKE.encrypt(_pad(orjson.dumps(content)), owner.public().sealing_key(), purpose.encode())
    return _text(sealed)


def open_note(sealed: str, owner: KeySet, purpose: str) -> Json:
    """What `seal_note` closed. Raises `Unauthenticated` for another owner or purpose."""
    try:
        return _unpad(_HPKE.decrypt(_bytes(sealed), owner.opening_key(), purpose.encode()))
    except (InvalidTag, ValueError) as error:
        raise refused("note", "it cannot be opened") from error


def _header(body: Json) -> Header:
    for name in _TEXTS:
        if not isinstance(body.get(name), str):
            raise _bad(f"its header has no text {name!r}")
    for name in _NUMBERS:
        if not isinstance(body.get(name), int) or isinstance(body[name], bool):
            raise _bad(f"its header has no number {name!r}")
    known: dict[str, Any] = {name: body[name] for name in (*_TEXTS, *_NUMBERS)}
    sender, receiver = MemberId(known.pop("from")), MemberId(known.pop("to"))
    return Header(sender=sender, receiver=receiver, **known)


def _pad(content: bytes) -> bytes:
    if len(content) > MAX_CONTENT_BYTES:
        raise TooLarge("The message is larger than an envelope carries.", rule="4 MiB per envelope")
    length = max(_SMALLEST_CLASS, 1 << (len(content) + _LENGTH_BYTES - 1).bit_length())
    framed = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    return framed.ljust(length, b"\0")


def _unpad(padded: bytes) -> Json:
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    try:
        body = orjson.loads(padded[_LENGTH_BYTES : _LENGTH_BYTES + length])
    except orjson.JSONDecodeError as error:
        raise _bad("its content is not JSON") from error
    if not isinstance(body, dict):
        raise _bad("its content is not a JSON object")
    return body


def _sha384(data: bytes) -> str:
    return hashlib.sha384(data).hexdigest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError("not a text")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _bad(why: str) -> InvalidInput:
    return InvalidInput(
        f"The envelope is refused: {why}.",
        rule="core.wire.envelope",
        next_step="Bring both sides to the same version.",
    )
