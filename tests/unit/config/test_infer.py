"""A first configuration from a table: what is guessed, that it parses, and what is refused."""

from __future__ import annotations

import gzip
import importlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trimtab.cli.init import init
from trimtab.config import FactorySpec, ModelConfig, parse_config
from trimtab.config.infer import InferredConfig, infer_config, render_yaml
from trimtab.errors import ConfigError

# Rows of the real sets, as they are written there.
ELEC2 = """period,nswprice,nswdemand,vicprice,vicdemand,transfer,up
0.0,0.05644299999999999,0.439155,0.003467,0.422915,0.414912,1
0.021277,0.051699,0.415055,0.003467,0.422915,0.414912,1
0.042553,0.051489,0.385004,0.003467,0.422915,0.414912,0
"""
WEATHER = """\
temperature,dew_point,sea_level_pressure,visibility,wind_speed,max_wind_speed,max_temp,min_temp,rain
19.8,14.0,1019.6,8.4,9.9,15.9,28.9,14.0,0
26.8,22.2,5503.8,8.1,10.9,19.0,34.0,21.0,1
"""
SEA = """attrib1,attrib2,attrib3,cl
0.080429,8.397187,7.074928,0
1.42074,7.504724,0.000096,1
"""


def write(folder: Path, text: str, name: str = "table.csv") -> Path:
    path = folder / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def infer(path: Path, **options: Any) -> InferredConfig:
    return infer_config(path, **{"label": None, "name": None, **options})


def model(path: Path, **options: Any) -> ModelConfig:
    """The model that the written file holds."""
    text = render_yaml(infer(path, **options))
    (found,) = parse_config(text, source="t.yaml", environ={}).models.values()
    return found


def column(values: Sequence[object], name: str = "y") -> str:
    """A table of a numeric feature and one column."""
    return f"x,{name}\n" + "".join(f"{i}.5,{value}\n" for i, value in enumerate(values))


@pytest.mark.parametrize(
    ("name", "text", "features"), [("elec2", ELEC2, 6), ("weather", WEATHER, 8), ("sea_stream", SEA, 3)]
)
def test_the_real_sets_parse(tmp_path: Path, name: str, text: str, features: int) -> None:
    config = infer(write(tmp_path, text, f"{name}.csv.gz"))
    parsed = parse_config(render_yaml(config), source="t.yaml", environ={})
    assert list(parsed.models) == [name]
    found = parsed.models[name]
    assert (found.task, len(found.numeric), found.categorical) == ("binary", features, ())
    assert [step.cls for step in found.factory.pipeline] == [
        "river.preprocessing:StandardScaler",
        "river.linear_model:LogisticRegression",
    ]
    assert parsed == parse_config(repr(dict(config)).replace("'", '"'), source="t.yaml", environ={})


class TestTask:
    @pytest.mark.parametrize(
        ("labels", "task", "classes"),
        [
            ([0, 1, 1], "binary", ()),
            (["0.0", "1.0"], "binary", ()),
            (["true", "false"], "binary", ()),
            (["yes", "no"], "multiclass", ("no", "yes")),
            ([2, 1], "multiclass", ("1", "2")),
            ([10, 9, 8], "multiclass", ("8", "9", "10")),
            (["3.0", "1.0", "2.0"], "multiclass", ("1", "2", "3")),
            (["a", "b", "", "c"], "multiclass", ("a", "b", "c")),
            (list(range(20)), "multiclass", tuple(str(i) for i in range(20))),
            (list(range(21)), "regression", ()),
            ([0.5, 1.5, 2.5], "regression", ()),
        ],
    )
    def test_by_the_label(self, tmp_path: Path, labels: list[Any], task: str, classes: tuple[str]) -> None:
        found = model(write(tmp_path, column(labels)))
        assert (found.task, found.classes) == (task, classes)

    def test_regression_alarms_at_a_quarter_of_the_deviation(self, tmp_path: Path) -> None:
        found = model(write(tmp_path, column([0.5, 8.5, 0.5, 8.5, 4.5])))
        (test,) = found.performance
        assert (test.metric, test.max_drop) == ("mae", 0.89)
        assert found.factory.pipeline[-1].cls == "river.linear_model:LinearRegression"


