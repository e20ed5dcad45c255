"""A backtest finds what live would have found, says where, and refuses what live would refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trimtab.backtest import backtest, read_history, reference_of
from trimtab.backtest.report import About, iso, report
from trimtab.cli.main import run
from trimtab.config import DriftSpec, ModelConfig
from trimtab.drift import DOMAIN, evaluate
from trimtab.errors import ConfigError
from trimtab.profiles import PREDICTION, NumericProfile, WindowProfile

ROWS, SHIFT = 4_000, 3_000


def model(**other: Any) -> ModelConfig:
    return ModelConfig.model_validate(
        {
            "task": "binary",
            "features": {"x": {"type": "numeric"}, "y": {"type": "numeric"}, "c": {"type": "categorical"}},
            "columns": {"label": "label", "prediction": "p", "score": "s", "time": "t"},
            "window": {"size": "100s", "min_count": 50},
            "performance": [{"metric": "accuracy", "max_drop": 0.2}],
            "first_version_after": 1_000,
            "factory": {"class": "river.linear_model:LogisticRegression"},
            **other,
        }
    )


def lines(shift: bool = True) -> list[str]:
    draw = np.random.default_rng(2)
    out = ["t,x,y,c,label,p,s"]
    for row in range(ROWS):
        late = shift and row >= SHIFT
        x, y = draw.normal() + (2 if late else 0), draw.normal()
        label = int(draw.random() < 0.5)
        predicted = 1 - label if late and draw.random() < 0.5 else label
        out.append(
            f"{1_700_000_000 + row},{x:.6f},{y:.6f},{'ab'[row % 2]},{label},{predicted},{0.5 + predicted / 3:.3f}"
        )
    return out


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    return path


def found_in(path: Path, spec: ModelConfig) -> dict[str, Any]:
    history = read_history(path, spec)
    before, rest = history.take(slice(0, 1_000)), history.take(slice(1_000, None))
    reference = reference_of("m", spec, before)
    return report("m", spec, backtest("m", spec, reference, rest), About.of(rest))


def test_it_finds_what_changed_and_where(table: Path) -> None:
    found = found_in(table, model())
    assert {(alert["kind"], alert["feature"]) for alert in found["alerts"]} == {
        ("drift", "x"),
        ("performance", "accuracy"),
    }
    assert all(SHIFT <= alert["row"] <= SHIFT + 200 for alert in found["alerts"])
    drift = next(alert for alert in found["alerts"] if alert["kind"] == "drift")
    assert drift["effect"] > 0.2
    assert drift["p_value"] < 1e-6
    assert drift["event_time"].startswith("2023-11-14T23:0")
    inputs = [window for window in found["windows"] if window["kind"] == "inputs"]
    assert sum(window["count"] for window in inputs) == ROWS - 1_000
    assert inputs[0]["first_row"] == 1_000
    assert inputs[-1]["last_row"] == ROWS - 1


def test_its_statistics_are_those_of_the_rows(table: Path) -> None:
    spec = model(drift={"method": "thresholds"})
    history = read_history(table, spec)
    reference = reference_of("m", spec, history.take(slice(0, 1_000)))
    window = next(w for w in found_in(table, spec)["windows"] if w["first_row"] > SHIFT)
    rows = slice(window["first_row"], window["last_row"] + 1)
    values = history.features.numbers[0][rows]
    profile = WindowProfile(values.size, {"x": NumericProfile.of(values, reference.frame("x"))})
    [verdict] = evaluate(reference, profile, DriftSpec(method="thresholds"), 50, ["x"])
    assert window["features"]["x"]["status"] == verdict.status == "drift"
    for name, measured in verdict.measured.items():
        assert window["features"]["x"]["statistics"][name]["value"] == measured.value


def test_without_drift_nothing_fires(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines(shift=False)) + "\n", encoding="utf-8")
    assert found_in(path, model())["alerts"] == []


@pytest.mark.parametrize("reference", [{}, {"from": "moving", "windows": 8, "least": 5}])
def test_rows_that_only_together_changed_are_found(tmp_path: Path, reference: dict[str, Any]) -> None:
    draw, out = np.random.default_rng(3), ["t,x,y,c"]
    for row in range(ROWS):
        x, noise = draw.normal(size=2)
        sign = -1 if row >= SHIFT else 1
        out.append(f"{1_700_000_000 + row},{x:.6f},{sign * 0.9 * x + 0.44 * noise:.6f},{'ab'[int(draw.integers(2))]}")
    path = tmp_path / "t.csv"
    path.write_text("\n".join(out) + "\n", encoding="utf-8")
    drift = {"domain_classifier": True, "false_alarms": "1 per 1h"}
    spec = model(drift=drift, reference=reference, columns={"time": "t"}, performance=[])
    found = found_in(path, spec)
    assert [(alert["kind"], alert["feature"]) for alert in found["alerts"]] == [("drift", DOMAIN)]
    [alert] = found["alerts"]
    assert SHIFT <= alert["row"] <= SHIFT + 200
    assert alert["effect"] > 0.1
    assert found_in(path, model(reference=reference, columns={"time": "t"}, performance=[]))["alerts"] == []


def test_rows_that_live_would_refuse_are_named(tmp_path: Path) -> None:
    text = lines()
    text[5] = text[5].replace(",a,", ",a,").rsplit(",", 1)[0] + ",7.5"
    text[2_005] = ",".join(["1700002004", "seven", *text[2_005].split(",")[2:]])
    path = tmp_path / "t.csv"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    history = read_history(path, model())
    assert len(history) == ROWS - 2
    assert history.refused[4] == "s: 7.5 is not a probability from 0 to 1"
    assert "'seven'" in history.refused[2_004]
    found = found_in(path, model())
    assert set(found["refused"]) == {"4", "2004"}


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "d.csv").write_text(text, encoding="utf-8")
    (tmp_path / "trimtab.yaml").write_text(
        "models: {m: {task: binary, first_version_after: 20, window: {size: 20s, min_count: 5}, columns: {label: up}, "
        "features: {x: {type: numeric}}, factory: {class: 'river.linear_model:LogisticRegression'}}}",
        encoding="utf-8",
    )
    return tmp_path / "d.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,up\n1,0\n", "no column 'x', which the configuration names as a feature"),
        ("x,down\n1,0\n", "no column 'up', which the configuration names as columns.label"),
        ("x,up\n", "no rows"),
        ("x,up\n" + "1,0\n" * 20, "none is left to be tested"),
        ("x,up\n" + "one,0\n" * 30, "no row can be used; row 0: x: 'one' where a number is expected"),
        (
            "x,up\n" + "1,0\n" * 20 + "one,0\n" * 9,
            "none is left to be tested (9 more would be refused, such as row 20: x: 'one' where a number is expected)",
        ),
    ],
)
def test_bad_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    path = write(tmp_path, text)
    assert run(["backtest", str(path), "--config", str(tmp_path / "trimtab.yaml")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "expected", "warned"),
    [
        ([str(k % 9) for k in range(80)], {"too_few"}, "x (20); at least 30 are needed"),
        (["5"] * 40 + [str(k % 9) for k in range(40)], {"drift"}, ""),
        (["5"] * 80, {"ok"}, ""),
        ([""] * 80, {"no_reference"}, "x (0); at least 30 are needed"),
        (["", *[str(k % 9) for k in range(39)], *[""] * 40], {"missing"}, ""),
        ([*[str(k % 9) for k in range(40)], *["5"] * 40], {"quality"}, ""),
        ([*[str(k % 9) for k in range(40)], *["one", "2"] * 20], {"refused"}, "20 rows would be refused"),
    ],
)
def test_bad_values_have_a_status_or_an_alarm(
    tmp_path: Path, values: list[str], expected: set[str], warned: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too few in the reference, one value, all missing, wrong types: what is said is said on purpose."""
    path = write(tmp_path, "x,up\n" + "".join(f"{value},{k % 2}\n" for k, value in enumerate(values)))
    out, rows = tmp_path / "out.json", "20" if expected == {"too_few"} else "40"
    config = tmp_path / "trimtab.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("first_version_after: 20", f"first_version_after: {rows}"), encoding="utf-8")
    assert run(["backtest", str(path), "--config", str(config), "--json", str(out)]) == 0
    said = capsys.readouterr().out
    assert warned in said
    assert ("warning" in said) == ("at least 30" in warned)
    found = json.loads(out.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(f"{name} in it"))
    statuses = {window["features"]["x"]["status"] for window in found["windows"] if window["kind"] == "inputs"}
    kinds = {alert["feature"].strip("()") if "(" in alert["feature"] else alert["kind"] for alert in found["alerts"]}
    assert expected <= statuses | kinds
    assert found["reference"]["too_few"].keys() == ({"x"} if "at least" in warned else set())


