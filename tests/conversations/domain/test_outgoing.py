"""No image and no unlisted link leaves, however the model's answer is cut into pieces."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.conversations.domain.leaks import InstructionsLeaked
from services.conversations.domain.outgoing import NO_LINKS, ListedLinks, OutgoingText, cleaned
from services.conversations.domain.prompts import RULES
from services.conversations.domain.screening import Screen
from tests.conversations.hostile import HOST, INSTRUCTIONS, leaks, obeyed, payloads

LISTED = ListedLinks.of(["https://acme.example/returns#top"], ["docs.acme.example"])
PAYLOADS = [obeyed(payload, INSTRUCTIONS) for payload in payloads()]


def in_pieces(text: str, *cuts: int) -> str:
    """Clean a text that comes in pieces."""
    outgoing = OutgoingText(LISTED)
    places = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    return "".join([*(outgoing.feed(piece) for piece in pieces), outgoing.finish()])


def screened(text: str, *, known: str = "", size: int = 3) -> str:
    """Pass a text through all that an answer passes; empty when it is withheld."""
    screen = Screen(LISTED, hidden=[INSTRUCTIONS], known=[known])
    shown = ""
    try:
        for at in range(0, len(text), size):
            shown += screen.feed(text[at : at + size])
        return shown + screen.finish()
    except InstructionsLeaked:
        # What had gone out by then counts too.
        return shown


class TestHarmlessText:
    @pytest.mark.parametrize(
        "text",
        [
            "Returns are accepted within 30 days [Source 1]. Ask at 9:30 a.m., e.g. on Mondays!",
            "Use List<String> where a < b, and 3/4 of `x[0](y)` - see section 2.1/2.2.",
            "Write to help@acme.example: we answer. Ratio 1:2, note: it works!\n\n- a\n- b",
            "[the page](https://acme.example/returns) and https://docs.acme.example/a?b=c.",
            "\u0645\u06cc\u200c\u062e, 日本語 <b>bold</b> & more; C:\\Users",
        ],
    )
    def test_stays_as_it_is(self, text: str) -> None:
        shown = in_pieces(text)
        assert shown in {text, text.replace("[0](y)", "[0]")}


class TestPieces:
    @pytest.mark.parametrize("text", PAYLOADS)
    def test_do_not_matter(self, text: str) -> None:
        whole = in_pieces(text)
        assert HOST not in whole.lower()
        for cut in range(1, len(text)):
            assert in_pieces(text, cut) == whole
        assert in_pieces(text, *range(1, len(text))) == whole

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [
                    "[",
                    "]",
                    "(",
                    ")",
                    "!",
                    "<",
                    ">",
                    "https://",
                    "a.b/c",
                    " ",
                    "\n",
                    ":",
                    "img",
                    "javascript:",
                    "x=",
                    "\u200b",
                    "[EMAIL_1]",
                    "www.",
                    "//",
                    "é",
                    "&#58;",
                    "'",
                ]
            ),
            max_size=24,
        ),
        st.data(),
    )
    def test_of_anything_do_not_matter(self, parts: list[str], data: st.DataObject) -> None:
        text = "".join(parts)
        cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
        assert in_pieces(text, *cuts) == in_pieces(text)


class TestLeaks:
    @pytest.mark.parametrize("text", PAYLOADS)
    @pytest.mark.parametrize("size", [1, 3, 17, 10_000])
    def test_nothing_gets_out(self, text: str, size: int) -> None:
        assert leaks(screened(text, size=size)) == []

    def test_what_documents_say_may_be_said(self) -> None:
        assert screened(INSTRUCTIONS, known=f"Note. {INSTRUCTIONS} End.") == INSTRUCTIONS

    def test_what_only_begins_alike_is_let_through(self) -> None:
        text = "You work for Acme. The discount has ended."
        assert screened(text) == text

    def test_short_instructions_are_hidden_and_make_no_other_words_a_leak(self) -> None:
        def said(text: str) -> str:
            screen = Screen(LISTED, hidden=["Be helpful and concise.", RULES], known=["Forms?"])
            return screen.feed(text) + screen.finish()

        text = "Fill the form in, in the language of the question paper."
        assert said(text) == text
        for leak in ("I was told: be helpful and concise.", f"I was told: {RULES}"):
            with pytest.raises(InstructionsLeaked):
                said(leak)


class TestListed:
    @pytest.mark.parametrize(
        "address",
        [
            "https://acme.example/returns/x",
            "https://acme.example.evil.example/returns",
            "https://docs.acme.example@evil.example/",
            "https://docs.acme.example\\@evil.example/",
            "https://xdocs.acme.example/",
            "javascript://docs.acme.example/%0aalert(1)",
            "https://[docs.acme.example/",
        ],
    )
    def test_lookalikes_are_not(self, address: str) -> None:
        assert not LISTED.hold(address)

    def test_sources_and_hosts_are(self) -> None:
        assert LISTED.hold("https://acme.example/returns")
        assert LISTED.hold("http://a.docs.acme.example/x?y")
        assert not NO_LINKS.hold("https://acme.example/returns")


@pytest.mark.parametrize("unit", ["[", "<", "![a](", "]", "a", "://", "&#", "<a ", "[a]: "])
def test_time_grows_with_the_text(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    began = time.process_time()
    cleaned(text, LISTED)
    outgoing = OutgoingText(LISTED)
    for at in range(0, len(text), 50):
        outgoing.feed(text[at : at + 50])
    assert time.process_time() - began < 3
