"""The sentences of the terminology ecosystem, word for word, each under its message id.

Other people's clients compare these texts; that is why they are English and exact. They hold the codes that were sent and
go back to the sender only, never into a log. Source: HL7 terminology ecosystem IG, its test suite. Above: `issues`.
"""

from __future__ import annotations

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "ABSTRACT_CODE_NOT_ALLOWED": "Code '{system}#{code}' is abstract, and not allowed in this context",
    "CODESYSTEM_CS_NO_SUPPLEMENT": (
        "CodeSystem {system} is a supplement, so can't be used as a value in Coding.system"
    ),
    "CODE_CASE_DIFFERENCE": (
        "The code '{code}' differs from the correct code '{normal}' by case. Although the code system "
        "'{system}' is case insensitive, implementers are strongly encouraged to use the correct case "
        "anyway"
    ),
    "CONCEPT_DEPRECATED_IN_VALUESET": (
        "The presence of the concept '{code}' in the system '{system}' in the value set {value_set} is "
        "marked with a status of {status} and its use should be reviewed"
    ),
    "Coding_has_no_system__cannot_validate": (
        "Coding has no system. A code with no system has no defined meaning, and it cannot be validated. "
        "A system should be provided"
    ),
    "DEPRECATED_CONCEPT_FOUND": "The concept '{code}' is deprecated and its use should be reviewed",
    "Display_Name_WS_for__should_be_one_of__instead_of": (
        "Wrong whitespace in Display Name '{display}' for {system}#{code}. Valid display is {choices} "
        "(for the language(s) '{languages}')"
    ),
    "Display_Name_for__should_be_one_of__instead_of": (
        "Wrong Display Name '{display}' for {system}#{code}. Valid display is {choices} (for the "
        "language(s) '{languages}')"
    ),
    "FILTER_NOT_UNDERSTOOD": (
        'The filter "{property} {op} {value}" from the value set {value_set} was not understood in the '
        "context of {system}"
    ),
    "INACTIVE_CONCEPT_FOUND": (
        "The concept '{code}' has a status of {status} and its use should be reviewed"
    ),
    "INACTIVE_DISPLAY_FOUND": (
        "'{display}' is no longer considered a correct display for code '{code}' (status = {status}). The"
        " correct display is one of {choices}."
    ),
    "INVALID_DISPLAY_NAME": "Invalid displayLanguage: '{language}'",
    "MSG_DEPRECATED": "Reference to deprecated {type} {canonical}",
    "MSG_DRAFT": "Reference to draft {type} {canonical}",
    "MSG_EXPERIMENTAL": "Reference to experimental {type} {canonical}",
    "MSG_RETIRED": "Reference to retired {type} {canonical}",
    "MSG_WITHDRAWN": "Reference to withdrawn {type} {canonical}",
    "NO_VALID_DISPLAY_AT_ALL": (
        "Cannot validate display '{display}' for {system}#{code}: no displays are known for it"
    ),
    "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_ERR": (
        "Wrong Display Name '{display}' for {system}#{code}. There are no valid display names found for "
        "language(s) '{languages}'. Default display is '{default}'"
    ),
    "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_OK": (
        "There are no valid display names found for the code {system}#{code} for language(s) "
        "'{languages}'. The display is '{display}' which is a valid display for the default language"
    ),
    "None_of_the_provided_codes_are_in_the_value_set_one": (
        "The provided code {coding} was not found in the value set '{value_set}'"
    ),
    "STATUS_CODE_WARNING_CODE": "The concept '{code}' is valid but is not active",
    "TX_GENERAL_CC_ERROR_MESSAGE": "No valid coding was found for the value set '{value_set}'",
    "Terminology_TX_System_Relative": ("Coding.system must be an absolute reference, not a local reference"),
    "Terminology_TX_System_ValueSet2": ("The Coding references a value set, not a code system ('{system}')"),
    "UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE": (
        "The system {system} filter with property = {property}, op = {op} has no value"
    ),
    "UNABLE_TO_INFER_CODESYSTEM": (
        "The System URI could not be determined for the code '{code}' in the ValueSet '{value_set}'"
    ),
    "UNKNOWN_CODESYSTEM": (
        "A definition for CodeSystem '{system}' could not be found, so the code cannot be validated"
    ),
    "UNKNOWN_CODESYSTEM_EXP": (
        "A definition for CodeSystem '{system}' could not be found, so the value set cannot be expanded"
    ),
    "UNKNOWN_CODESYSTEM_VERSION": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the code "
        "cannot be validated. Valid versions: {versions}"
    ),
    "UNKNOWN_CODESYSTEM_VERSION_EXP": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the value set "
        "cannot be expanded. Valid versions: {versions}"
    ),
    "UNKNOWN_CODESYSTEM_VERSION_EXP_NONE": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the value set "
        "cannot be expanded. No versions of this code system are known"
    ),
    "UNKNOWN_CODESYSTEM_VERSION_NONE": (
        "A definition for CodeSystem '{system}' version '{version}' could not be found, so the code "
        "cannot be validated. No versions of this code system are known"
    ),
    "UNKNOWN_CODE_IN_FRAGMENT": (
        "Unknown Code '{code}' in the CodeSystem '{system}' version '{version}' - note that the code "
        "system is labeled as a fragment, so the code may be valid in some other fragment"
    ),
    "Unable_to_resolve_system__value_set_has_multiple_matches": (
        "The System URI could not be determined for the code '{code}' in the ValueSet '{value_set}': "
        "value set expansion has multiple matches: [{systems}]"
    ),
    "Unable_to_resolve_value_Set_": "A definition for the value Set '{value_set}' could not be found",
    "Unknown_Code_in": "Unknown code '{code}' in the CodeSystem '{system}'",
    "Unknown_Code_in_Version": "Unknown code '{code}' in the CodeSystem '{system}' version '{version}'",
    "VALUESET_CIRCULAR_REFERENCE": "Cyclic reference detected when including {value_set} via {chain}",
    "VALUESET_SUPPLEMENT_MISSING": "Required supplement not found: {supplement}",
    "VALUESET_TOO_COSTLY": ("The value set '{value_set}' expansion has too many codes to display ({count})"),
    "VALUESET_VALUE_MISMATCH": (
        "The code system '{system}' version '{version}' in the ValueSet include is different to the one "
        "in the value ('{given}')"
    ),
    "VALUESET_VALUE_MISMATCH_CHANGED": (
        "The code system '{system}' version '{version}' resulting from the version '{original}' in the "
        "ValueSet include is different to the one in the value ('{given}')"
    ),
    "VALUESET_VALUE_MISMATCH_DEFAULT": (
        "The code system '{system}' version '{version}' for the versionless include in the ValueSet "
        "include is different to the one in the value ('{given}')"
    ),
    "VALUESET_VERSION_CHECK": (
        "The version '{version}' is not allowed for system '{system}': required to be '{required}' by a "
        "version-check parameter"
    ),
    "VS_EXP_IMPORT_UNK": "Unable to find the imported value set {value_set}",
    "VS_EXP_IMPORT_UNK_PINNED": "Unable to find the imported value set {value_set} version {version}",
}
