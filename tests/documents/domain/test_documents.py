import pytest

from libs.common.ids import new_id
from services.documents.domain.documents import blob_key, clean_filename, id_of_blob


class TestCleanFilename:
    @pytest.mark.parametrize(
        ("given", "clean"),
        [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\Bericht.docx", "Bericht.docx"),
            ("a\x00b\u202e\n.txt", "ab.txt"),
            ("Ärger.md", "Ärger.md"),
            ("", "untitled"),
            ("///", "untitled"),
        ],
    )
    def test_keeps_the_last_part_only(self, given: str, clean: str) -> None:
        assert clean_filename(given) == clean

    def test_cuts_long_names_and_keeps_the_ending(self) -> None:
        cut = clean_filename("x" * 400 + ".pdf")

        assert len(cut) == 255
        assert cut.endswith(".pdf")


class TestBlobKey:
    def test_can_be_read_back(self) -> None:
        blob_id = new_id()

        assert id_of_blob(blob_key(blob_id)) == blob_id

    @pytest.mark.parametrize("key", ["exports/1", "documents/readme", "documents"])
    def test_other_keys_are_not_ours(self, key: str) -> None:
        assert id_of_blob(key) is None
