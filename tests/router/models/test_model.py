"""Models: learned from lines, kept in a file that is checked, read with their evidence."""

import json
import pickle
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.main import main
from cli.offline import decisions
from router import policy_settings
from router.decision.analysis import analyse
from router.decision.decide import decide_message
from router.models import features, model_file
from router.models.model import Model
from router.text.pack_compiler import compile_pack
from router.text.pack_files import PACKS, read_pack
from router.training import dataset, evaluation, train
from runtime.settings.structs import Settings
from schemas.errors import ConfigError
from schemas.routing.counterfactual import nearest_change
from schemas.routing.departments import DEFAULT
from schemas.text.fold import fold
from tests.support.messages import NOW, message, policy

SAID = {
    "billing": [
        "faturam {} yüksek geldi",
        "{} ay fatura tutarı yanlış",
        "fazla ücret {} yansıtılmış",
        "faturayı {} ödeyemedim",
    ],
    "technical": [
        "internet {} çok yavaş",
        "modem {} çalışmıyor",
        "{} bağlantı sürekli kopuyor",
        "şebeke {} çekmiyor",
    ],
    "returns": [
        "ürünü {} iade etmek istiyorum",
        "{} iade param yatmadı",
        "değişim {} için kargo",
        "kutu {} kırık geldi iade",
    ],
}
pytestmark = pytest.mark.slow  # a model is trained

PACK = read_pack(PACKS / "default")
FILL = [
    "bugün",
    "dün",
    "yine",
    "hala",
    "bu ay",
    "üç gündür",
    "maalesef",
    "lütfen",
    "acaba",
    "neden",
]


def _lines(*more: tuple[str, str | None]) -> list[bytes]:
    made: list[tuple[str, str | None]] = [
        (form.format(word), label)
        for label, forms in SAID.items()
        for form in forms
        for word in FILL
    ]
    return [json.dumps({"text": t, "label": label}).encode() for t, label in [*made, *more]]


def _trained(*more: tuple[str, str | None], task: Any = "department") -> Model:
    return train.train(dataset.read(_lines(*more)), task, NOW, pack=PACK)


@pytest.fixture(scope="module")
def trained() -> Model:
    return _trained()


@pytest.fixture
def file(trained: Model, tmp_path: Path) -> Path:
    path = tmp_path / "a.model"
    model_file.save(path, trained)
    return path


@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
@settings(max_examples=60)
def test_what_is_made_of_a_text_does_not_depend_on_its_neighbours(
    trained: Model, texts: list[str]
) -> None:
    together = trained.read(texts)
    assert together == [trained.read([t])[0] for t in texts]
    for text, found in zip(texts, together, strict=True):
        assert 0 <= found.second.share <= found.best.share <= 1
        assert all(0 <= a < b <= len(text) for a, b in found.words)
        assert all(text[a:b].strip() for a, b in found.words)


def test_letters_drawn_out_case_and_turkish_letters_make_no_difference() -> None:
    def of(text: str) -> list[int]:
        return sorted(features.features([text]).bucket.tolist())

    assert of("ÇOK KÖTÜ") == of("cok kotu") == of("çok  kötü")
    assert of("kötüüüüüüü") == of("kötüüü")
    assert of("kötüüü") != of("kötü")
    assert of("12 TL") == of("99 tl")
    assert of("tamam 😡") == of("tamam 💔")
    assert of("tamam 😡") != of("tamam 😀")
    assert len(features.features(["", " \n", "."]).bucket) == 0


def test_it_learns_and_names_the_words_that_spoke(trained: Model) -> None:
    (found,) = trained.read(["Geçen ay faturam niye bu kadar yüksek?"])
    assert (found.best.label, found.best.share > 0.5) == ("billing", True)
    text = "Geçen ay faturam niye bu kadar yüksek?"
    assert "faturam" in [text[a:b] for a, b in found.words]
    figures = trained.head.figures
    assert figures.accuracy > 0.9 > figures.majority
    assert figures.low < figures.accuracy <= 1
    assert trained.head.by_label == {"billing": 40, "returns": 40, "technical": 40}


def test_the_same_lines_give_the_same_file_and_it_reads_as_it_was_written(
    trained: Model, file: Path, tmp_path: Path
) -> None:
    again = tmp_path / "b.model"
    model_file.save(again, _trained())
    assert again.read_bytes() == file.read_bytes()
    texts = ["fatura", "modem yavaş", "iade", ""]
    read = model_file.load(file)
    assert [r.best.label for r in read.read(texts)] == [r.best.label for r in trained.read(texts)]
    assert np.allclose(read.margins(texts), trained.margins(texts), atol=2e-3)
    assert read.name == f"department-{read.head.sha256[:12]}"


