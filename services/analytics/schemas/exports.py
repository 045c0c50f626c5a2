"""The API's shapes of exports: JSON lists by name, or CSV."""

import csv
import io
from typing import Any

from services.analytics.domain.reports import Export
from services.analytics.schemas.analytics import date_range

# Clients look for usage records under this name.
_LIST_NAMES = {"usage": "usage_logs"}
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def export_body(export: Export) -> dict[str, Any]:
    """Shape an export as JSON."""
    return {
        _LIST_NAMES.get(export.kind, export.kind): list(export.records),
        "count": len(export.records),
        "metadata": {
            "type": export.kind,
            "complete": export.complete,
            "date_range": date_range(export.period),
        },
    }


def export_csv(export: Export) -> str:
    """Shape an export as CSV with a header row; empty when there is nothing."""
    if not export.records:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(export.records[0]), lineterminator="\r\n")
    writer.writeheader()
    for record in export.records:
        writer.writerow({name: _cell(value) for name, value in record.items()})
    return text.getvalue()


def _cell(value: Any) -> str:
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith(_FORMULA_STARTS) else written
