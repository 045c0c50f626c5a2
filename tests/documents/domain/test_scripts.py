# ruff: noqa: RUF001 - scripts beside the Latin one are what this is about.
import pytest

from services.documents.domain.scripts import is_latin, shares_words
from tests.documents.domain.test_arranging import found


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("Plain words", True),
        ("Größe und Länge", True),
        ("12345", True),
        ("", True),
        ("…", True),
        ("Какой срок гарантии?", False),
        ("保修期多长？", False),
        ("Ελληνικά", False),
        ("OpenAI API ist gut", True),
        ("Что такое API?", False),
    ],
)
def test_scripts_are_told_apart(text: str, latin: bool) -> None:
    assert is_latin(text) is latin


@pytest.mark.parametrize(
    ("query", "text", "shared"),
    [
        ("保修期多长？", "电钻的保修期为自购买之日起五年。", True),
        ("珠穆朗玛峰有多高？", "电钻的保修期为自购买之日起五年。", False),
        ("保証期間はどれくらいですか。", "ドリルの保証期間は購入日から五年間です。", True),
        ("空には星がいくつありますか。", "ドリルの保証期間は購入日から五年間です。", False),
        ("Какой срок гарантии?", "The warranty is five years.", None),
        ("？", "电钻的保修期为自购买之日起五年。", None),
    ],
)
def test_words_are_shared_or_not(query: str, text: str, shared: bool | None) -> None:
    assert shares_words(query, [found(1, text)]) is shared


def test_nothing_found_shares_nothing() -> None:
    assert shares_words("保修期多长？", []) is False
