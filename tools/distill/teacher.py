"""The teacher, all-MiniLM-L6-v2, on the CPU with JAX: a BERT of 6 layers, 384 dimensions and 12 heads.

A sentence vector is the mean of the outputs of all its tokens, `[CLS]` and `[SEP]` among them, scaled to length 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

import static

LAYERS, HEADS, WIDTH = 6, 12, 384
CLS, SEP = 101, 102
# Sequences are padded to one of these lengths, so that few shapes are compiled.
LENGTHS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
TOKENS_PER_BATCH = 4096


def forward(w: dict[str, jax.Array], ids: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean outputs `[batch, WIDTH]` of token ids `[batch, length]`; `mask` is 1 for a token, 0 for padding."""

    def linear(x: jax.Array, name: str) -> jax.Array:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: jax.Array, name: str) -> jax.Array:
        x = x - x.mean(-1, keepdims=True)
        return x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]

    batch, length = ids.shape

    def heads(x: jax.Array) -> jax.Array:
        return x.reshape(batch, length, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:length]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    hidden = jnp.where(mask[:, None, None, :] > 0, 0.0, -1e9)
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}"
        q, k, v = (heads(linear(x, f"{layer}.attention.self.{name}")) for name in ("query", "key", "value"))
        attention = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / np.sqrt(WIDTH / HEADS) + hidden, axis=-1) @ v
        attention = attention.transpose(0, 2, 1, 3).reshape(batch, length, WIDTH)
        x = norm(x + linear(attention, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
        inner = jax.nn.gelu(linear(x, f"{layer}.intermediate.dense"), approximate=False)
        x = norm(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    m = mask[..., None].astype(jnp.float32)
    return (x * m).sum(1) / m.sum(1)


class Teacher:
    """The weights and the tokeniser of a folder with `model.safetensors` and `vocab.txt`."""

    def __init__(self, folder: Path) -> None:
        tensors = load_file(str(folder / "model.safetensors"))
        # Exports differ in what stands before the names of BERT.
        mark = "embeddings.word_embeddings.weight"
        prefix = next(name for name in tensors if name.endswith(mark)).removesuffix(mark)
        self.weights = {
            name.removeprefix(prefix): jnp.asarray(t)
            for name, t in tensors.items()
            if name.startswith(prefix) and t.dtype == np.float32
        }
        self.tokenizer = static.tokenizer(folder / "vocab.txt")
        self._forward = jax.jit(forward)

    def encode_ids(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """Mean outputs, not normalised, of token ids that include `[CLS]` and `[SEP]`."""
        out = np.zeros((len(ids), WIDTH), np.float32)
        order = np.argsort([len(i) for i in ids], kind="stable")
        start = 0
        while start < len(order):
            length = next(n for n in LENGTHS if n >= len(ids[order[start]]))
            rows = TOKENS_PER_BATCH // length
            chosen = [o for o in order[start : start + rows] if len(ids[o]) <= length]
            batch, mask = np.zeros((rows, length), np.int32), np.zeros((rows, length), np.int32)
            # A padding row needs one token, or its mean would divide by nothing.
            mask[:, 0] = 1
            for r, o in enumerate(chosen):
                batch[r, : len(ids[o])] = ids[o]
                mask[r, : len(ids[o])] = 1
            out[chosen] = np.asarray(self._forward(self.weights, batch, mask))[: len(chosen)]
            start += len(chosen)
        return out

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Sentence vectors `[len(texts), WIDTH]` of length 1; tokens past the longest length are cut."""
        room = LENGTHS[-1] - 2
        encoded = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return static.unit(self.encode_ids([[CLS, *e.ids[:room], SEP] for e in encoded]))

    def encode_vocabulary(self) -> np.ndarray:
        """Mean outputs, not normalised, of every token of the vocabulary alone between `[CLS]` and `[SEP]`."""
        return self.encode_ids([[CLS, i, SEP] for i in range(self.tokenizer.get_vocab_size())])
