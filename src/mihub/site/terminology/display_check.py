"""Is the display that came with a code one of its displays, in the languages asked for?

Source: R4 ValueSet/$validate-code `display`, the terminology ecosystem's `language2` and `validation` tests.
Above: `validate_code`. Below: `displays`.
"""

from __future__ import annotations

from mihub.site.terminology.asked import Asked
from mihub.site.terminology.coding_report import Coding
from mihub.site.terminology.displays import Displays, Said
from mihub.site.terminology.issues import Issue, issue

_WRONG = "Display_Name_for__should_be_one_of__instead_of"
_SPACES = "Display_Name_WS_for__should_be_one_of__instead_of"


def check(coding: Coding, asked: Asked) -> Issue | None:
    """For a code that is in the value set: what is wrong with its display, or None."""
    displays, languages = coding.displays, asked.working_languages
    accepted = displays.accepts(coding.display, languages)
    if accepted == "same":
        return _withdrawn(coding, asked)
    choices = displays.choices(languages) or displays.choices(languages, displays_only=False)
    if choices:
        return _wrong(coding, asked, choices, accepted == "spaces")
    return _none_in_language(coding, asked)


def check_outside(coding: Coding, asked: Asked) -> Issue | None:
    """The same for a code that is not in the value set but known."""
    accepted = coding.displays.accepts(coding.display, asked.working_languages, also=coding.language or "en")
    if accepted == "same":
        return None
    choices = coding.displays.choices(asked.working_languages)
    if choices:
        return _wrong(coding, asked, choices, accepted == "spaces")
    facts = {"display": coding.display, "system": coding.system, "code": coding.code}
    return issue(
        "warning", "invalid", "invalid-display", "NO_VALID_DISPLAY_AT_ALL", coding.at("display"), **facts
    )


def _severity(asked: Asked) -> str:
    return "warning" if asked.lenient_display else "error"


def _wrong(coding: Coding, asked: Asked, choices: list[Said], spaces: bool) -> Issue:
    languages = asked.working_languages
    presented = coding.displays.presented(languages)
    return issue(
        _severity(asked),
        "invalid",
        "invalid-display",
        _SPACES if spaces else _WRONG,
        coding.at("display"),
        display=coding.display,
        system=coding.system,
        code=coding.code,
        choices=presented if len(choices) == 1 else f"one of {len(choices)} choices: {presented}",
        languages=languages.named if languages else "--",
    )


def _none_in_language(coding: Coding, asked: Asked) -> Issue:
    languages = asked.working_languages
    facts = {"display": coding.display, "system": coding.system, "code": coding.code}
    default = coding.displays.preferred(None)
    where = coding.at("display")
    if default is None:
        return issue("warning", "invalid", "invalid-display", "NO_VALID_DISPLAY_AT_ALL", where, **facts)
    facts |= {"languages": languages.named if languages else "--", "default": default.value}
    if coding.displays.accepts(coding.display, languages, also=coding.language or "en") == "same":
        message = "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_OK"
        return issue("information", "invalid", "invalid-display", message, where, **facts)
    message = "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_ERR"
    return issue(_severity(asked), "invalid", "invalid-display", message, where, **facts)


def _withdrawn(coding: Coding, asked: Asked) -> Issue | None:
    """The display was good once."""
    displays: Displays = coding.displays
    if displays.accepts(coding.display, asked.working_languages, active=True) == "same":
        return None
    said = next(one for one in displays.said if one.value.casefold() == coding.display.casefold())
    good = list(dict.fromkeys(one.value for one in displays.said if one.active and one.is_display))
    return issue(
        "warning",
        "invalid",
        "display-comment",
        "INACTIVE_DISPLAY_FOUND",
        coding.at("display"),
        display=coding.display,
        code=coding.code,
        # The ecosystem's word for every status that ends a display's use.
        status="deprecated" if said.status == "withdrawn" else said.status,
        choices=",".join(f'"{one}"' for one in good),
    )
