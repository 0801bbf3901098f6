"""Fits the table of token vectors.

It starts from the teacher's vectors of single tokens (as Model2Vec does: PCA, and weights by Zipf's law in place
of frequencies) and is then trained with Adam on three losses at once:

* the embedding of a line points where the teacher's does (as Tokenlearn does), after centring and PCA;
* the cosines among the lines of a batch are the teacher's;
* a question is nearer to its own fact than to the other facts of the batch (InfoNCE).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp

import static

DIM = 256
# Ids of BERT's vocabulary below this are special or unused.
SPECIAL = 999
SEED = 0
STEPS = 250
BATCH, PAIRS = 2048, 512
RATE = 3e-3
# Weights of the second and the third loss, and the temperature of the third.
ALIKE, CONTRAST, TEMPERATURE = 0.1, 0.3, 0.05
# A first name says about whom, seldom what, and the many facts about one person all have it.
NAME_WEIGHT = 0.5


def principal_axes(x: np.ndarray) -> np.ndarray:
    """The first `DIM` principal axes `[DIM, width]` of centred rows."""
    _, axes = np.linalg.eigh(x.T @ x)
    return axes[:, ::-1][:, :DIM].T


def initial(tokens: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """The table before training, from the teacher's outputs `[vocab, width]` for single tokens.

    BERT's vocabulary is roughly in order of frequency, so the rank stands for it: SIF weights a / (a + p) with
    p by Zipf's law.
    """
    rank = np.arange(1, len(tokens) + 1)
    p = 1 / rank / np.sum(1 / rank)
    centred = tokens - tokens.mean(axis=0)
    weight = np.linalg.norm(centred, axis=1) * 1e-4 / (1e-4 + p)
    weight[:SPECIAL] = 0
    directions = static.unit(tokens)
    return ((directions - directions.mean(axis=0)) @ axes.T * (weight / weight.max())[:, None]).astype(np.float32)


def normalised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of length 1, and their lengths as a column."""
    length = np.linalg.norm(x, axis=1, keepdims=True) + 1e-6
    return x / length, length


def through(grad: np.ndarray, unit: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The gradient before a normalisation, from the one after it."""
    return (grad - (grad * unit).sum(axis=1, keepdims=True) * unit) / length


def softmax(x: np.ndarray) -> np.ndarray:
    """By rows."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Adam:
    """Adam that touches only the rows of the tokens in a batch."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = table
        self.mean = np.zeros_like(table)
        self.square = np.zeros_like(table)

    def step(self, x: sp.csr_matrix, grad: np.ndarray, rate: float) -> None:
        """One step from the gradient of the sums `x @ table`."""
        tokens = np.unique(x.indices)
        g = x[:, tokens].T @ grad
        self.mean[tokens] = mean = 0.9 * self.mean[tokens] + 0.1 * g
        self.square[tokens] = square = 0.99 * self.square[tokens] + 0.01 * g * g
        self.table[tokens] -= rate * mean / (np.sqrt(square) + 1e-10)


def fit(
    table: np.ndarray, lines: sp.csr_matrix, teacher: np.ndarray, facts: sp.csr_matrix, questions: sp.csr_matrix
) -> None:
    """Trains `table` in place; `teacher` holds the centred sentence vectors of `lines`, on the axes of the table."""
    rng = np.random.default_rng(SEED)
    adam = Adam(table)
    wanted = np.eye(PAIRS, dtype=np.float32)
    order = np.zeros(0, np.int64)
    for step in range(STEPS):
        if len(order) < BATCH:
            order = rng.permutation(lines.shape[0])
        batch, order = order[:BATCH], order[BATCH:]
        x, y = lines[batch], teacher[batch]
        u, u_length = normalised(x @ table)
        # A line with itself has cosine 1 on both sides, so the diagonal is 0 anyway.
        grad = through(2 * ALIKE * (u @ u.T - y @ y.T) @ u - y, u, u_length)

        pairs = rng.choice(facts.shape[0], PAIRS, replace=False)
        x_fact, x_question = facts[pairs], questions[pairs]
        f, f_length = normalised(x_fact @ table)
        q, q_length = normalised(x_question @ table)
        error = CONTRAST * (softmax(q @ f.T / TEMPERATURE) - wanted)
        grads = [grad, through(error.T @ q, f, f_length), through(error @ f, q, q_length)]
        x = sp.vstack([x, x_fact, x_question]).tocsr()
        adam.step(x, np.concatenate(grads) / BATCH, RATE * (1 - step / STEPS))
        if step % 25 == 24:
            print(f"step {step + 1}: cosine to the teacher {(u * y).sum(axis=1).mean():.3f}", flush=True)


def train(folder: Path, vocab: Path) -> np.ndarray:
    """The trained table `[vocab, DIM]` from the files that `corpus` and `teach` left in `folder`."""
    tok = static.tokenizer(vocab)

    def read(name: str) -> sp.csr_matrix:
        return static.bags(tok, (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines(), 126)

    teacher = np.load(folder / "lines.npy").astype(np.float32)
    teacher -= teacher.mean(axis=0)
    axes = principal_axes(teacher)
    table = initial(np.load(folder / "tokens.npy"), axes)
    fit(table, read("lines"), static.unit(teacher @ axes.T), read("facts"), read("questions"))
    # Each name is one token, so the bags of the names together hold just their ids.
    table[read("names").indices] *= NAME_WEIGHT
    return table
