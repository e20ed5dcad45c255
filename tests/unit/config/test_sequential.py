"""What is written under ``sequential`` is checked when it is read, and the message says what would do."""

from __future__ import annotations

import pytest

from trimtab.config import DETECTORS, SequentialSpec, config_hash, parse_config
from trimtab.config.model import ModelConfig
from trimtab.errors import ConfigError


def parsed(sequential: str, task: str = "binary", more: str = "") -> ModelConfig:
    text = f"""
models:
  m:
    task: {task}
    features: {{x: {{type: numeric}}}}
    factory: {{class: "p.q:C"}}
    {more}
    sequential: {sequential}
"""
    return parse_config(text, source="t.yaml", environ={}).models["m"]


def test_what_is_written_is_what_is_there() -> None:
    one, two = parsed(
        "[{detector: adwin, on: error, args: {delta: 1e-3}}, {detector: ewma, on: score, quiet: 50}]"
    ).sequential
    assert (one.detector, one.on, one.arguments["delta"], one.arguments["clock"], one.quiet) == (
        "adwin",
        "error",
        0.001,
        32,
        1_000,
    )
    assert (two.detector, two.on, two.args, two.quiet) == ("ewma", "score", {}, 50)
    assert parsed("[]").sequential == ()


@pytest.mark.parametrize("name", DETECTORS)
def test_defaults_are_allowed(name: str) -> None:
    spec = SequentialSpec(detector=name)
    given = {key: value for key, value in spec.arguments.items() if value is not None}
    assert SequentialSpec(detector=name, args=given).arguments == spec.arguments


@pytest.mark.parametrize(
    ("sequential", "task", "says"),
    [
        ("[{detector: adwim}]", "binary", "unknown detector 'adwim' (do you mean adwin?); there are adwin, kswin"),
        ("[{detector: adwin, args: {dleta: 1}}]", "binary", "adwin: unknown argument 'dleta' (do you mean delta?)"),
        ("[{detector: adwin, args: {delta: 1}}]", "binary", "adwin: delta is 1; allowed is a number above 0 below 1"),
        ("[{detector: adwin, args: {clock: 1.5}}]", "binary", "clock is 1.5; allowed is a whole number from 1"),
        ("[{detector: adwin, args: {clock: true}}]", "binary", "clock is True; allowed is a whole number"),
        ("[{detector: ddm, args: {warm_start: '9'}}]", "binary", "ddm: warm_start is '9'; allowed is a whole number"),
        ("[{detector: cusum, args: {sides: down}}]", "binary", "cusum: sides is 'down'; allowed is upper or both"),
        ("[{detector: hddm_a, args: {two_sided_test: 1}}]", "binary", "two_sided_test is 1; allowed is true or false"),
        ("[{detector: kswin, args: {window_size: 150}}]", "binary", "at least twice stat_size, which is 100"),
        (
            "[{detector: ewma, args: {weight: 0}}]",
            "binary",
            "weight is 0; allowed is a number from 0.001 up to 1",
        ),
        ("[{detector: ddm, on: score}]", "binary", "ddm takes right or wrong only, and a score is a real number"),
        ("[{detector: eddm}]", "regression", "eddm takes right or wrong only, and the error of a regression is"),
        ("[{detector: hddm_w}]", "regression", "or take one of adwin, kswin, page_hinkley, cusum, ewma"),
        ("[{detector: adwin}, {detector: adwin}]", "binary", "adwin on error is there twice"),
        ("[{detector: adwin, on: loss}]", "binary", "sequential[0].on"),
        ("[{detector: adwin, quit: 3}]", "binary", "did you mean 'quiet'?"),
        ("[{detector: adwin, quiet: 0}]", "binary", "sequential[0].quiet"),
    ],
)
def test_what_is_wrong_is_said(sequential: str, task: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(sequential, task)
    assert says in str(refused.value)
    assert "models.m" in str(refused.value)


def test_without_labels_there_is_nothing_to_look_at() -> None:
    with pytest.raises(ConfigError, match="labels is false"):
        parsed("[{detector: adwin}]", more="labels: false")


def test_it_is_part_of_the_fingerprint() -> None:
    assert len({config_hash(parsed(text)) for text in ("[]", "[{detector: adwin}]", "[{detector: cusum}]")}) == 3
