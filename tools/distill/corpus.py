"""The training text: dictionary entries and example sentences of WordNet, fortunes, and pairs from templates.

Nothing of it comes from a benchmark. The templates (`templates.txt`) give what a dictionary lacks: short facts
about people, and questions asked of such facts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from faker.providers.person.en_US import Provider as Person

from wordnet import WordNet

# Slots filled from WordNet: everything below a noun, in the given sense.
KINDS = {
    "food": [("food", 1), ("food", 2), ("dish", 2), ("fruit", 1), ("vegetable", 1)],
    "animal": [("mammal", 1), ("bird", 1), ("reptile", 1), ("insect", 1), ("fish", 1)],
    "plant": [("flower", 1), ("tree", 1), ("herb", 1), ("vegetable", 1)],
    "instrument": [("musical instrument", 1)],
    "sport": [("sport", 1)],
    "game": [("game", 1), ("game", 3)],
    "music": [("music genre", 1), ("dance music", 1), ("popular music", 1)],
    "subject": [("discipline", 1), ("belief", 1), ("social control", 1), ("ideology", 2)],
    "vehicle": [("vehicle", 1)],
    "clothing": [("clothing", 1)],
    "furniture": [("furniture", 1)],
    "building": [("building", 1), ("shop", 1), ("institution", 1)],
    "room": [("room", 1)],
    "material": [("material", 1)],
    "illness": [("illness", 1)],
    "holiday": [("holiday", 2), ("religious holiday", 1), ("legal holiday", 1)],
    "worker": [("worker", 1), ("professional", 1), ("artist", 1)],
    "body": [("external body part", 1), ("organ", 1)],
    "thing": [("device", 1), ("container", 1), ("furnishing", 2)],
    "city": [("city", 1)],
    "country": [("country", 2)],
    "language": [("natural language", 1)],
}
PRONOUNS = (("he", "his", "him"), ("she", "her", "her"))
# A noun or adjective is common enough for a template if it was met so often in WordNet's tagged texts.
COMMON = 3
# More lines than this, of the same kind, made the model no better.
LINES = 110_000
PAIRS = 80_000


def entries(wordnet: WordNet) -> Iterator[str]:
    """Definitions with up to two of the words they define, and example sentences of more than three words."""
    for synsets in wordnet.synsets.values():
        for synset in synsets.values():
            yield f"{', '.join(synset.words[:2])}: {synset.definition}"
            yield from (e for e in synset.examples if len(e.split()) > 3)


def fortunes(folder: Path) -> Iterator[str]:
    """Fortunes of 21 to 499 characters, each on one line."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix not in (".dat", ".u8"):
            for fortune in file.read_text(encoding="utf-8", errors="ignore").split("\n%\n"):
                line = " ".join(fortune.split())
                if 20 < len(line) < 500:
                    yield line


class Templates:
    """The lines of `templates.txt` and the words for their slots."""

    def __init__(self, file: Path, wordnet: WordNet, vocabulary: set[str]) -> None:
        self.lists: dict[str, Sequence[str]] = {}
        self.lines: list[list[str]] = []
        for line in file.read_text(encoding="utf-8").splitlines():
            if " = " in line:
                name, listed = line.split(" = ")
                self.lists[name] = listed.split(", ")
            elif line and not line.startswith("#"):
                self.lines.append(line.split(" | "))

        def plain(words: Iterable[str]) -> list[str]:
            """Words that the vocabulary has whole; what it must spell in pieces is rare."""
            return sorted({w for w in words if all(p in vocabulary for p in w.lower().split()) and " of " not in w})

        def common(part: str) -> Iterator[str]:
            return (w for (p, w), times in wordnet.met.items() if p == part and times >= COMMON and len(w) > 2)

        for name, roots in KINDS.items():
            words = plain(w for root in roots for w in wordnet.below(*root))
            # Common words come up more often than rare ones, yet every word comes up.
            self.lists[name] = words + 3 * [w for w in words if ("n", w.lower()) in wordnet.met]
        self.lists["noun"] = plain(common("n"))
        self.lists["adj"] = plain(common("a"))
        self.verbs = [v for v in plain(common("v")) if " " not in v and wordnet.transitive(v)]
        self.past = {v: wordnet.past(v) for v in self.verbs}
        months = "January February March April May June July August September October November December"
        self.lists["month"] = months.split()
        self.lists["day"] = [str(d) for d in range(1, 32)]
        self.lists["year"] = [str(y) for y in range(1940, 2024)]

    def fill(self, line: Sequence[str], rng: random.Random) -> list[str]:
        """The sentences of one line with the same words in the same slots.

        Names stay blank. A store is full of facts about the same few people, so what a question asks must find
        the fact, not the name that all of them share; full-text search finds names.
        """
        verb = rng.choice(self.verbs)
        words = dict(zip(("he", "his", "him"), rng.choice(PRONOUNS), strict=True))
        words |= {"a": "", "b": "", "verb": verb, "past": self.past[verb]}

        def word(slot: re.Match[str]) -> str:
            name = slot[1]
            if name not in words:
                taken = words.get(name.removesuffix("2"))
                words[name] = rng.choice([w for w in self.lists[name.removesuffix("2")] if w != taken])
            return words[name]

        filled = (re.sub(r"\{(\w+)\}", word, text).strip() for text in line)
        return [re.sub(r"\b([Aa])n? (?=([aeiou])?)", article, text) for text in filled]

    def pairs(self, count: int, rng: random.Random) -> Iterator[tuple[str, str]]:
        """`count` facts, the lines in turn, each with one of its questions."""
        for i in range(count):
            fact, *questions = self.fill(self.lines[i % len(self.lines)], rng)
            yield fact, rng.choice(questions)


def article(match: re.Match[str]) -> str:
    """`a` or `an`, as the next letter wants it."""
    return f"{match[1]}n " if match[2] else f"{match[1]} "


def names(wordnet: WordNet, vocabulary: set[str]) -> list[str]:
    """First names that the vocabulary has whole, without those that WordNet's tagged texts use as words."""
    words = {word for _, word in wordnet.met}
    return sorted({n.lower() for n in Person.first_names} & vocabulary - words)


def write(wordnet_folder: Path, fortunes_folder: Path, vocab: Path, out: Path) -> None:
    """Writes `lines.txt`, `facts.txt`, `questions.txt` (line by line the question of the fact) and `names.txt`."""
    rng = random.Random(0)
    wordnet = WordNet(wordnet_folder)
    vocabulary = set(vocab.read_text(encoding="utf-8").split())
    lines = sorted({*entries(wordnet), *fortunes(fortunes_folder)})
    rng.shuffle(lines)
    templates = Templates(Path(__file__).with_name("templates.txt"), wordnet, vocabulary)
    facts, questions = zip(*templates.pairs(PAIRS, rng), strict=True)
    files = {"lines": lines[:LINES], "facts": facts, "questions": questions, "names": names(wordnet, vocabulary)}
    for name, texts in files.items():
        (out / f"{name}.txt").write_text("".join(f"{t}\n" for t in texts), encoding="utf-8")
        print(f"{name}: {len(texts)}")