class TestFeatures:
    def test_types_and_domain(self, tmp_path: Path) -> None:
        path = write(tmp_path, "n,i,t,b,zip,y\n0.00001,3,no,true,007,0\nNA,-4,a b,false,012,1\ninf,5,,,,1\n")
        found = model(path)
        dumped = {name: spec.model_dump(exclude={"type"}) for name, spec in found.features.items()}
        assert dumped == {
            "n": {"min": 0.00001, "max": 0.00001},
            "i": {"min": -4.0, "max": 5.0},
            "t": {"values": ("a b", "no")},
            "b": {"values": ("0", "1")},
            "zip": {"values": ("007", "012")},
        }

    def test_many_categories_are_not_listed_and_identifiers_left_out(self, tmp_path: Path) -> None:
        rows = "".join(f"k{i % 60},u{i},2020-01-{1 + i % 28:02},,{i % 2}\n" for i in range(180))
        config = infer(write(tmp_path, "kind,user,day,none,y\n" + rows))
        assert config["models"]["table"]["features"] == {"kind": {"type": "categorical"}}
        assert config.notes[1:] == (
            "Left out: 'user' (180 distinct texts: an identifier?).",
            "Left out: 'day' (times; --time names the event time).",
            "Left out: 'none' (no values).",
        )

    @pytest.mark.parametrize("name", ["a: b", "#x", "yes", "1", "task", 'q"', "é", "a\u2028b", "{", "1e5", "~"])
    def test_any_name_survives_the_file(self, tmp_path: Path, name: str) -> None:
        quoted = '"' + name.replace('"', '""') + '"'
        path = write(tmp_path, f"{quoted},s,y\n1.5,{quoted},0\n2.5,z,1\n")
        found = model(path)
        assert found.numeric == (name,)
        assert set(found.features["s"].model_dump()["values"]) == {name, "z"}


class TestFactory:
    def spec(self, folder: Path, header: str, rows: str) -> FactorySpec:
        return model(write(folder, f"{header},y\n{rows}")).factory

    def test_only_categories(self, tmp_path: Path) -> None:
        first, _ = self.spec(tmp_path, "c", "a,0\nb,1\n").pipeline
        assert first.cls == "river.preprocessing:OneHotEncoder"

    @pytest.mark.parametrize("labels", [(0, 1), ("p", "q"), (0.5, 1.5, 2.5)])
    def test_mixed_features_make_a_river_pipeline_that_learns(self, tmp_path: Path, labels: tuple[Any, ...]) -> None:
        from river import compose

        rows = "".join(f"{i},{'ab'[i % 2]},{labels[i % len(labels)]}\n" for i in range(6))
        steps = []
        for step in self.spec(tmp_path, "n,c", rows).pipeline:
            module, _, name = (step.cls or step.function or "").partition(":")
            steps.append(getattr(importlib.import_module(module), name)(**step.args))
        pipeline = compose.Pipeline(*steps)
        x: dict[str, Any]
        for i in range(50):
            # Each feature may be absent from an event.
            x = {"n": i * 1.0, "c": "ab"[i % 2]} if i % 7 else {"n": 1.0} if i % 2 else {"c": "a"}
            pipeline.predict_one(x)
            pipeline.learn_one(x, labels[i % len(labels)])
        assert pipeline.predict_one({"n": 1.0, "c": "new"}) is not None
        assert set(pipeline[0].transform_one({"n": 1.0, "c": "a"})) == {"n", "c_a", "c_b"}


