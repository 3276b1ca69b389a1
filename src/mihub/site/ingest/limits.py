"""How much one file may ask of us: sizes, depths and ratios beyond which it is refused with a sentence.

Values, no behaviour. The defaults fit 2 GiB of memory; a site sets others where it opens the importer.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit names its unit. A text longer than `max_line_bytes` is never held in memory."""

    max_line_bytes: int = 64 * 1024 * 1024
    max_file_bytes: int = 8 * 1024 * 1024 * 1024
    max_gzip_ratio: int = 200
    gzip_ratio_from_bytes: int = 16 * 1024 * 1024
    max_json_depth: int = 100
    max_reports_per_patient: int = 5_000
    max_xml_depth: int = 100
    batch_resources: int = 500
    max_reasons: int = 1_000
    max_open_references: int = 20_000
