"""`make quality`: the accuracy of models, rules and languages on labelled lines.

    python -m bench.quality telecom.jsonl:department banking.jsonl:intent --shots 10

A fifth of each file is held back, always the same lines. Santral and scikit-learn's plain pipeline
(words 1-2 and characters 2-5, TF-IDF, linear SVM) learn from the rest, and the held lines judge both
in one run. `--shots N` adds a run with N lines a label, `--second-look` one with an embedding stage.
`--language xx:FILE` counts the texts of a file whose detected language is that one.
docs/quality.md has the figures.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from router.models.head import Task
from router.models.language import detect_languages
from router.models.model import Model
from router.text import pack_files
from router.training.dataset import LabelledLines, read_labelled
from router.training.embedding_stage import SECOND_LOOK_SHARE
from router.training.evaluation import evaluate
from router.training.train import TrainingOptions, train_model
from schemas.text.fold import fold

Figures = dict[str, str | int | float | list[float] | None]

_PLAIN_BATCH = 2000
_SHORT_CHARS = 40


def main() -> None:
    """Print a line of figures for each file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", metavar="FILE:TASK")
    parser.add_argument("--shots", type=int, action="append", default=[])
    parser.add_argument("--second-look", action="store_true")
    parser.add_argument("--language", action="append", default=[], metavar="tr|en|und:FILE")
    options = parser.parse_args()
    if not options.data and not options.language:
        parser.error("name labelled lines: FILE:department, FILE:intent or FILE:sentiment")
    for item in options.data:
        path, _, task = item.rpartition(":")
        if task not in get_args(Task):
            parser.error(f"{item}: the task is department, intent or sentiment")
        for shots in (None, *options.shots):
            _print(
                judge_models(Path(path), msgspec.convert(task, Task), shots, options.second_look)
            )
    for item in options.language:
        language, _, path = item.partition(":")
        _print(count_language(language, Path(path)))


def judge_models(path: Path, task: Task, shots: int | None, second_look: bool) -> Figures:
    """Return the figures of the models that learn from a file."""
    with path.open("rb") as file:
        lines = read_labelled(file)
    learned, held_back = _split(lines, shots)
    print(f"{path.name}: learning from {len(learned.texts)} lines …", file=sys.stderr, flush=True)
    options = TrainingOptions(
        pack=pack_files.read_pack(pack_files.PACKS / "default"),
        second_look_share=SECOND_LOOK_SHARE if second_look else 0.0,
    )
    began = time.perf_counter()
    model = train_model(learned, task, datetime.now(UTC), options)
    train_seconds = time.perf_counter() - began
    report = evaluate(replace(model, embedding_weights=None), held_back)
    figures = report.figures
    result: Figures = {
        "file": path.name,
        "task": task,
        "shots": shots,
        "labels": len(model.head.labels),
        "learned_from": len(learned.texts),
        "judged_by": report.messages,
        "accuracy": _percent(figures.accuracy),
        "interval": [_percent(figures.low), _percent(figures.high)],
        "majority": _percent(figures.majority),
        "ece": _percent(figures.ece),
        "us": round(report.microseconds),
        "train_s": round(train_seconds),
        "in_scope": _percent(report.in_scope) if report.outside else None,
        "outside_recall": _percent(report.outside_recall) if report.outside else None,
    }
    result |= _judge_plain_pipeline(learned, held_back)
    return result | _judge_second_look(model, held_back) if second_look else result


def _split(lines: LabelledLines, shots: int | None) -> tuple[LabelledLines, LabelledLines]:
    """Return the lines to learn from, and those that are held back."""
    order = np.random.default_rng(7).permutation(len(lines.texts)).tolist()
    if shots is None:
        fifth = len(order) // 5
        return _select(lines, order[fifth:]), _select(lines, order[:fifth])
    by_label: dict[str, list[int]] = defaultdict(list)
    for number in order:
        if len(by_label[lines.labels[number]]) < shots:
            by_label[lines.labels[number]].append(number)
    learned = [number for numbers in by_label.values() for number in numbers]
    return _select(lines, learned), _select(lines, sorted(set(order) - set(learned)))


def _select(lines: LabelledLines, numbers: list[int]) -> LabelledLines:
    return LabelledLines(
        texts=[lines.texts[number] for number in numbers],
        labels=[lines.labels[number] for number in numbers],
        data=lines.data,
    )


def _judge_plain_pipeline(learned: LabelledLines, held_back: LabelledLines) -> Figures:
    """Return accuracy and microseconds a message of the plain pipeline, in one batch."""
    pipeline = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(ngram_range=(2, 5), analyzer="char_wb", sublinear_tf=True),
        ),
        LinearSVC(),
    )
    pipeline.fit(learned.texts, learned.labels)
    batch = held_back.texts[:_PLAIN_BATCH]
    began = time.perf_counter()
    pipeline.predict(batch)
    seconds = (time.perf_counter() - began) / len(batch)
    answers = pipeline.predict(held_back.texts)
    right = np.mean([a == label for a, label in zip(answers, held_back.labels, strict=True)])
    return {"plain": _percent(float(right)), "plain_us": round(seconds * 1e6)}


def _judge_second_look(model: Model, held_back: LabelledLines) -> Figures:
    """Return the figures of a model with its embedding stage, if it has one."""
    if model.head.second is None:
        return {"second": None}
    report = evaluate(model, held_back)
    probabilities = model.to_probabilities(model.compute_margins(held_back.texts))
    unsure = float((probabilities.max(axis=1) < model.head.second.below).mean())
    return {
        "second": _percent(report.accuracy),
        "second_us": round(report.microseconds),
        "looked_again": _percent(unsure),
        "part": model.head.second.part,
    }


def count_language(language: str, path: Path) -> Figures:
    """Return how many texts have this detected language, "und" for neither Turkish nor English."""
    with path.open("rb") as file:
        texts = [json.loads(line)["text"] for line in file if line.strip()]
    detected = detect_languages(texts, [fold(text).split() for text in texts])
    right = [name == language for name in detected]
    short = [is_right for is_right, t in zip(right, texts, strict=True) if len(t) <= _SHORT_CHARS]
    return {
        "file": path.name,
        "language": language,
        "texts": len(texts),
        "right": _percent(sum(right) / max(1, len(right)), 2),
        "short": len(short),
        "short_right": _percent(sum(short) / max(1, len(short)), 2),
    }


def _percent(share: float, digits: int = 1) -> float:
    return round(100 * share, digits)


def _print(figures: Figures) -> None:
    print(json.dumps(figures, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
