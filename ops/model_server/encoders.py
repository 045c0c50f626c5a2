"""The two ONNX models: an embedder (bge-small-en-v1.5) and a cross-encoder (ms-marco-MiniLM-L-12).

One text at a time, on purpose: their weights are quantised dynamically, so in a batch a text's
result would depend on its neighbours, and padding makes batches three times slower on a CPU.
"""

import os
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ops.model_server.files import (
    EMBEDDER,
    EMBEDDER_TOKENIZER,
    RERANKER,
    RERANKER_TOKENIZER,
    ModelFile,
)

# What the models were trained for, and where the cross-encoder's cost stops paying off.
MAX_EMBEDDING_TOKENS: Final = 512
MAX_RERANK_TOKENS: Final = 320
DIMENSION: Final = 384
# https://huggingface.co/BAAI/bge-small-en-v1.5: for questions, not for what they are asked of.
QUERY_INSTRUCTION: Final = "Represent this sentence for searching relevant passages: "


class _Model:
    """A BERT-like encoder; safe to use from several threads."""

    def __init__(
        self, folder: Path, model: ModelFile, tokenizer: ModelFile, *, tokens: int
    ) -> None:
        options = onnxruntime.SessionOptions()
        # Texts are spread over threads by the pool; within one, a second thread gains little.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            os.fspath(folder / model.name), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(os.fspath(folder / tokenizer.name))
        self._tokenizer.enable_truncation(tokens)
        self._tokenizer.no_padding()

    def _run(self, text: str, pair: str | None = None) -> tuple[NDArray[np.float32], int]:
        encoding = self._tokenizer.encode(text, pair)
        feed = {
            "input_ids": np.array([encoding.ids], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask], dtype=np.int64),
            "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
        }
        wanted = {name: value for name, value in feed.items() if name in self._inputs}
        output: NDArray[np.float32] = self._session.run(None, wanted)[0]
        return output, len(encoding.ids)


class Embedder(_Model):
    """Texts to vectors of length one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, EMBEDDER, EMBEDDER_TOKENIZER, tokens=MAX_EMBEDDING_TOKENS)

    def embed(self, text: str) -> tuple[NDArray[np.float32], int]:
        """Return the vector of a text, (384,), and how many tokens it had."""
        output, tokens = self._run(text)
        # The model's sentence vector is its first token's.
        vector = output[0, 0] if output.ndim == 3 else output[0]
        return (vector / np.linalg.norm(vector)).astype(np.float32), tokens


class Reranker(_Model):
    """Says how well a passage answers a question."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, RERANKER, RERANKER_TOKENIZER, tokens=MAX_RERANK_TOKENS)

    def score(self, query: str, document: str) -> tuple[float, int]:
        """Return the relevance, 0 to 1 (the logistic of the model's output), and the tokens."""
        output, tokens = self._run(query, document)
        logit = float(output.reshape(-1)[-1])
        return 1.0 / (1.0 + float(np.exp(-logit))), tokens