class TestWindow:
    @pytest.mark.parametrize(
        ("times", "size"),
        [
            ([f"2020-01-01T00:{minute:02}:00Z" for minute in range(0, 60, 2)], "30m"),
            ([f"2020-01-{day:02}" for day in range(1, 31)], "4w"),
            ([1_577_836_800 + 60 * i for i in range(30)], "15m"),
            ([1_577_836_800_000 + i for i in range(30)], "20ms"),
            ([1_577_836_800_000_000_000 + 604_800_000_000_000 * i for i in range(30)], "20w"),
        ],
    )
    def test_spans_the_rows_wanted(self, tmp_path: Path, times: list[Any], size: str) -> None:
        rows = "".join(f"{time},{i}.5,{i % 2}\n" for i, time in enumerate(times))
        config = infer(write(tmp_path, "when,x,y\n" + rows), time="when")
        found = config["models"]["table"]
        assert found["window"] == {"size": size, "min_count": 4}
        assert list(found["features"]) == ["x"]

    def test_rows_are_a_second_apart_without_a_time(self, tmp_path: Path) -> None:
        config = infer(write(tmp_path, column([i % 2 for i in range(6_000)])), name="m", rows=5_500)
        assert config["models"]["m"]["window"] == {"size": "500s", "min_count": 100}
        assert config["models"]["m"]["first_version_after"] == 550
        assert config.notes == (
            "From the first 5,500 rows of 'table.csv'; label 'y', no time column: rows count as one second apart.",
        )


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "Kredit März.parquet"
    table = pa.table(
        {
            "when": pa.array([datetime(2020, 1, 1 + i, tzinfo=UTC) for i in range(4)], pa.timestamp("ns", "UTC")),
            "n": [1.5, float("nan"), 3.5, None],
            "digits": ["1", "2", "3", "1"],
            "flag": [True, False, None, True],
            "list": [[1], [2], [3], [4]],
            "y": [False, True, True, None],
        }
    )
    pq.write_table(table, path)
    config = infer(path, time="when", rows=3)
    found = config["models"]["Kredit-M-rz"]
    assert found["task"] == "binary"
    assert found["features"] == {
        "n": {"type": "numeric", "min": 1.5, "max": 3.5},
        "digits": {"type": "categorical", "values": ["1", "2", "3"]},
        "flag": {"type": "categorical", "values": ["0", "1"]},
    }
    assert config.notes[1:] == ("Left out: 'list' (neither number nor text).",)