def _damage(raw: bytes, how: str) -> bytes:
    line, _, rest = raw.partition(b"\n")
    head = json.loads(line)
    changes: dict[str, Any] = {
        "version": {"version": 99},
        "features": {"features": 99},
        "task": {"task": "weather"},
        "format": {"format": "other"},
        "labels": {"labels": ["one"]},
        "rows": {"rows": 3},
        "rules": {"rules": 3},
        "fired": {"fired": 0},
        "outside": {"outside": "nowhere"},
        "sharpness": {"sharpness": -1},
    }
    if how in changes:
        return json.dumps(head | changes[how]).encode() + b"\n" + rest
    bad = rest.replace(b'"any"', b'"none"').replace(b'"all"', b'"none"')
    more = {"sha256": sha256(bad).hexdigest(), "rules": head["rules"] + len(bad) - len(rest)}
    return {
        "bad rules": json.dumps(head | more).encode() + b"\n" + bad,
        "flipped": raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:],
        "short": raw[:-4],
        "empty": b"",
        "text": b"hello\n",
        "no arrays": line + b"\n",
        "pickle": pickle.dumps({"a": 1}),
        "deep": b'{"a":' * 100_000 + b"\n",
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "flipped",
        "short",
        "empty",
        "text",
        "no arrays",
        "pickle",
        "deep",
        "version",
        "features",
        "task",
        "format",
        "labels",
        "rows",
        "outside",
        "sharpness",
        "rules",
        "fired",
        "bad rules",
    ],
)
def test_a_damaged_or_foreign_file_is_refused_in_words(file: Path, how: str) -> None:
    file.write_bytes(_damage(file.read_bytes(), how))
    with pytest.raises(ConfigError) as error:
        model_file.load(file)
    assert str(file) in str(error.value)


def test_numbers_that_make_no_sense_are_refused(trained: Model, tmp_path: Path) -> None:
    weights = trained.weights.copy()
    weights[0, 0] = np.nan
    path = tmp_path / "n.model"
    model_file.save(path, replace(trained, weights=weights))
    with pytest.raises(ConfigError, match="make no sense"):
        model_file.load(path)


def test_lines_that_are_none_are_named_and_lines_without_a_label_passed_by() -> None:
    told = dataset.read([*_lines(("etiketsiz", None)), b"", b'{"text":"x","label":"  "}'])
    assert (len(told.texts), told.unlabelled) == (120, 2)
    with pytest.raises(ConfigError) as error:
        dataset.read(
            [
                b'{"text":"a","label":"b"}',
                b"{",
                b'{"label":"c"}',
                b'{"text":1,"label":"c"}',
                b"\xff",
            ]
        )
    assert [p.partition(":")[0] for p in error.value.problems] == [
        "line 2",
        "line 3",
        "line 4",
        "line 5",
    ]
    for few in ([], _lines()[:40]):
        with pytest.raises(ConfigError, match="at least"):
            train.train(dataset.read(few), "department", NOW)


def test_a_label_with_one_line_does_not_stop_the_others() -> None:
    made = _trained(("basından arıyoruz röportaj", "press"))
    assert "press" in made.head.labels
    assert made.read(["modem çalışmıyor"])[0].best.label == "technical"


def test_what_belongs_nowhere_is_recognised() -> None:
    odd = [
        (f"{a} {b}", "oos")
        for a in ("hava nasıl", "maç kaç kaç", "şiir oku", "kek tarifi")
        for b in FILL
    ]
    made = _trained(*odd)
    assert made.head.outside == "oos"
    told = dataset.read(_lines(("modem bozuk", "technical"), ("yarın yağmur yağar mı", "oos")))
    report = evaluation.evaluate(made, told)
    assert report.in_scope > 0.9
    assert report.outside_recall == 1.0
    assert made.read(["zürafa gergedan qwx"])[0].best.label == "oos"


def test_confidence_means_something(trained: Model) -> None:
    report = evaluation.evaluate(trained, dataset.read(_lines()))
    assert sum(b.count for b in report.reliability) == report.messages == 120
    assert report.accuracy == report.figures.accuracy > 0.95
    assert {x.label: x.lines for x in report.labels} == {
        "billing": 40,
        "returns": 40,
        "technical": 40,
    }
    unknown = evaluation.evaluate(trained, dataset.read([b'{"text":"basin","label":"press"}']))
    assert (unknown.accuracy, unknown.labels[0].recall) == (0.0, 0.0)


