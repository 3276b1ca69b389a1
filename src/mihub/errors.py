"""The one tree of errors: what was wrong, where, which rule, what next.

A message never carries a patient value. Each class fixes the FHIR issue code, the HTTP status and the exit code of the
command line (sysexits.h), so that no caller maps errors by hand. Foreign errors are mapped at their seam.
"""

from __future__ import annotations

from typing import ClassVar


class MihubError(Exception):
    """Something MiHUB refuses or cannot do.

    `what` is one sentence for a person; `where` names file, line, entry or element path; `rule` names the rule that
    spoke; `next_step` says what to do. None of them may hold a patient value.
    """

    issue_code: ClassVar[str] = "exception"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, *, where: str = "", rule: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.rule = rule
        self.next_step = next_step

    def __str__(self) -> str:
        parts = [self.what]
        if self.where:
            parts.append(f"Where: {self.where}.")
        if self.rule:
            parts.append(f"Rule: {self.rule}.")
        if self.next_step:
            parts.append(f"Next: {self.next_step}")
        return " ".join(parts)


class InvalidInput(MihubError):
    """The input breaks a rule of its own format."""

    issue_code, http_status, exit_code = "invalid", 400, 65


class Unprocessable(MihubError):
    """The input is well-formed but a rule of ours or of its profile forbids it."""

    issue_code, http_status, exit_code = "business-rule", 422, 65


class NotSupported(MihubError):
    """A feature, parameter or type that this program does not offer."""

    issue_code, http_status, exit_code = "not-supported", 400, 64


class NotFound(MihubError):
    """Not there, or not allowed to be known: both answer alike."""

    issue_code, http_status, exit_code = "not-found", 404, 66


class Gone(MihubError):
    """Was there and is deleted."""

    issue_code, http_status, exit_code = "deleted", 410, 66


class Conflict(MihubError):
    """Somebody else was faster, or the same id means two things."""

    issue_code, http_status, exit_code = "conflict", 409, 75


class PreconditionFailed(MihubError):
    """`If-Match` or a conditional criterion did not hold."""

    issue_code, http_status, exit_code = "conflict", 412, 75


class Unauthenticated(MihubError):
    """Nobody is signed in, or the proof does not hold."""

    issue_code, http_status, exit_code = "login", 401, 77


class Forbidden(MihubError):
    """Signed in, and not allowed."""

    issue_code, http_status, exit_code = "forbidden", 403, 77


class TooLarge(MihubError):
    """More bytes, depth or rows than a limit permits."""

    issue_code, http_status, exit_code = "too-costly", 413, 65


class Unavailable(MihubError):
    """Another party or a local service does not answer; trying again may help."""

    issue_code, http_status, exit_code = "transient", 503, 69


class StorageFull(MihubError):
    """The disk or the database has no room left; nothing was half-written."""

    issue_code, http_status, exit_code = "no-store", 507, 74


class ConfigurationError(MihubError):
    """A setting is missing, unknown or contradicts another."""

    issue_code, http_status, exit_code = "exception", 500, 78
