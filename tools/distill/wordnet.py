"""Reads the database of WordNet 3.0, in the format of wndb(5WN)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Files, and the pointer symbols that lead from a concept to narrower ones and to instances.
PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
NARROWER = ("~", "~i")
# "Somebody ----s something"
TRANSITIVE = 8


@dataclass(frozen=True)
class Synset:
    """A set of words with one meaning."""

    words: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]
    narrower: tuple[int, ...]
    frames: frozenset[int]


def parse(line: str, verb: bool) -> tuple[int, Synset]:
    """One line of a data file: its offset and its synset."""
    left, gloss = line.split("|", 1)
    fields = left.split()
    count = int(fields[3], 16)
    # Adjectives may carry a marker of their place, as in `fond(p)`.
    words = tuple(re.sub(r"\(.*", "", w).replace("_", " ") for w in fields[4 : 4 + 2 * count : 2])
    rest = fields[4 + 2 * count :]
    pointers = [rest[1 + 4 * i : 5 + 4 * i] for i in range(int(rest[0]))]
    narrower = tuple(int(offset) for symbol, offset, _, _ in pointers if symbol in NARROWER)
    frames = rest[1 + 4 * len(pointers) :][2::3] if verb else []
    definition, *examples = (part.strip(' ";') for part in re.split(r';\s*(?=")', gloss.strip()))
    return int(fields[0]), Synset(words, definition, tuple(examples), narrower, frozenset(map(int, frames)))


class WordNet:
    """The synsets of each part of speech by offset, and the senses of each word, most frequent first."""

    def __init__(self, folder: Path) -> None:
        self.synsets: dict[str, dict[int, Synset]] = {}
        self.senses: dict[str, dict[str, list[int]]] = {}
        for part, name in PARTS.items():
            data = (folder / f"data.{name}").read_text(encoding="latin-1").splitlines()
            self.synsets[part] = dict(parse(line, part == "v") for line in data if not line.startswith("  "))
            senses = self.senses[part] = {}
            for line in (folder / f"index.{name}").read_text(encoding="latin-1").splitlines():
                if not line.startswith("  "):
                    word, *fields = line.split()
                    senses[word.replace("_", " ")] = [int(f) for f in fields[-int(fields[1]) :]]
        # Numbers of the times that a sense was met in the tagged texts; absent means never.
        self.met: dict[tuple[str, str], int] = {}
        for line in (folder / "cntlist.rev").read_text(encoding="latin-1").splitlines():
            key, _, times = line.split()
            word, sense = key.split("%")
            part = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}[sense[0]]
            at = (part, word.replace("_", " "))
            self.met[at] = self.met.get(at, 0) + int(times)
        self.irregular: dict[str, list[str]] = {}
        for line in (folder / "verb.exc").read_text(encoding="latin-1").splitlines():
            form, *bases = line.split()
            for base in bases:
                self.irregular.setdefault(base, []).append(form)

    def below(self, word: str, sense: int = 1) -> Iterator[str]:
        """The nouns for what is a kind or an instance of the given sense of `word`, in their first two senses."""
        seen, queue = set(), [self.senses["n"][word][sense - 1]]
        while queue:
            offset = queue.pop(0)
            if offset in seen:
                continue
            seen.add(offset)
            synset = self.synsets["n"][offset]
            queue.extend(synset.narrower)
            for w in synset.words:
                if offset in self.senses["n"].get(w.lower(), [])[:2]:
                    yield w

    def transitive(self, verb: str) -> bool:
        """Whether the most frequent sense of a verb is something that somebody does to something."""
        senses = self.senses["v"].get(verb, [])
        return bool(senses) and TRANSITIVE in self.synsets["v"][senses[0]].frames

    def past(self, verb: str) -> str:
        """The past tense of a verb; of an irregular one the first form listed that is no `-ing` form."""
        for form in self.irregular.get(verb, []):
            if not form.endswith(("ing", "s")):
                return form
        if verb.endswith("e"):
            return verb + "d"
        if re.search(r"[^aeiou]y$", verb):
            return verb[:-1] + "ied"
        return verb + "ed"
