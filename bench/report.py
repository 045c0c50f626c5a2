"""The figures of an evaluation as a page that opens anywhere: tables and bars, nothing fetched."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

_WIDTH: Final = 640
_ROW: Final = 26
_LABELS: Final = 360
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#222}"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:left;"
    "border-bottom:1px solid #ddd}.miss{color:#a11}"
    "svg text{font:13px system-ui,sans-serif}"
)


def page(
    *,
    title: str,
    shares: Mapping[str, tuple[float, int]],
    times: Mapping[str, Sequence[float]],
    missed: Sequence[tuple[str, str, str]],
) -> str:
    """Return an HTML page.

    Args:
        title: What was evaluated.
        shares: By measure, a value from 0 to 1 and how many questions it is about.
        times: By measure, seconds.
        missed: Of each question that went wrong: its id, itself, and what was answered.
    """
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>",
        "<h2>Found, answered, cited</h2>",
        _bars(
            {name: (value, f"{value:.0%} of {count}") for name, (value, count) in shares.items()}
        ),
        "<h2>How long it took</h2>",
        *(_distribution(name, seconds) for name, seconds in times.items() if seconds),
    ]
    if missed:
        rows = "".join(
            f"<tr><td>{escape(id_)}<td>{escape(question)}<td class=miss>{escape(said)}"
            for id_, question, said in missed
        )
        parts.append(
            f"<h2>What went wrong</h2><table><tr><th>id<th>question<th>answer{rows}</table>"
        )
    return "".join(parts)


def _bars(values: Mapping[str, tuple[float, str]]) -> str:
    height = _ROW * len(values)
    room = _WIDTH - _LABELS - 90
    rows = "".join(
        f"<text x=0 y={_ROW * row + 17}>{escape(name)}</text>"
        f"<rect x={_LABELS} y={_ROW * row + 5} width={max(1, room * value):.0f} height=16 "
        f"fill=#4a7ebb></rect>"
        f"<text x={_LABELS + room * value + 6:.0f} y={_ROW * row + 17}>{escape(said)}</text>"
        for row, (name, (value, said)) in enumerate(values.items())
    )
    return f"<svg width={_WIDTH} height={height} role=img>{rows}</svg>"


def _distribution(name: str, seconds: Sequence[float]) -> str:
    """Draw how many took how long, in twenty steps up to the longest."""
    steps, height = 20, 80
    longest = max(seconds) or 1e-9
    counts = [0] * steps
    for value in seconds:
        counts[min(steps - 1, int(steps * value / longest))] += 1
    most = max(counts)
    width = _WIDTH / steps
    bars = "".join(
        f"<rect x={width * step:.0f} y={height - height * count / most:.0f} "
        f"width={width - 2:.0f} height={height * count / most:.0f} fill=#7aa874></rect>"
        for step, count in enumerate(counts)
        if count
    )
    return (
        f"<p>{escape(name)}: 0 to {1_000 * longest:,.0f} ms</p>"
        f"<svg width={_WIDTH} height={height} role=img>{bars}</svg>"
    )