def test_wilson_gives_the_known_bounds() -> None:
    low, high = train.wilson(0.9, 100)
    assert (round(low, 4), round(high, 4)) == (0.8256, 0.9448)  # Newcombe 1998, method 3
    assert train.wilson(1.0, 0) == (0.0, 1.0)


def test_a_decision_names_the_model_its_words_and_the_second_best(file: Path) -> None:
    by = decisions.load_trial_policy(Settings(), [file])
    made = decide_message(message("Geçen ay faturam niye bu kadar yüksek?"), None, by, NOW).decision
    (reason,) = [r for r in made.reasons if r.kind == "model"]
    assert made.department == "billing"
    assert made.model == reason.version == by.models[0].name
    assert "faturam" in [e.text for e in reason.evidence]
    assert made.runner_up is not None
    assert made.runner_up.would_win.startswith("rules of ")
    unsure = decide_message(message("acaba"), None, replace(by, threshold=0.9999), NOW).decision
    assert unsure.action == "triage"
    assert len(unsure.guesses) == 2
    assert msgspec.json.encode(made) == msgspec.json.encode(
        decide_message(message("Geçen ay faturam niye bu kadar yüksek?"), None, by, NOW).decision
    )


@pytest.mark.slow
def test_what_would_have_changed_a_decision_of_rules_and_model_changes_it(file: Path) -> None:
    found = set[str]()
    by = decisions.load_trial_policy(Settings(), [file])
    heavy = [msgspec.structs.replace(r, weight=4 * r.weight) for r in by.pack.rules]
    by = replace(by, pack=compile_pack("heavy", tuple(heavy)))
    for rule in by.pack.rules:
        for text in rule.match[:1]:
            made = decide_message(message(text), None, by, NOW).decision
            other = nearest_change(made)
            if other is None or not other.without:
                continue
            gone = {r.id for r in other.without}
            pack = compile_pack("less", tuple(r for r in by.pack.rules if r.id not in gone))
            again = decide_message(message(text), None, replace(by, pack=pack), NOW).decision
            assert again.department == other.department != made.department, text
            found.add(made.department)
    assert len(found) > 3


FEW = {
    "billing": [
        "faturam yanlış",
        "fatura çok yüksek",
        "my invoice is wrong",
        "faturayı itiraz ediyorum",
    ],
    "technical": ["modem çalışmıyor", "internet yok", "no signal here", "internetim kopuyor"],
    "returns": ["iade etmek istiyorum", "ürün kırık geldi", "i want a refund", "geri göndereceğim"],
}
OTHERS = {
    "billing": [
        "i was charged twice",
        "fazla ücret yansıtılmış",
        "kartımdan iki kez çekilmiş",
        "overcharged again",
    ],
    "technical": ["şebeke yok", "the connection drops", "çekmiyor burası", "router is dead"],
    "returns": [
        "kutudan hasarlı çıktı",
        "it arrived damaged",
        "parçalanmış halde ulaştı",
        "torn apart",
    ],
}


def _labelled(said: dict[str, list[str]]) -> dataset.Labelled:
    return dataset.read(
        json.dumps({"text": t, "label": x}).encode() for x, some in said.items() for t in some
    )


def test_what_rules_know_need_not_be_learned_from_labels() -> None:
    few, others = _labelled(FEW), _labelled(OTHERS)
    alone = evaluation.evaluate(train.train(few, "department", NOW), others)
    by_rules = evaluation.evaluate(train.train(few, "department", NOW, pack=PACK), others)
    assert by_rules.accuracy >= alone.accuracy + 0.3


def test_a_model_stays_the_same_when_rules_change(tmp_path: Path) -> None:
    made = train.train(_labelled(FEW), "department", NOW, pack=PACK)
    assert (made.head.pack, made.head.fired > 0) == (PACK.version, True)
    path = tmp_path / "r.model"
    model_file.save(path, made)
    by = decisions.load_trial_policy(Settings(), [path])
    texts = [t for some in OTHERS.values() for t in some]
    known = [by.pack.match(t, fold(t)) for t in texts]
    assert any(known)
    # Whether its rules were asked already, or it asks its own copy.
    assert by.models[0].read(texts, known) == by.models[0].read(texts)
    fewer = replace(by, pack=compile_pack("fewer", by.pack.rules[:3]))
    for text in texts:
        a, b = (analyse([message(text)], p)[0].predictions["department"] for p in (by, fewer))
        assert a == b