@pytest.mark.parametrize("values", [["5"] * 80, [""] * 80, ["1"] * 20 + [""] * 60, [str(k % 3) for k in range(80)]])
def test_nothing_is_ever_nan(tmp_path: Path, values: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "x,up\n" + "".join(f"{value},{k % 2}\n" for k, value in enumerate(values)))
    out = tmp_path / "out.json"
    code = run(["backtest", str(path), "--config", str(tmp_path / "trimtab.yaml"), "--json", str(out)])
    assert code == 0, capsys.readouterr().err
    json.loads(out.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(f"{name} in the result"))


def test_many_refused_rows_are_an_alarm_of_their_own(tmp_path: Path) -> None:
    text = lines(shift=False)
    for row in range(2_010, 2_090, 8):
        text[row] = text[row].replace(",a,", ",a,").rsplit(",", 1)[0] + ",7.5"
    path = tmp_path / "t.csv"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    found = found_in(path, model())
    [alert] = found["alerts"]
    assert (alert["kind"], alert["feature"], alert["statistic"]) == ("quality", "(refused)", "refused")
    # 10 of them among 90 predictions and as many labels.
    assert alert["effect"] == 10 / 190
    assert 2_090 <= alert["row"] <= 2_101
    assert alert["resolved_row"] > alert["row"]


