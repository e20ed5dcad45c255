"""``loadtest run``: options, the events it sends, quantiles, and what does not add up."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from loadtest.run.command import problems
from loadtest.run.measured import Latencies, Outcome, quantiles
from loadtest.run.options import Options, check, parse
from loadtest.run.report import figures, page
from loadtest.run.session import Sample, Sent
from loadtest.run.traffic import Traffic, model_settings
from loadtest.scaling.axes import AXES, loads
from trimtab.config import ModelConfig
from trimtab.events import Decoder
from trimtab.events.batch import decode_batch

NONE = Latencies([], [])


def outcome(counted: int = 10, late: int = 0, dead_letters: int = 0, examples: int = 0) -> Outcome:
    return Outcome(NONE, NONE, NONE, NONE, NONE, counted, late, dead_letters, examples)


def models(options: Options) -> dict[str, ModelConfig]:
    return {name: ModelConfig.model_validate(model_settings(options)) for name in options.model_names}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"models": 0}, "--models"),
        ({"collectors": 0}, "--collectors"),
        ({"duplicates": 1.5}, "--duplicates"),
        ({"rate": -1}, "--rate"),
        ({"seconds": 0.0}, "--seconds"),
        ({"lateness_s": 0.5}, "--lateness"),
        ({"segments": 3, "format": "avro"}, "--segments"),
    ],
)
def test_wrong_options_are_told(wrong: dict[str, object], told: str) -> None:
    assert check(Options()) is None
    assert told in str(check(Options(**wrong)))  # type: ignore[arg-type]


def test_the_command_line_gives_the_options() -> None:
    found = parse(["--rate", "0", "--format", "columnar", "--label-delay", "3", "--no-drift", "--window", "4"])
    assert found == Options(rate=0, format="columnar", label_delay_s=3.0, drift=False, window_s=4.0)
    with pytest.raises(SystemExit):
        parse(["--models", "0"])


@pytest.mark.parametrize("form", ["json", "avro"])
def test_events_are_valid_spread_over_models_and_repeated_at_their_share(form: str) -> None:
    options = Options(format=form, models=3, duplicates=0.2, disorder=0.3, lateness_s=2.0)
    records = list(Traffic(options, 7).predictions(100, 600, 50_000, drifted=True))
    events = [Decoder(models(options), 10_000).prediction(record.value) for record in records]
    ids = Counter(event.id for event in events)
    assert len(ids) == 600
    assert 60 < len(events) - 600 < 180
    assert Counter(event.model for event in {event.id: event for event in events}.values()) == dict.fromkeys(
        options.model_names, 200
    )
    times = [event.time_ms for event in events]
    assert min(times) > 50_000 - 2_000
    assert max(times) == 50_000
    assert 0.2 < sum(time < 50_000 for time in times) / len(times) < 0.4


def test_batches_are_valid_and_each_has_one_model() -> None:
    options = Options(format="columnar", models=2, partitions=3, disorder=0.5)
    records = list(Traffic(options, 0).predictions(0, 2_000, 50_000, drifted=False))
    batches = [decode_batch(record.value) for record in records]
    assert [batch.model for batch in batches] == ["m0", "m1", "m0", "m1"]
    assert [record.partition for record in records] == [0, 1, 2, 0]
    assert len({text for batch in batches for text in batch.ids.to_list()}) == 2_000


def test_labels_are_those_of_predictions_of_the_same_partition() -> None:
    options = Options(models=2, labels=True)
    traffic = Traffic(options, 1)
    decoder = Decoder(models(options), 10_000)
    for made, said in zip(traffic.predictions(5, 50, 9_000, False), traffic.labels(5, 50, 11_000), strict=True):
        event, label = decoder.prediction(made.value), decoder.label(said.value)
        assert (event.id, event.model, made.partition) == (label.id, label.model, said.partition)
        assert event.features is not None
        assert int(str(label.label)) == (float(str(event.features["f0"])) > 0)


def test_segments_take_all_their_values() -> None:
    options = Options(segments=3)
    decoder = Decoder(models(options), 10_000)
    events = [decoder.prediction(record.value) for record in Traffic(options, 0).predictions(0, 5_000, 9_000, False)]
    assert {(event.features or {})["segment"] for event in events} == {"s0", "s1", "s2"}


def test_quantiles_weigh_windows_by_their_events() -> None:
    found = quantiles(Latencies([3.0, 1.0, 2.0], [1.0, 989.0, 10.0]))
    assert found == {"p50": 1.0, "p90": 1.0, "p99": 2.0, "p999": 2.0, "max": 3.0}
    assert set(quantiles(NONE).values()) == {None}


@pytest.mark.parametrize(
    ("options", "sent", "found", "told"),
    [
        (Options(), Sent(10, 10, 0), outcome(), None),
        (Options(), Sent(10, 10, 0), outcome(counted=8, late=2), None),
        (Options(), Sent(10, 10, 0), outcome(counted=9), "1 of 10 predictions"),
        (Options(duplicates=0.5), Sent(10, 14, 0), outcome(counted=14), None),
        (Options(duplicates=0.5, labels=True), Sent(10, 14, 10), outcome(examples=10, dead_letters=4), None),
        (Options(labels=True), Sent(10, 10, 10), outcome(examples=7), "3 of 10 labels"),
        (Options(), Sent(10, 10, 0), outcome(dead_letters=1), "1 dead letters"),
    ],
)
def test_what_does_not_add_up_is_told(options: Options, sent: Sent, found: Outcome, told: str | None) -> None:
    wrong = problems(options, sent, found)
    assert (not wrong) if told is None else (len(wrong) == 1 and told in wrong[0])


def test_figures_are_of_the_time_in_which_records_were_committed() -> None:
    cpu = [0.0, 1.0, 2.0, 3.0, 9.0]
    committed = [0, 1_000, 2_000, 3_000, 3_000]
    samples = [
        Sample(float(k), done, 3_000 - done, {"collector-0": spent}, {"collector-0": 50.0 + k})
        for k, (done, spent) in enumerate(zip(committed, cpu, strict=True))
    ]
    result = figures(Options(), Sent(3_000, 3_000, 0), outcome(), samples)
    assert (result["events_per_s"], result["cpu_us_per_event"], result["most_lag"]) == (
        1_000,
        {"collector-0": 1e3},
        3_000,
    )
    made = page(result, outcome(), samples)
    assert made.startswith("<!doctype html>")
    assert "cpu us per event" in made
    assert "http" not in made
    assert msgspec.json.encode(result)


def test_each_axis_of_scaling_changes_one_option() -> None:
    for axis, values in AXES.items():
        of = loads(axis, 100_000)
        assert [value for value, _ in of] == list(values)
        for _, load in of:
            assert check(load) is None
            assert load.backlog
            changed = {name for name in Options.__struct_fields__ if getattr(load, name) != getattr(of[0][1], name)}
            assert changed <= {axis if axis != "run_length" else "seconds"}
