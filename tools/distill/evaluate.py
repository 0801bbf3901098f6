"""Measures a model on LoCoMo: full-text search alone, the model alone, and both fused.

Two kinds of documents. *Facts*: each one-sentence observation is a document; the gold of a question are the
observations made from the turns that the question names as evidence. *Turns*: each turn of the dialogue is a
document. Questions of the categories 1 to 4 with evidence; category 5 has no answer in the dialogue. Each
conversation is searched by itself. R@k is the mean over questions of the share of the gold in the first k.

LoCoMo (https://github.com/snap-research/locomo) is CC BY-NC 4.0: it measures here and is never trained on.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import static

# Words of a question that say nothing about what is asked; they stay in the documents.
STOP = frozenset(
    """a an the is are was were be been being am do does did done have has had having of to in on at for with by
    from about as into and or but if then than that this these those it its he she his her him they them their what
    when where which who whom whose why how will would could should can may might i you we my your our me us so not
    no there s t""".split()
)
# Of R@k.
CUTS = (5, 10, 20)
# How many of the best of each list are fused, the weight of the model there, and the least cosine to divide by.
DEPTH = 100
WEIGHT = 0.6
SURE = 0.4


@dataclass
class Collection:
    """Documents that are searched together, and the questions asked of them with the indices of their gold."""

    documents: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    gold: list[list[int]] = field(default_factory=list)


def turn_ids(values: Iterable[str]) -> set[str]:
    """Identifiers of turns named anywhere in `values`; some are written `D:3:4`, some several in one string."""
    return {f"D{int(s)}:{int(t)}" for v in values for s, t in re.findall(r"D:?(\d+):(\d+)", v)}


def collect(sample: dict, pairs: Iterator[tuple[str, set[str]]]) -> Collection:
    """A collection from documents with the turns they come from. Questions without gold are left out."""
    out, sources = Collection(), []
    for text, source in pairs:
        out.documents.append(text)
        sources.append(source)
    for qa in sample["qa"]:
        if qa["category"] == 5:
            continue
        evidence = turn_ids(qa.get("evidence", []))
        gold = [i for i, s in enumerate(sources) if s & evidence]
        if gold:
            out.questions.append(qa["question"])
            out.gold.append(gold)
    return out


def facts(sample: dict) -> Iterator[tuple[str, set[str]]]:
    """The observations of all sessions."""
    for session in sample["observation"].values():
        for observations in session.values():
            for text, source in observations:
                yield text, turn_ids([source] if isinstance(source, str) else source)


def turns(sample: dict) -> Iterator[tuple[str, set[str]]]:
    """The turns of all sessions, with the speaker's name in front."""
    for key, session in sample["conversation"].items():
        if re.fullmatch(r"session_\d+", key):
            for turn in session:
                yield f"{turn['speaker']}: {turn['text']}", {turn["dia_id"]}


def load(path: Path) -> dict[str, list[Collection]]:
    """Both kinds of collections, one per conversation."""
    samples = json.loads(path.read_text(encoding="utf-8"))
    return {
        "facts": [collect(s, facts(s)) for s in samples],
        "turns": [collect(s, turns(s)) for s in samples],
    }