def test_a_stream_that_ends_in_refused_rows_is_told_of(tmp_path: Path) -> None:
    spoilt = [line if row < 2_000 else line.replace(",", ",no", 1) for row, line in enumerate(lines(shift=False))]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(spoilt) + "\n", encoding="utf-8")
    found = found_in(path, model())
    [alert] = found["alerts"]
    assert (alert["kind"], alert["feature"], alert["effect"]) == ("quality", "(refused)", 1.0)
    assert alert["row"] == 1_999
    assert len(found["refused"]) == ROWS - 1_999


def test_without_a_time_column_nothing_is_said_of_time(table: Path) -> None:
    timed, untimed = (
        found_in(table, model(columns={"label": "label", "prediction": "p", "score": "s", **time}))
        for time in ({"time": "t"}, {})
    )
    assert timed["budget"]["days"] > 0
    assert timed["budget"]["expected"] is not None
    assert (untimed["budget"]["days"], untimed["budget"]["expected"]) == (None, None)


def test_alarms_in_windows_that_the_data_does_not_fill_are_counted_apart(table: Path) -> None:
    found = found_in(table, model(window={"size": "1600s", "min_count": 50}))
    assert found["cut_alarms"] == sum(alert["cut"] for alert in found["alerts"]) > 0


def test_rows_refused_in_the_reference_were_never_played(tmp_path: Path) -> None:
    text = lines(shift=False)
    for row in range(510, 590):
        text[row] = text[row].rsplit(",", 1)[0] + ",7.5"
    path = tmp_path / "t.csv"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    found = found_in(path, model())
    assert len(found["refused"]) == 80
    assert found["alerts"] == []


def test_a_window_with_far_fewer_rows_is_an_alarm_but_not_one_that_the_data_does_not_fill(tmp_path: Path) -> None:
    text = lines(shift=False)
    del text[3_310:3_390]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(text[:-50]) + "\n", encoding="utf-8")
    found = found_in(path, model(quality={"volume": 2.0}, first_version_after=1_000))
    [alert] = found["alerts"]
    assert (alert["feature"], alert["statistic"]) == ("(volume)", "volume")
    assert alert["effect"] == pytest.approx(0.2, abs=0.01)
    windows = [window for window in found["windows"] if window["kind"] == "inputs"]
    assert [window["cut"] for window in windows] == [*[False] * (len(windows) - 1), True]


