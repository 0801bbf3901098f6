"""Makes the model of `assets/model`, in four steps; README.md has the commands."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np

import static

VOCAB = Path(__file__).parents[2] / "assets/model/vocab.txt"
ROTATION_SEED = 256


def corpus_step(args: argparse.Namespace) -> None:
    """Writes the training text."""
    import corpus

    args.folder.mkdir(parents=True, exist_ok=True)
    corpus.write(args.wordnet, args.fortunes, VOCAB, args.folder)


def teach_step(args: argparse.Namespace) -> None:
    """Runs the teacher over every token and every line."""
    # JAX is imported only here, so that the other steps do without it.
    from teacher import Teacher

    teacher = Teacher(args.teacher)
    np.save(args.folder / "tokens.npy", teacher.encode_vocabulary())
    lines = (args.folder / "lines.txt").read_text(encoding="utf-8").splitlines()
    np.save(args.folder / "lines.npy", teacher.encode(lines).astype(np.float16))


def train_step(args: argparse.Namespace) -> None:
    """Fits the table."""
    import train

    np.save(args.folder / "table.npy", train.train(args.folder, VOCAB))


def rotation(dim: int) -> np.ndarray:
    """A random orthogonal matrix, uniform by Haar's measure."""
    q, r = np.linalg.qr(np.random.default_rng(ROTATION_SEED).standard_normal((dim, dim)))
    return q * np.sign(np.diag(r))


def export_step(args: argparse.Namespace) -> None:
    """Rotates, quantises and writes the model.

    The principal axes carry unequal shares of the variance. After a rotation all dimensions carry the same, so
    that their signs make good bits for a first pass of a search; cosines stay as they are.
    """
    table = np.load(args.folder / "table.npy")
    static.save(args.out, table @ rotation(table.shape[1]))
    print(hashlib.sha256(args.out.read_bytes()).hexdigest(), args.out)


def main() -> None:
    """Parses the command line and runs one step."""
    parser = argparse.ArgumentParser(description=__doc__)
    steps = parser.add_subparsers(required=True)

    def add(name: str, run: object) -> argparse.ArgumentParser:
        step = steps.add_parser(name)
        step.add_argument("folder", type=Path, help="where the steps leave their files")
        step.set_defaults(run=run)
        return step

    step = add("corpus", corpus_step)
    step.add_argument("--wordnet", type=Path, required=True, help="folder with data.noun")
    step.add_argument("--fortunes", type=Path, required=True, help="folder with the fortune files")
    step = add("teach", teach_step)
    step.add_argument("--teacher", type=Path, required=True, help="folder with model.safetensors and vocab.txt")
    add("train", train_step)
    step = add("export", export_step)
    step.add_argument("out", type=Path, help="the model file to write")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
