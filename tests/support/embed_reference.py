"""The built-in embedding model as others compute it: Hugging Face's tokenizer
and NumPy, from the same files.

    embed_reference.py texts.jsonl          one line of JSON for each line of JSON (a text)
    embed_reference.py --time texts.jsonl   how many of the texts are embedded per second

A line of the answer has the numbers of the text's pieces, and the embedding as
the hexadecimal digits of its 32-bit floats, little-endian; null where the text
has no embedding.
"""

import json
import os
import sys
import time

# Before the libraries that read them are loaded: one thread.
for variable in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "assets", "model")


def tokenizer():
    vocabulary = WordPiece.read_file(os.path.join(MODEL, "vocab.txt"))
    made = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    return made


def table():
    arrays = load_file(os.path.join(MODEL, "static-256.safetensors"))
    return arrays["rows"].astype(numpy.float32) * arrays["scale"][:, None]


def embed(tokens, rows, texts):
    """The numbers of the pieces and the embeddings (zeros where there is none) of some texts."""
    ids = [encoding.ids for encoding in tokens.encode_batch(texts, add_special_tokens=False)]
    means = numpy.zeros((len(texts), rows.shape[1]), numpy.float32)
    for index, pieces in enumerate(ids):
        if pieces:
            means[index] = rows[pieces].mean(0)
    lengths = numpy.linalg.norm(means, axis=1, keepdims=True)
    return ids, means / numpy.where(lengths > 0, lengths, 1)


def measure(tokens, rows, texts):
    """Texts per second: the best of five rounds of some seconds in all."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        embed(tokens, rows, texts)
        best = min(best, time.perf_counter() - began)
    return len(texts) / best


def main():
    timed = sys.argv[1] == "--time"
    with open(sys.argv[-1], encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    tokens, rows = tokenizer(), table()
    if timed:
        print(round(measure(tokens, rows, texts)))
        return
    for first in range(0, len(texts), 1000):
        for pieces, embedding in zip(*embed(tokens, rows, texts[first : first + 1000])):
            values = embedding.astype("<f4").tobytes().hex() if embedding.any() else None
            print(json.dumps({"ids": pieces, "embedding": values}))


if __name__ == "__main__":
    main()
