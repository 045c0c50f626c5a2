"""The figures beside what they should be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.api import median
from bench.rounds import Findings


@dataclass(frozen=True)
class Row:
    """A figure and its bar.

    Attributes:
        key: Under which it was noted.
        at_most: Whether less is better; the bar is `target` either way.
        limit: The key of what the limit program came to.
    """

    name: str
    key: str
    target: float
    unit: str
    at_most: bool = True
    goal: str = ""
    limit: str = ""

    def passes(self, value: float) -> bool:
        """Tell whether a value reaches the bar."""
        return value <= self.target if self.at_most else value >= self.target


ROWS: Final = (
    Row("RAG chat turn, 16 at once: CPU", "turn.cpu_ms", 4, "ms", goal="1.7", limit="limit.cpu_ms"),
    Row(
        "RAG chat turn, alone: p50 added",
        "alone.added_ms",
        10,
        "ms",
        goal="4.5",
        limit="alone.limit_ms",
    ),
    Row(
        "50 streams: first token added, p50",
        "streams.first_token_ms",
        100,
        "ms",
        goal="45",
        limit="streams.limit_ms",
    ),
    Row("{crowd} streams at 100/s: errors", "crowd.errors", 0, "", goal="0"),
    Row("authenticated GET, alone: p50", "get.p50_ms", 2, "ms", goal="1"),
    Row(
        "ingestion of 4 KiB Markdown", "ingest.per_second", 50, "docs/s", at_most=False, goal="190"
    ),
    Row("knowing a caller by a token: CPU", "caller.token_ms", 0.25, "ms", goal="0.1"),
    Row("knowing a caller by an API key: CPU", "caller.key_ms", 0.3, "ms", goal="0.1"),
    Row("encrypting a field: CPU", "field.us", 20, "µs", goal="10"),
    Row("warm `make up` until ready", "up.seconds", 10, "s", goal="4"),
    Row("idle memory (PSS), services and workers", "idle.mib", 900, "MiB", goal="500"),
)
# How many streams a crowd has, where none was measured.
_CROWD: Final = 1_000
# Beside the bars: what helps to read them.
BESIDE: Final = (
    ("RAG chat turns, 16 at once", "turn.per_second", "/s"),
    ("  p95 added", "turn.p95_ms", "ms"),
    ("  the limit program's", "limit.per_second", "/s"),
    ("first token, alone: p50 added", "alone.first_token_ms", "ms"),
    ("50 streams: first token added, p95", "streams.first_token_p95_ms", "ms"),
    ("50 streams of 20 tokens: CPU a turn", "streams.cpu_ms", "ms"),
    ("{crowd} streams: first token added, p50", "crowd.p50_ms", "ms"),
    ("{crowd} streams: first token added, p99", "crowd.p99_ms", "ms"),
    ("authenticated GET, alone: CPU", "get.cpu_ms", "ms"),
    ("authenticated GET, 16 at once", "get16.per_second", "/s"),
    ("authenticated GET, 16 at once: CPU", "get16.cpu_ms", "ms"),
    ("ingestion: CPU a document", "ingest.cpu_ms", "ms"),
    ("search by the API, alone: p50", "search.p50_ms", "ms"),
    ("  p95", "search.p95_ms", "ms"),
    ("ranking of 10,000 passages in memory: p50", "ranking.10000.p50_ms", "ms"),
    ("  p95", "ranking.10000.p95_ms", "ms"),
    ("ranking of 100,000 passages in memory: p50", "ranking.100000.p50_ms", "ms"),
    ("  p95", "ranking.100000.p95_ms", "ms"),
    ("first `make up` in a new home", "up.first_seconds", "s"),
    ("memory of the launcher and nginx", "idle.outside_mib", "MiB"),
    ("memory of PostgreSQL and Valkey", "idle.stores_mib", "MiB"),
)


def number(value: float) -> str:
    """Write a number with as many digits as mean something."""
    if value == 0:
        return "0"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def spread(values: Sequence[float]) -> str:
    """Write the median of the rounds, and the range where there are several."""
    if not values:
        return "-"
    middle = number(median(values))
    if len(values) == 1 or min(values) == max(values):
        return middle
    return f"{middle} ({number(min(values))}-{number(max(values))})"


def render(findings: Findings) -> list[str]:
    """Return the lines of the report, in Markdown."""
    values = findings.values
    lines = [
        "| figure | here, median (range) | target | | limit here | ratio | later |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        measured = values.get(row.key, [])
        passed = "-" if not measured else "pass" if row.passes(median(measured)) else "MISS"
        bar = f"{'≤' if row.at_most else '≥'} {number(row.target)} {row.unit}".strip()
        bound = values.get(row.limit, [])
        ratio = f"{median(measured) / median(bound):.1f}" if measured and bound else ""
        name = _named(row.name, findings)
        shown = f"{spread(measured)} {row.unit}".strip()
        limit = f"{spread(bound)} {row.unit}" if bound else ""
        lines.append(f"| {name} | {shown} | {bar} | {passed} | {limit} | {ratio} | {row.goal} |")
    lines += ["", "| beside them | here |", "|---|---|"]
    lines += [
        f"| {_named(name, findings)} | {spread(values[key])} {unit} |"
        for name, key, unit in BESIDE
        if values.get(key)
    ]
    lines += [
        "",
        "CPU milliseconds by process:",
        "",
        "| process | a chat turn | a document |",
        "|---|---|---|",
    ]
    lines += _shares(findings.shares)
    lines += ["", *findings.notes]
    if findings.errors:
        lines += ["", "Errors:"]
        lines += [f"- {count} x {error}" for error, count in sorted(findings.errors.items())]
    return lines


def _shares(shares: Mapping[str, Sequence[float]]) -> list[str]:
    names = [name for name in shares if not name.startswith("ingest ")]
    rows = []
    for name in sorted(names, key=lambda name: -median(shares[name])):
        turn, document = shares[name], shares.get(f"ingest {name}", [])
        if median(turn) >= 0.005 or median(document) >= 0.05:
            rows.append(f"| {name} | {median(turn):.2f} | {median(document):.2f} |")
    return rows


def _named(name: str, findings: Findings) -> str:
    """Say in a figure's name how many the crowd were in this run."""
    return name.format(crowd=f"{median(findings.values.get('crowd.streams', [])) or _CROWD:,.0f}")


def missed(findings: Findings) -> list[str]:
    """Return the names of the figures that do not reach their bar."""
    return [
        _named(row.name, findings)
        for row in ROWS
        if findings.values.get(row.key) and not row.passes(median(findings.values[row.key]))
    ]
