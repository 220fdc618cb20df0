"""`make quality`: how good models, rules and languages are on labelled lines, beside a plain pipeline.

    python -m bench.quality telecom.jsonl:department banking.jsonl:intent --shots 10

For each file a fifth of the lines is held back (always the same); Santral and scikit-learn's plain
pipeline (words 1-2 and characters 2-5, TF-IDF, linear SVM) learn from the rest and are judged on the
same lines, in one run. `--shots N` also gives both N lines a label; `--second-look` judges the model
with one, too; `--language xx:FILE` counts how many texts of a file are said to be in that language.
docs/quality.md keeps the figures.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from router.models.language import languages
from router.models.model import Model
from router.text import pack_files
from router.training import dataset, train
from router.training.dataset import Labelled
from router.training.embedding_stage import LOOKED
from router.training.evaluation import evaluate
from schemas.text.fold import fold


def _told(**figures: Any) -> None:
    print(json.dumps(figures, ensure_ascii=False), flush=True)


def _picked(told: Labelled, places: list[int]) -> Labelled:
    return Labelled(
        texts=[told.texts[i] for i in places],
        labels=[told.labels[i] for i in places],
        data=told.data,
    )


def _split(told: Labelled, shots: int | None) -> tuple[Labelled, Labelled]:
    """Return what is learned from and what is judged by."""
    order = np.random.default_rng(7).permutation(len(told.texts)).tolist()
    if shots is None:
        cut = len(order) // 5
        return _picked(told, order[cut:]), _picked(told, order[:cut])
    taken: dict[str, list[int]] = defaultdict(list)
    for i in order:
        if len(taken[told.labels[i]]) < shots:
            taken[told.labels[i]].append(i)
    known = [i for places in taken.values() for i in places]
    return _picked(told, known), _picked(told, sorted(set(order) - set(known)))


def _plain(known: Labelled, held: Labelled) -> dict[str, float]:
    """Return accuracy and microseconds a message of the plain pipeline, in one batch."""
    pipeline = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(ngram_range=(2, 5), analyzer="char_wb", sublinear_tf=True),
        ),
        LinearSVC(),
    )
    pipeline.fit(known.texts, known.labels)
    part = held.texts[:2000]
    began = time.perf_counter()
    pipeline.predict(part)
    took = (time.perf_counter() - began) / len(part) * 1e6
    said = pipeline.predict(held.texts)
    right = float(np.mean([s == t for s, t in zip(said, held.labels, strict=True)]))
    return {"plain": round(100 * right, 1), "plain_us": round(took)}


def _again(model: Model, held: Labelled) -> dict[str, Any]:
    """Return the figures of a model with its second look; nothing where it has none."""
    if model.head.second is None:
        return {"second": None}
    report = evaluate(model, held)
    below = model.head.second.below
    looked = float((model.shares(model.margins(held.texts)).max(axis=1) < below).mean())
    return {
        "second": round(100 * report.accuracy, 1),
        "second_us": round(report.microseconds),
        "looked_again": round(100 * looked, 1),
        "part": model.head.second.part,
    }


def judge(path: Path, task: Any, shots: int | None, again: bool) -> None:
    """Print the figures of one file."""
    with path.open("rb") as file:
        told = dataset.read(file)
    known, held = _split(told, shots)
    print(f"{path.name}: learning from {len(known.texts)} lines …", file=sys.stderr, flush=True)
    began = time.perf_counter()
    pack = pack_files.read_pack(pack_files.PACKS / "default")
    model = train.train(
        known, task, datetime.now(UTC), look_again=LOOKED if again else 0.0, pack=pack
    )
    trained = time.perf_counter() - began
    report = evaluate(replace(model, again=None), held)
    figures = report.figures
    _told(
        file=path.name,
        task=task,
        shots=shots,
        labels=len(model.head.labels),
        learned_from=len(known.texts),
        judged_by=report.messages,
        accuracy=round(100 * figures.accuracy, 1),
        interval=[round(100 * figures.low, 1), round(100 * figures.high, 1)],
        majority=round(100 * figures.majority, 1),
        ece=round(100 * figures.ece, 1),
        us=round(report.microseconds),
        train_s=round(trained),
        in_scope=round(100 * report.in_scope, 1) if report.outside else None,
        outside_recall=round(100 * report.outside_recall, 1) if report.outside else None,
        **_plain(known, held),
        **(_again(model, held) if again else {}),
    )


def count_language(wanted: str, path: Path) -> None:
    """Print how many texts are said to be in a language (und: in neither)."""
    with path.open("rb") as file:
        texts = [json.loads(line)["text"] for line in file if line.strip()]
    said = languages(texts, [fold(t).split() for t in texts])
    short = [s == wanted for s, t in zip(said, texts, strict=True) if len(t) <= 40]
    _told(
        file=path.name,
        language=wanted,
        texts=len(texts),
        right=round(100 * sum(s == wanted for s in said) / max(1, len(said)), 2),
        short=len(short),
        short_right=round(100 * sum(short) / max(1, len(short)), 2),
    )


def main() -> None:
    """Judge every file that is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", metavar="FILE:TASK")
    parser.add_argument("--shots", type=int, action="append", default=[])
    parser.add_argument("--second-look", action="store_true")
    parser.add_argument("--language", action="append", default=[], metavar="tr|en|und:FILE")
    told = parser.parse_args()
    if not told.data and not told.language:
        parser.error("name labelled lines: FILE:department, FILE:intent or FILE:sentiment")
    for item in told.data:
        path, _, task = item.rpartition(":")
        for shots in (None, *told.shots):
            judge(Path(path), task, shots, told.second_look)
    for item in told.language:
        wanted, _, path = item.partition(":")
        count_language(wanted, Path(path))


if __name__ == "__main__":
    main()