def bm25(c: Collection) -> np.ndarray:
    """Scores `[questions, documents]` of SQLite's FTS5 (k1 = 1.2, b = 0.75) with Porter stemming, 0 without a match."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE d USING fts5(text, tokenize = 'porter unicode61')")
    db.executemany("INSERT INTO d(rowid, text) VALUES (?, ?)", enumerate(c.documents))
    scores = np.zeros((len(c.questions), len(c.documents)))
    for row, question in zip(scores, c.questions, strict=True):
        words = re.findall(r"\w+", question)
        words = [w for w in words if w.lower() not in STOP] or words
        query = " OR ".join(f'"{w}"' for w in words)
        for i, score in db.execute("SELECT rowid, bm25(d) FROM d WHERE d MATCH ?", (query,)):
            row[i] = -score
    db.close()
    return scores


def cosines(c: Collection, encode: Callable[[list[str]], np.ndarray]) -> np.ndarray:
    """Cosines `[questions, documents]`."""
    return encode(c.questions) @ encode(c.documents).T


def fuse(lexical: np.ndarray, cosine: np.ndarray, weight: float = WEIGHT) -> np.ndarray:
    """Fused scores of one question.

    The candidates are the `DEPTH` best of either list; each has both scores. BM25 is divided by its best. So is the
    cosine, but by no less than `SURE`: where nothing is near, what is nearest must not count as if it were.
    """
    by_words = np.argsort(-lexical, kind="stable")[:DEPTH]
    by_words = by_words[lexical[by_words] > 0]
    by_cosine = np.argsort(-cosine, kind="stable")[:DEPTH]
    pool = np.union1d(by_words, by_cosine)
    out = np.full(len(cosine), -1.0)
    out[pool] = weight * np.maximum(cosine[pool], 0) / max(cosine.max(), SURE)
    out[pool] += (1 - weight) * lexical[pool] / max(lexical.max(), 1e-9)
    return out


def recalls(scores: np.ndarray, gold: list[list[int]]) -> np.ndarray:
    """R@k `[questions, len(CUTS)]`."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, : max(CUTS)]
    found = [[len(set(o[:k]) & set(g)) / len(g) for k in CUTS] for o, g in zip(order.tolist(), gold, strict=True)]
    return np.array(found)


def measure(collections: list[Collection], encode: Callable[[list[str]], np.ndarray]) -> dict[str, list[np.ndarray]]:
    """R@k per way of searching, one array for each conversation."""
    out: dict[str, list[np.ndarray]] = {"BM25": [], "model": [], "fused": []}
    for c in collections:
        lexical, cosine = bm25(c), cosines(c, encode)
        fused = np.array([fuse(lo, co) for lo, co in zip(lexical, cosine, strict=True)])
        for name, scores in (("BM25", lexical), ("model", cosine), ("fused", fused)):
            out[name].append(recalls(scores, c.gold))
    return out


def interval(values: np.ndarray, rounds: int = 2000) -> np.ndarray:
    """95% bootstrap intervals over questions of the means, in percent `[2, columns]`."""
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, len(values), len(values))].mean(axis=0) for _ in range(rounds)]
    return 100 * np.percentile(means, [2.5, 97.5], axis=0)


def report(kind: str, measured: dict[str, list[np.ndarray]]) -> None:
    """Prints a Markdown table; `by conversation` is R@10 of each."""
    print(f"\n{kind}: {sum(len(a) for a in measured['model'])} questions\n")
    print("| search | " + " | ".join(f"R@{k}" for k in CUTS) + " | R@10 by conversation |")
    print("|---|" + "---|" * (len(CUTS) + 1))
    for name, parts in measured.items():
        every = np.concatenate(parts)
        low, high = interval(every)
        cells = [f"{100 * m:.1f} ({a:.1f}–{b:.1f})" for m, a, b in zip(every.mean(axis=0), low, high, strict=True)]
        each = ", ".join(f"{100 * p.mean(axis=0)[CUTS.index(10)]:.1f}" for p in parts)
        print(f"| {name} | " + " | ".join(cells) + f" | {each} |")


def main() -> None:
    """Prints the tables for one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("locomo", type=Path, help="LoCoMo's JSON file")
    parser.add_argument("model", type=Path, help="a model file, or a table in .npy")
    parser.add_argument("--vocab", type=Path, default=Path(__file__).parents[2] / "assets/model/vocab.txt")
    args = parser.parse_args()
    table, tok = static.load(args.model), static.tokenizer(args.vocab)
    for kind, collections in load(args.locomo).items():
        report(kind, measure(collections, lambda texts: static.embed(table, tok, texts)))


if __name__ == "__main__":
    main()
