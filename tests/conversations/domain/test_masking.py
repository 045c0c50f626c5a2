"""Personal data become placeholders, and numbers that are none stay."""

import pytest

from services.conversations.domain.masking import PersonalData, masked
from services.conversations.domain.outgoing import NO_LINKS, OutgoingText


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Write to jane.doe+x@mail.example.com.", "Write to [EMAIL_1]."),
        ("Card 4111 1111 1111 1111 please", "Card [CARD_1] please"),
        ("IBAN DE89 3704 0044 0532 0130 00!", "IBAN [IBAN_1]!"),
        ("Call +49 30 901820 or (415) 555-2671.", "Call [PHONE_1] or [PHONE_2]."),
        ("SSN 536-90-4399", "SSN [SSN_1]"),
        ("from 192.168.7.12", "from [IP_1]"),
    ],
)
def test_masks(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111 1111 1111 1112 of 2024-05-17 costs 1,200.50 for 30 days.",
        "Version 1.2.3 of part 12-345-6789, page 10-12, at 9:30",
        "DE89 3704 0044 0532 0130 01 is no account",
        "@name and a@b",
    ],
)
def test_leaves_other_numbers(text: str) -> None:
    assert masked(text) == text


def test_gives_back_what_it_masked_across_pieces() -> None:
    personal = PersonalData()
    first = personal.mask("Is a@b.example right, or c@d.example?")
    again = personal.mask("c@d.example it is")

    assert first == "Is [EMAIL_1] right, or [EMAIL_2]?"
    assert again == "[EMAIL_2] it is"
    for size in (1, 2, 5):
        outgoing = OutgoingText(NO_LINKS, personal.restored)
        text = "It is [EMAIL_2], not [EMAIL_1] or [EMAIL_7] [Source 1]."
        shown = "".join(outgoing.feed(text[at : at + size]) for at in range(0, len(text), size))
        assert shown + outgoing.finish() == (
            "It is c@d.example, not a@b.example or [EMAIL_7] [Source 1]."
        )
