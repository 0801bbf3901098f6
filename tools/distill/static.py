"""The static model: one vector per token of BERT's uncased vocabulary.

The embedding of a text is the L2-normalised mean of the vectors of its tokens, without special tokens.
A model file holds `rows` (int8 `[vocab, dim]`) and `scale` (float32 `[vocab]`); the vector of token `t`
is `scale[t] * rows[t]`. One scale per row, because the length of a row is the weight of its token.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer


def tokenizer(vocab: Path) -> Tokenizer:
    """WordPiece as BERT uncased does it: lower case, accents stripped, split at blanks and punctuation."""
    tok = Tokenizer(WordPiece.from_file(str(vocab), unk_token="[UNK]"))
    tok.normalizer = BertNormalizer(lowercase=True)
    tok.pre_tokenizer = BertPreTokenizer()
    return tok


def bags(tok: Tokenizer, texts: Sequence[str], limit: int | None = None) -> sp.csr_matrix:
    """Token counts, float32 `[len(texts), vocab]`; of each text the first `limit` tokens."""
    ids = [e.ids[:limit] for e in tok.encode_batch(list(texts), add_special_tokens=False)]
    ends = np.cumsum([0] + [len(i) for i in ids])
    flat = np.concatenate([np.asarray(i, np.int32) for i in ids]) if len(ids) else np.zeros(0, np.int32)
    x = sp.csr_matrix((np.ones(len(flat), np.float32), flat, ends), shape=(len(ids), tok.get_vocab_size()))
    x.sum_duplicates()
    return x


def unit(x: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; a zero row stays zero."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def embed(table: np.ndarray, tok: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """Embeddings of `texts`. A sum has the direction of the mean, so nothing is divided."""
    return unit(bags(tok, texts) @ table)


def quantise(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 with one float32 scale per row; a zero row has scale 0."""
    scale = (np.abs(table).max(axis=1) / 127).astype(np.float32)
    rows = np.round(table / np.where(scale > 0, scale, 1)[:, None])
    return np.clip(rows, -127, 127).astype(np.int8), scale


def save(path: Path, table: np.ndarray) -> None:
    """Quantises `table` and writes the model file."""
    rows, scale = quantise(table)
    save_file({"rows": rows, "scale": scale}, str(path))


def load(path: Path) -> np.ndarray:
    """The float32 table `[vocab, dim]` of a model file, or of a `.npy` with the table before quantisation."""
    if path.suffix == ".npy":
        return np.load(path)
    tensors = load_file(str(path))
    return tensors["rows"].astype(np.float32) * tensors["scale"][:, None]