@pytest.mark.parametrize(
    ("name", "data", "options", "expected"),
    [
        ("t.xlsx", b"x", {}, "unsupported file type; give a .csv, .csv.gz or .parquet file"),
        ("t.csv", b"", {}, "the file is empty"),
        ("t.csv", b"\n\n", {}, "the file is empty"),
        ("t.csv.gz", gzip.compress(b""), {}, "the file is empty"),
        ("t.csv.gz", b"a,b\n", {}, "not a whole gzip file; write it again"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-9], {}, "not a whole gzip file; write it again"),
        ("t.parquet", b"nonsense", {}, "not a Parquet file that can be read (ArrowInvalid)"),
        ("t.csv", b"a,b\n", {}, "there is a header but no rows; add data"),
        ("t.csv", b"a,b\n\xff,1\n", {}, "not UTF-8 text; convert it, for example with iconv -t UTF-8"),
        ("t.csv", b"a,b,a\n1,2,3\n", {}, "two columns are named 'a'; rename one"),
        ("t.csv", b",b\n1,2\n", {}, "column 1 has no name; give it one, or leave it out"),
        ("t.csv", b"a,b\n1,2\n3\n", {}, ":3: 1 values, but the header names 2"),
        ("t.csv", b"a,b\n1,2\n3,2\n", {}, "label 'b' is always '2'; choose another with --label"),
        ("t.csv", b"a,b\n1,\n3,\n", {}, "label 'b' is always missing; choose another with --label"),
        ("t.csv", b"a;b\n1;0\n2;1\n3;0\n", {}, "no column is left as a feature beside label 'a;b'; "
         "is the delimiter a comma?"),
        ("t.csv", b"price,b\n1,2\n", {"label": "prize"}, "--label: no column 'prize'; did you mean 'price'?"),
        ("t.csv", b"a,b\n1,2\n", {"time": "zzz"}, "--time: no column 'zzz'; the columns are a, b"),
        ("t.csv", b"a,b\n1,2\n", {"time": "a", "label": "a"}, "'a' cannot be both --label and --time"),
        ("t.csv", b"a\n1\n", {"time": "a"}, "only one column; a label and a feature are needed"),
        ("t.csv", b"a,x,b\n5,1,0\n5,2,1\n", {"time": "a"}, "time 'a' does not advance; choose another "
         "with --time"),
        ("t.csv", b"a,x,b\nz,1,0\nw,2,1\n", {"time": "a"}, "time 'a' holds 'z' in row 0; write ISO 8601 or "
         "milliseconds since 1970"),
    ],
)  # fmt: skip
def test_refuses(tmp_path: Path, name: str, data: bytes, options: dict[str, str], expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        infer(path, **options)
    assert str(caught.value) == f"{path}{'' if expected.startswith(':') else ': '}{expected}"


def test_refuses_more(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        infer(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        infer(tmp_path / "folder.csv")
    with pytest.raises(ConfigError, match="--name 'a b': letters, digits"):
        infer(write(tmp_path, SEA), name="a b")
    with pytest.raises(ConfigError, match="is text with 30 distinct values, more than 20 classes"):
        infer(write(tmp_path, column([f"v{i}" for i in range(30)])))
    with pytest.raises(ConfigError, match="label 'y' is neither number nor text"):
        infer(write(tmp_path, column(["2020-01-01", "2020-01-02", "2020-01-03"])))


class TestInit:
    def test_writes_once(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        data, out = write(tmp_path, SEA, "sea.csv"), tmp_path / "trimtab.yaml"
        init(data, out=out)
        assert capsys.readouterr().out.endswith(f"Wrote {out}: model sea, binary, 3 features.\n")
        with pytest.raises(ConfigError, match=r"exists already; give another --out, or --force"):
            init(data, out=out)
        init(data, name="other", out=out, force=True)
        assert list(parse_config(out.read_text(), source="t", environ={}).models) == ["other"]

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
            init(write(tmp_path, SEA), out=tmp_path / "none" / "trimtab.yaml")

    def test_on_the_command_line(self, tmp_path: Path) -> None:
        import typer
        from typer.testing import CliRunner

        app = typer.Typer()
        app.command()(init)
        out = tmp_path / "t.yaml"
        options = ["--label", "attrib1", "--out", str(out)]
        result = CliRunner().invoke(app, [str(write(tmp_path, SEA)), *options])
        assert result.exit_code == 0, result.output
        assert "# A first guess by `trimtab init`" in out.read_text()


def test_a_column_that_is_nearly_all_numbers_is_a_number_and_the_rest_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{k / 7:.3f},{k % 2}" for k in range(200)] + ["abc,1", ",0", "abd,0"]
    path.write_text("x,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    config = infer_config(path, label="y", name="m")
    assert config["models"]["m"]["features"] == {"x": {"type": "numeric", "min": 0.0, "max": 28.429}}
    assert config.notes[1] == ("'x' is numeric but for 2 values, such as 'abc' in row 200; those rows will be refused.")


def test_a_corrupt_value_is_not_taken_for_the_domain(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{k % 50},{k % 2}\n" for k in range(400)) + "1e6,1\n", encoding="utf-8")
    config = infer_config(path, label="y", name="m")
    assert config["models"]["m"]["features"]["x"] == {"type": "numeric", "min": 0, "max": 49}
    assert config.notes[1] == ("'x': 1 values far beyond all others, such as 1000000.0, are not taken for its domain.")


def test_values_at_the_end_of_what_floats_hold_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{1e308 if k % 50 == 0 else k % 7},{k % 2}\n" for k in range(400)))
    assert infer_config(path, label="y", name="m")["models"]["m"]["features"]["x"]["max"] == 1e308


def test_one_row_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,0\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="label 'y' has one value; add rows"):
        infer_config(path, label="y", name="m")
