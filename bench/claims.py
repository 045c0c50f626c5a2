"""How well claims are told that the cited source does not carry: precision and recall of the flags.

Each case is what a model could have written about the sources, by hand, with whether they carry it
and, where not, what is wrong. It needs no platform and no model.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.conversations.domain.citations import resolve_citations
from services.conversations.domain.knowledge import Passage

_SOURCES: Final = (
    "Returns are accepted within 30 days of delivery. The customer pays for the return parcel. "
    "Gift cards cannot be returned. Refunds reach the account within five working days.",
    "Every drill has a warranty of five years. Batteries are covered for 12 months. The warranty "
    "does not cover damage by water. Repairs take up to ten working days.",
    "The annual meeting takes place on 5 March 2024 in Hall B. Doors open at 9:30. Tickets cost "
    "49.50 euros; members pay 35 euros. Up to 1,200 people can attend.",
    "The X200 pump weighs 14.5 kg and draws 750 watts. It must not run dry. The tank holds 25 "
    "litres. Clean the filter every three months with cold water, never with soap.",
    "Support answers by e-mail on weekdays between 8 and 18 o'clock. Customers with a premium "
    "contract reach an engineer by telephone at any time. Parking is free for visitors.",
)
_CARRIED: Final = (
    "Returns are accepted within 30 days of delivery [Source 1].",
    "You can return an order within thirty days after delivery [Source 1].",
    "The return parcel is paid for by the customer [Source 1].",
    "Gift cards cannot be returned [Source 1].",
    "It is not possible to return gift cards [Source 1].",
    "Refunds reach your account within 5 working days [Source 1].",
    "A drill has a five-year warranty [Source 2].",
    "Batteries are covered for 12 months [Source 2].",
    "Batteries are covered for twelve months, drills for 5 years [Source 2].",
    "Damage by water is not covered by the warranty [Source 2].",
    "Repairs take up to 10 working days [Source 2].",
    "The annual meeting takes place on March 5, 2024 [Source 3].",
    "The meeting is on 2024-03-05 in Hall B [Source 3].",
    "Doors of the meeting open at 9:30 [Source 3].",
    "Tickets cost 49.50 euros and members pay 35 euros [Source 3].",
    "A ticket costs 49.5 euros [Source 3].",
    "Up to 1200 people can attend the meeting [Source 3].",
    "The X200 pump weighs 14.5 kg [Source 4].",
    "The pump draws 750 watts and its tank holds 25 litres [Source 4].",
    "The pump must not run dry [Source 4].",
    "Clean the filter with cold water every 3 months, never with soap [Source 4].",
    "Support answers e-mail on weekdays between 8 and 18 o'clock [Source 5].",
    "With a premium contract, customers reach an engineer by telephone at any time [Source 5].",
    "Visitors park for free [Source 5].",
    "Parking is free for visitors [Source 5].",
)
_NOT_CARRIED: Final = (
    ("number", "Returns are accepted within 45 days of delivery [Source 1]."),
    ("number", "Returns are accepted within fourteen days of delivery [Source 1]."),
    ("number", "Refunds reach your account within 3 working days [Source 1]."),
    ("number", "Batteries are covered for 24 months [Source 2]."),
    ("number", "Repairs take up to twenty working days [Source 2]."),
    ("number", "Tickets cost 59.50 euros [Source 3]."),
    ("number", "Up to 12,000 people can attend the meeting [Source 3]."),
    ("number", "The X200 pump weighs 41.5 kg [Source 4]."),
    ("number", "The pump draws 570 watts [Source 4]."),
    ("date", "The annual meeting takes place on 6 March 2024 [Source 3]."),
    ("date", "The annual meeting takes place on 2025-03-05 [Source 3]."),
    ("date", "The annual meeting takes place on April 5, 2024 [Source 3]."),
    ("unit", "Every drill has a warranty of five months [Source 2]."),
    ("unit", "Returns are accepted within 30 weeks of delivery [Source 1]."),
    ("unit", "The tank of the pump holds 25 kg [Source 4]."),
    ("unit", "Clean the filter every three weeks with cold water [Source 4]."),
    ("other source", "Batteries are covered for 12 months [Source 1]."),
    ("other source", "Every drill has a warranty of five years [Source 4]."),
    ("other source", "The return parcel is paid for by the customer [Source 5]."),
    ("other source", "Tickets for members cost 35 euros [Source 2]."),
    ("opposite", "Gift cards can be returned [Source 1]."),
    ("opposite", "The warranty does cover damage by water [Source 2]."),
    ("opposite", "The pump may run dry; it must run dry [Source 4]."),
    ("opposite", "Parking is not free for visitors [Source 5]."),
    ("opposite", "The customer never pays for the return parcel [Source 1]."),
    ("invented", "The company was founded by two brothers in Lisbon [Source 1]."),
    ("invented", "Returned drills are donated to schools abroad [Source 2]."),
    ("invented", "The keynote speaker is a famous astronaut [Source 3]."),
    ("invented", "The pump comes in blue, green and silver colours [Source 4]."),
    ("invented", "Engineers speak Spanish, French and Japanese fluently [Source 5]."),
)


@dataclass(frozen=True)
class Flags:
    """What was flagged of what should be.

    Attributes:
        missed: What is wrong with those that were not flagged.
        wrongly: Claims that the sources carry, and that were flagged.
    """

    found: Counter[str]
    missed: Counter[str]
    wrongly: Sequence[str]

    @property
    def precision(self) -> float:
        """The share of flags that are right."""
        return self.found.total() / max(1, self.found.total() + len(self.wrongly))

    @property
    def recall(self) -> float:
        """The share of unsupported claims that is flagged."""
        return self.found.total() / max(1, self.found.total() + self.missed.total())

    def lines(self) -> Iterator[str]:
        """Yield the report in Markdown."""
        yield "| claims that the cited source does not carry | flagged | of |"
        yield "|---|---|---|"
        for kind in dict.fromkeys([*self.found, *self.missed]):
            yield f"| {kind} | {self.found[kind]} | {self.found[kind] + self.missed[kind]} |"
        yield f"| claims that it does carry | {len(self.wrongly)} | {len(_CARRIED)} |"
        yield f"| precision / recall | {self.precision:.2f} / {self.recall:.2f} | |"


def measure() -> Flags:
    """Have every claim checked."""
    passages = [_passage(number, text) for number, text in enumerate(_SOURCES, start=1)]
    found: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for kind, claim in _NOT_CARRIED:
        flagged = bool(resolve_citations(claim, passages).warnings)
        (found if flagged else missed)[kind] += 1
    wrongly = [claim for claim in _CARRIED if resolve_citations(claim, passages).warnings]
    return Flags(found, missed, wrongly)


def _passage(number: int, text: str) -> Passage:
    return Passage(
        number=number,
        document_id=UUID(int=number),
        document_version=1,
        passage_id=UUID(int=number),
        name=f"source-{number}.txt",
        url=None,
        page=None,
        char_start=0,
        char_end=len(text),
        text=text,
    )