def test_rules_that_fire_on_no_line_are_not_kept(tmp_path: Path) -> None:
    other = [r for r in PACK.rules if r.id == "sign.danger"]
    told = _labelled({"a": [f"elma {w}" for w in FILL], "b": [f"armut {w}" for w in FILL]})
    made = train.train(told, "intent", NOW, pack=compile_pack("other", other))
    path = tmp_path / "n.model"
    assert (model_file.save(path, made).rules, made.pack, made.head.pack) == (0, None, "")
    assert model_file.load(path).read(["elma"])[0].best.label == "a"


def test_strong_rules_overrule_a_model_and_plain_ones_do_not(file: Path) -> None:
    by = decisions.load_trial_policy(Settings(), [file])
    text = "modem çalışmıyor, KVKK kapsamında verilerimi silin"
    assert decide_message(message(text), None, policy(), NOW).decision.department == "legal"
    hits = by.pack.match(text, f" {text.lower()} ")
    assert hits
    strong = tuple(
        msgspec.structs.replace(r, weight=10.0) if r.department == "legal" else r
        for r in by.pack.rules
    )
    heavy = replace(by, pack=compile_pack("heavy", strong))
    assert decide_message(message(text), None, heavy, NOW).decision.department == "legal"


def test_moods_and_intents_come_from_their_models(tmp_path: Path) -> None:
    moods = [
        (t.format(w), m)
        for m, ts in {
            "olumlu": ["çok {} memnunum", "{} harika teşekkürler"],
            "olumsuz": ["{} rezalet", "berbat {} hizmet"],
            "nötr": ["{} bilgi", "fiyat {} nedir"],
        }.items()
        for t in ts
        for w in FILL
    ]
    lines = [json.dumps({"text": t, "label": m}).encode() for t, m in moods]
    path = tmp_path / "s.model"
    model_file.save(path, train.train(dataset.read(lines), "sentiment", NOW))
    by = decisions.load_trial_policy(Settings(), [path])
    assert decide_message(message("rezalet berbat"), None, by, NOW).decision.sentiment < -0.3
    assert decide_message(message("harika memnunum"), None, by, NOW).decision.sentiment > 0.3
    with pytest.raises(ConfigError, match="two models of one task"):
        policy_settings.build_policy(Settings(), [path, path])


def test_a_model_for_the_road_names_departments_that_there_are(file: Path, tmp_path: Path) -> None:
    def with_file(path: Path) -> Settings:
        return msgspec.structs.replace(
            Settings(), router=msgspec.structs.replace(Settings().router, models=(str(path),))
        )

    assert set(policy_settings.load_policy(with_file(file)).models[0].head.labels) <= set(DEFAULT)
    other = tmp_path / "o.model"
    model_file.save(other, _trained(*[(f"uzay gemisi {w}", "space") for w in FILL]))
    with pytest.raises(ConfigError, match=r"add \[departments.space\]|Add \[departments.space\]"):
        policy_settings.load_policy(with_file(other))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANTRAL_HOME", str(tmp_path / "var"))
    return tmp_path


def test_the_commands_train_evaluate_and_decide(home: Path) -> None:
    (home / "data.jsonl").write_bytes(b"\n".join(_lines()))
    runner = CliRunner()
    told = runner.invoke(
        main, ["train", "data.jsonl", "--task", "department", "--out", "out/m.model"]
    )
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["figures"]["accuracy"] > 0.9
    assert "accuracy" in told.stderr
    judged = runner.invoke(
        main, ["evaluate", "data.jsonl", "--task", "department", "--model", "out/m.model"]
    )
    assert judged.exit_code == 0, judged.output
    assert json.loads(judged.stdout)["accuracy"] > 0.95
    assert "microseconds a message" in judged.stderr
    lines = (
        "\n".join(json.dumps({"text": t}) for t in ("faturam yüksek", "modem yavaş", "iade")) + "\n"
    )
    decided = runner.invoke(main, ["decide", "--model", "out/m.model"], input=lines)
    assert [json.loads(x)["department"] for x in decided.stdout.splitlines()] == [
        "billing",
        "technical",
        "returns",
    ]
    for wrong, words in (
        (["train", "--task", "department", "--out", "x"], "give DATA or --corrections"),
        (["train", "--task", "intent", "--out", "x", "--corrections"], "--task department"),
        (
            ["evaluate", "data.jsonl", "--task", "intent", "--model", "out/m.model"],
            "its task is department",
        ),
        (["evaluate", "data.jsonl", "--task", "intent", "--model", "no.model"], "can't be read"),
        (["decide", "--model", "data.jsonl"], "is no model"),
    ):
        told = runner.invoke(main, wrong, input=lines)
        assert told.exit_code == 2
        assert words in told.stderr