def test_a_last_window_that_is_full_is_not_cut(tmp_path: Path) -> None:
    path = write(tmp_path, "x,up\n" + "".join(f"{k % 7},{k % 2}\n" for k in range(80)))
    out = tmp_path / "out.json"
    assert run(["backtest", str(path), "--config", str(tmp_path / "trimtab.yaml"), "--json", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert [window["cut"] for window in found["windows"]] == [False] * 3


def test_corrupt_pressures_are_no_drift(tmp_path: Path) -> None:
    """As of the Nebraska weather: two pressures of 5503 hPa among half a thousand."""
    draw = np.random.default_rng(9)
    pressures = draw.normal(1_016, 6, 3_000)
    pressures[[2_195, 2_196]] = 5_503.8, 5_503.1
    path = tmp_path / "t.csv"
    path.write_text("x,up\n" + "".join(f"{p:.1f},{k % 2}\n" for k, p in enumerate(pressures)), encoding="utf-8")
    config, out = tmp_path / "trimtab.yaml", tmp_path / "out.json"
    assert run(["init", str(path), "--label", "up", "--out", str(config)]) == 0
    assert run(["backtest", str(path), "--config", str(config), "--json", str(out)]) == 0
    [alert] = json.loads(out.read_text(encoding="utf-8"))["alerts"]
    assert (alert["kind"], alert["feature"], alert["statistic"]) == ("quality", "x", "corrupt")
    assert alert["effect"] == 2 / alert["count"]
    assert 2_196 < alert["row"] <= 2_196 + alert["count"]


def test_two_configurations_and_a_plot(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "trimtab.yaml"
    options = ["--label", "label", "--prediction", "p", "--score", "s", "--time", "t"]
    assert run(["init", str(table), *options, "--out", str(config)]) == 0
    other = tmp_path / "other.yaml"
    other.write_text(
        config.read_text(encoding="utf-8").replace("    window:", "    drift: {thresholds: {psi: 99.0}}\n    window:"),
        encoding="utf-8",
    )
    out, png = tmp_path / "out.json", tmp_path / "out.png"
    arguments = ["--config", str(config), "--against", str(other), "--json", str(out), "--plot", str(png)]
    assert run(["backtest", str(table), *arguments, "--healthy-until", str(SHIFT)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["false_alarms"] == 0
    assert {alert["feature"] for alert in found["alerts"]} == {"x", "accuracy"}
    assert {alert["feature"] for alert in found["against"]["alerts"]} == {"accuracy"}
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "of the first alone 1" in capsys.readouterr().out


def test_accuracy_that_is_lower_by_chance_is_no_alarm(tmp_path: Path) -> None:
    """Windows of 60 labels scatter by more than the drop that is asked for."""
    draw = np.random.default_rng(3)
    rows = ["x,label,p"]
    for _ in range(6_000):
        label = int(draw.random() < 0.5)
        rows.append(f"{draw.normal():.4f},{label},{label if draw.random() < 0.75 else 1 - label}")
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    settings = {
        "features": {"x": {"type": "numeric"}},
        "columns": {"label": "label", "prediction": "p"},
        "window": {"size": "60s", "min_count": 50},
        "performance": [{"metric": "accuracy", "max_drop": 0.05}],
    }
    found = [alert["feature"] for alert in found_in(path, model(**settings))["alerts"]]
    assert found == []
    loud = found_in(path, model(**settings, drift={"method": "thresholds"}))
    assert "accuracy" in [alert["feature"] for alert in loud["alerts"]], "without the test it would be one"


def test_a_time_that_is_none_is_one_row_less(tmp_path: Path) -> None:
    text = lines()
    text[60] = "," + text[60].split(",", 1)[1]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    history = read_history(path, model())
    assert len(history) == ROWS - 1
    assert history.refused[59] == "t: null is no time; send milliseconds since 1970 or ISO 8601"


def test_a_boolean_column_is_in_its_own_domain(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    draw = np.random.default_rng(4)
    rows = [f"{draw.random() < 0.4},{draw.normal():.3f},{k % 2}" for k in range(3_000)]
    path.write_text("\n".join(["flag,x,y", *rows]) + "\n", encoding="utf-8")
    config, out = tmp_path / "trimtab.yaml", tmp_path / "out.json"
    assert run(["init", str(path), "--label", "y", "--out", str(config)]) == 0
    assert run(["backtest", str(path), "--config", str(config), "--json", str(out)]) == 0
    assert json.loads(out.read_text(encoding="utf-8"))["alerts"] == []


DETECTORS = [{"detector": "cusum", "quiet": 300}, {"detector": "kswin", "on": "score"}, {"detector": "eddm"}]


def test_sequential_detectors_say_the_row(tmp_path: Path) -> None:
    """Half of all labels are predicted wrong from SHIFT on; the score says nothing new."""
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    found = [alert for alert in found_in(path, model(sequential=DETECTORS))["alerts"] if alert["kind"] == "sequential"]
    cusum = next(alert for alert in found if alert["statistic"] == "cusum")
    assert SHIFT <= cusum["row"] < SHIFT + 60
    assert (cusum["feature"], cusum["p_value"]) == ("error", None)
    assert 0.2 < cusum["effect"] < 0.8
    assert cusum["event_time"] == iso(1_000 * (1_700_000_000 + cusum["row"]))
    assert cusum["count"] == cusum["row"] - 1_000 + 1
    assert cusum["resolved_row"] is None or cusum["resolved_row"] > cusum["row"] + 299


def test_windows_are_the_same_with_sequential_detectors(table: Path) -> None:
    alone, both = found_in(table, model()), found_in(table, model(sequential=DETECTORS))
    assert alone["windows"] == both["windows"]
    assert alone["alerts"] == [alert for alert in both["alerts"] if alert["kind"] != "sequential"]


def test_sequential_detectors_want_labels_and_predictions(table: Path) -> None:
    spec = model(sequential=DETECTORS, performance=[], columns={"label": "label", "score": "s", "time": "t"})
    with pytest.raises(ConfigError, match=r"columns\.prediction"):
        found_in(table, spec)


def test_the_words_say_which_alarms_no_budget_covers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    spec = model(sequential=[{"detector": "cusum", "quiet": 300}]).model_dump(mode="json", by_alias=True)
    (tmp_path / "c.yaml").write_text(json.dumps({"models": {"m": spec}}), encoding="utf-8")
    assert run(["backtest", str(path), "--config", str(tmp_path / "c.yaml")]) == 0
    said = capsys.readouterr().out
    assert "alarms (1 of sequential detectors, outside any budget) in" in said
    assert " sequential  " in said


def test_a_reference_may_have_the_features_alone(table: Path, tmp_path: Path) -> None:
    rows = [line.split(",")[1:4] for line in lines()]
    bare = tmp_path / "features.csv"
    bare.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no column 'label'"):
        read_history(bare, model())
    before = read_history(bare, model(), features_only=True)
    made = reference_of("m", model(), before)
    whole = reference_of("m", model(), read_history(table, model()))
    assert made.metrics == {}
    assert PREDICTION not in made.profile.categorical
    assert made.profile.numeric["x"] == whole.profile.numeric["x"]
    (tmp_path / "x.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no column 'c'"):
        read_history(tmp_path / "x.csv", model(), features_only=True)


def test_what_a_file_has_no_use_for_is_refused(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "trimtab.yaml"
    assert run(["init", str(table), "--label", "label", "--out", str(config)]) == 0
    capsys.readouterr()
    for options, said in (
        (["--since", "7d"], "--since goes with --from-topic"),
        (["--plot", str(tmp_path / "none" / "x.png")], "make it first"),
        (["--json", str(tmp_path / "none" / "x.json")], "make it first"),
    ):
        assert run(["backtest", str(table), "--config", str(config), *options]) == 2
        assert said in capsys.readouterr().err
