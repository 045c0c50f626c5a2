import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.documents.domain.ports import Block, ParsedDocument
from services.documents.domain.splitting import estimate_tokens, split_into_passages

SENTENCE = "Every returned item is checked by hand before any money goes back to its buyer."


def make_document(*blocks: tuple[str, int | None, tuple[str, ...]]) -> ParsedDocument:
    """Put blocks of (text, page, headings) one after the other."""
    made: list[Block] = []
    text = ""
    for content, page, path in blocks:
        text += "\n\n" if text else ""
        made.append(
            Block(
                text=content,
                page=page,
                heading_path=path,
                char_start=len(text),
                char_end=len(text) + len(content),
            )
        )
        text += content
    return ParsedDocument(
        text=text,
        blocks=tuple(made),
        media_type="text/plain",
        document_type="txt",
        page_count=None,
        word_count=len(text.split()),
        title=None,
        warnings=(),
    )


words = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "Zs"), include_characters="\n。"),
    max_size=600,
)
blocks = st.tuples(
    words,
    st.one_of(st.none(), st.integers(1, 3)),
    st.lists(st.sampled_from("ABC"), max_size=2).map(tuple),
)


class TestSplitIntoPassages:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(blocks, max_size=12), st.integers(16, 60))
    def test_spans_are_exact_and_nothing_is_lost(
        self, parts: list[tuple[str, int | None, tuple[str, ...]]], max_tokens: int
    ) -> None:
        document = make_document(*parts)

        passages = split_into_passages(document, max_tokens=max_tokens)

        end = 0
        rest = ""
        for position, passage in enumerate(passages):
            assert passage.position == position
            assert passage.text == document.text[passage.char_start : passage.char_end]
            assert passage.text == passage.text.strip() != ""
            assert passage.char_start >= end
            rest += document.text[end : passage.char_start]
            end = passage.char_end
        rest += document.text[end:]
        assert rest.strip() == ""

    @settings(max_examples=100, deadline=None)
    @given(st.lists(blocks, max_size=12))
    def test_no_passage_crosses_a_page(
        self, parts: list[tuple[str, int | None, tuple[str, ...]]]
    ) -> None:
        document = make_document(*parts)

        for passage in split_into_passages(document, max_tokens=40):
            pages = {
                block.page
                for block in document.blocks
                if block.text.strip()
                and block.char_start < passage.char_end
                and passage.char_start < block.char_end
            }
            assert pages == {passage.page}

    def test_an_empty_document_gives_none(self) -> None:
        assert split_into_passages(make_document(("  \n", None, ()))) == []

    def test_a_long_section_is_cut_between_sentences_into_even_parts(self) -> None:
        text = " ".join([SENTENCE] * 40)
        document = make_document((text, 1, ("Returns",)))

        passages = split_into_passages(document, max_tokens=320)

        assert all(passage.text.endswith(".") for passage in passages)
        sizes = [passage.token_estimate for passage in passages]
        assert max(sizes) <= 320
        assert min(sizes) >= 0.6 * max(sizes)
        assert all(passage.heading_path == ("Returns",) for passage in passages)

    def test_sections_are_apart(self) -> None:
        long = " ".join([SENTENCE] * 4)
        document = make_document((long, None, ("A",)), (long, None, ("B",)))

        assert [passage.heading_path for passage in split_into_passages(document)] == [
            ("A",),
            ("B",),
        ]

    def test_a_short_section_joins_its_neighbour(self) -> None:
        document = make_document(
            ("Rules", None, ("Rules",)), (SENTENCE * 3, None, ("Rules", "Returns"))
        )

        (passage,) = split_into_passages(document)

        assert passage.heading_path == ("Rules", "Returns")
        assert passage.text.startswith("Rules")

    def test_text_without_spaces_is_cut_all_the_same(self) -> None:
        document = make_document(("漢字" * 500, None, ()), ("x" * 5000, None, ()))

        passages = split_into_passages(document, max_tokens=100)

        assert max(passage.token_estimate for passage in passages) <= 100

    def test_room_for_a_sentence_is_needed(self) -> None:
        with pytest.raises(ValueError, match="16 or more"):
            split_into_passages(make_document(("x", None, ())), max_tokens=15)


class TestEstimateTokens:
    @pytest.mark.parametrize(
        ("text", "least", "most"),
        [("", 0, 0), ("Returns are free.", 4, 6), ("退款政策", 4, 4), ("a" * 60, 8, 20)],
    )
    def test_is_near_what_a_tokenizer_says(self, text: str, least: int, most: int) -> None:
        assert least <= estimate_tokens(text) <= most
