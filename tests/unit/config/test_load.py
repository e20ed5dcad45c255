"""trimtab.yaml and the environment: what is taken, and the one line that says what is wrong."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
import yaml

from trimtab.config import CategoricalFeature, Config, load_config, parse_config
from trimtab.errors import ConfigError

BASE = """\
models:
  credit-eu:
    task: binary
    features:
      amount: {type: numeric, min: 0}
      plan: {type: categorical, values: [no, 007, x]}
    factory: {class: "a.b:C", args: {rate: 1e-6, since: 2020-01-01}}
"""
SECRET = "hunter2"
MANY = f"{{type: categorical, values: {[str(k) for k in range(499)]}}}"


def parse(text: str, **variables: str) -> Config:
    environ = {f"TRIMTAB_{name}": value for name, value in variables.items()}
    return parse_config(text, source="t.yaml", environ=environ)


def error(text: str, **variables: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, **variables)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


class TestYaml:
    def test_scalars_are_those_of_yaml_1_2(self) -> None:
        model = parse(BASE).models["credit-eu"]
        plan = model.features["plan"]
        assert isinstance(plan, CategoricalFeature)
        assert plan.values == ("no", "007", "x")
        assert model.factory.args == {"rate": 1e-6, "since": "2020-01-01"}

    def test_merged_mappings_and_durations(self) -> None:
        text = (
            BASE
            + "    window: &w {size: 7d, min_count: 1_000}\n"
            + BASE.split("\n", 1)[1].replace("credit-eu", "other")
        )
        config = parse(text + "    window: {<<: *w, size: 1h}\n")
        assert config.models["credit-eu"].window.size == 604_800_000
        assert config.models["other"].window.size == 3_600_000
        assert config.models["other"].window.min_count == 1_000

    def test_nested_factories_stay_plain(self) -> None:
        text = BASE.replace("rate: 1e-6", 'inner: {class: "a:B", args: {n: [1, {k: v}]}}')
        args = parse(text).models["credit-eu"].factory.args
        assert args["inner"] == {"class": "a:B", "args": {"n": [1, {"k": "v"}]}}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "t.yaml:1: the file is empty; write one with `trimtab init DATA.csv`"),
            ("# only\n", "t.yaml:1: the file is empty; write one with `trimtab init DATA.csv`"),
            ("- 1", "t.yaml:1: must be a mapping that starts with a key such as models:"),
            ("a: 1\na: 2", "t.yaml:2: a: given twice, first on line 1; remove one of them"),
            ("1: 2", "t.yaml:1: a key here is not text; put it in quotes"),
            ("a: &x [*x]", "t.yaml:1: a[0]: this anchor holds itself; write the values out"),
            ("a: 1e999", "t.yaml:1: a: must be a finite number"),
            ("a: !!int b", "t.yaml: a value does not fit its YAML tag; write it without the tag"),
            ("a: !!float [1]", "t.yaml:1: a: the YAML tag does not fit; write the value without it"),
            ('"a\\nb": 1\n"a\\nb": 2', "t.yaml:2: a b: given twice, first on line 1; remove one of them"),
            ("a: \x00", "t.yaml: not valid YAML: a character that YAML does not allow"),
            ("a: [", "t.yaml:1: not valid YAML: expected the node content, but found '<stream end>'"),
            ("[" * 500, "t.yaml: nested too deep"),
            ("a: !python/name:os.system x", "t.yaml:1: a: YAML tags are not used here; put text that begins "
             "with '!' in quotes"),
        ],
    )  # fmt: skip
    def test_refuses(self, text: str, expected: str) -> None:
        assert error(text) == expected


class TestMessages:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("models: {}", "t.yaml:1: models: must not be empty"),
            ("kafka: {}", "t.yaml:1: models: is missing"),
            (BASE + "dashbord: {}", "t.yaml:8: dashbord: unknown key; did you mean 'dashboard'?"),
            (BASE + "collector: {x: 1}", "t.yaml:8: collector.x: unknown key; the keys here are flush_interval, "
             "batch_size, max_event_bytes, max_future"),
            (BASE + "dashboard:", "t.yaml:8: dashboard: must be a mapping, not null"),
            (BASE + "dashboard: {port: x}", "t.yaml:8: dashboard.port: must be a whole number, not 'x'"),
            (BASE + "dashboard: {port: 1.5}", "t.yaml:8: dashboard.port: must be a whole number, not 1.5"),
            (BASE + "dashboard:\n  port: 99999", "t.yaml:9: dashboard.port: must be less than 65536, not 99999"),
            (BASE + "data_dir: [x]", "t.yaml:8: data_dir: must be text, not a list"),
            (BASE + "    triggers: {drift: yes}",
             "t.yaml:8: models.credit-eu.triggers.drift: must be true or false, not 'yes'"),
            (BASE.replace("{type: categorical, values: [no, 007, x]}", MANY) + "    segments: [plan]",
             "t.yaml:2: models.credit-eu: segments: 501 of 2 features are over 1,000 profiles, too many for one "
             "reference; name fewer segments, or fewer of their values"),
            (BASE + "    segments: plan", "t.yaml:8: models.credit-eu.segments: must be a list, not 'plan'"),
            (BASE + "    drift: {alpha: x}", "t.yaml:8: models.credit-eu.drift.alpha: must be a number, not 'x'"),
            (BASE + "    window: {size: 7x}", "t.yaml:8: models.credit-eu.window.size: not a duration: '7x'; "
             "write a number with ms, s, m, h, d or w, such as 7d"),
            (BASE + "    window: {size: 1h, hop: 25m}",
             "t.yaml:8: models.credit-eu.window: hop 25m must divide size 1h into equal parts, such as 1h and 15m"),
            (BASE + "    window: {size: 1m, hop: 1m, count: 100}", "t.yaml:8: models.credit-eu.window: "
             "give hop or count, not both: a window by count does not overlap the next"),
            (BASE + "    window: {size: 1m, longest: 1h}", "t.yaml:8: models.credit-eu.window: "
             "longest is of windows by count; give count too, or leave it out"),
            (BASE + "    performance:\n      - {metric: acuracy, limit: 1}",
             "t.yaml:9: models.credit-eu.performance[0].metric: must not be 'acuracy'; did you mean 'accuracy'?"),
            (BASE + "    performance: [{metric: accuracy}]",
             "t.yaml:8: models.credit-eu.performance[0]: give exactly one of max_drop and limit"),
            (BASE + "    performance: [{metric: mae, limit: 1}]",
             "t.yaml:2: models.credit-eu: performance: mae does not fit task binary"),
            (BASE.replace("numeric", "numrc"),
             "t.yaml:5: models.credit-eu.features.amount: type must not be 'numrc'; did you mean 'numeric'?"),
            (BASE.replace("type: numeric, ", ""), "t.yaml:5: models.credit-eu.features.amount: type is missing; "
             "write type: numeric or type: categorical"),
            (BASE.replace("min", "mn"),
             "t.yaml:5: models.credit-eu.features.amount.mn: unknown key; did you mean 'min'?"),
            (BASE.replace("binary", "zzz"), "t.yaml:3: models.credit-eu.task: must not be 'zzz'; "
             "write one of binary, multiclass, regression"),
        ],
    )  # fmt: skip
    def test_says_where_and_what(self, text: str, expected: str) -> None:
        assert error(text) == expected

    def test_the_line_of_a_merged_key(self) -> None:
        text = BASE + "    window:\n      <<: [{min_count: 1},\n        {sise: 7d}]\n"
        assert error(text) == "t.yaml:10: models.credit-eu.window.sise: unknown key; did you mean 'size'?"

    def test_at_most_three(self) -> None:
        message = error(BASE + "collector: {batch_size: 0, flush_interval: 3x, max_event_bytes: x, y: 1, z: 2}")
        assert message.count("t.yaml:8: ") == 3
        assert message.endswith("(and 2 more)")


class TestSecrets:
    def test_are_masked(self) -> None:
        config = parse(BASE + f"kafka: {{librdkafka: {{sasl.password: {SECRET}}}}}")
        assert config.kafka.librdkafka["sasl.password"].get_secret_value() == SECRET
        assert SECRET not in f"{config!r} {config} {config.model_dump_json()}"

    @pytest.mark.parametrize(
        "line",
        [
            f"kafka: {{librdkafka: {SECRET}}}",
            f"kafka: {{librdkafka: {{p: *{SECRET}}}}}",
            f"kafka: {{librdkafka: {{p: !{SECRET} x}}}}",
            f"kafka: {{librdkafka: {{p: !x!{SECRET} x}}}}",
            f"kafka: {{librdkafka: {{p: !{SECRET}!x x}}}}",
            f"kafka: {{librdkafka: {{p: %{SECRET}}}}}",
            f"kafka: {{librdkafka: {{p: !!int {SECRET}}}}}",
            f'kafka: {{librdkafka: {{p: "{SECRET}\\q"}}}}',
            f"kafka: {{librdkafka: {{p: x}}, partitions: {SECRET}}}",
            f"kafka: {{sasl.password: {SECRET}}}",
            f"kafka: {{bootstrap_servers: [{SECRET}]}}",
            f"kafka:\n  librdkafka:\n    p: {SECRET}: x",
            f"kafka: {{topic_prefix: '{SECRET} {SECRET}'}}",
        ],
    )
    def test_never_appear_in_an_error(self, line: str) -> None:
        with pytest.raises(ConfigError) as caught:
            parse(BASE + line)
        assert SECRET not in "".join(traceback.format_exception(caught.value, chain=True))
        assert SECRET not in str(caught.value)


class TestEnvironment:
    def test_overrides(self) -> None:
        config = parse(
            BASE + "kafka: {librdkafka: {client.id: a}}\ndashboard:\n",
            DATA_DIR="/x",
            KAFKA__BOOTSTRAP_SERVERS="a:1,b:2",
            KAFKA__TOPIC_PREFIX="007",
            KAFKA__LIBRDKAFKA__SASL_PASSWORD="1: #2",
            KAFKA__LIBRDKAFKA__CLIENT_ID="b",
            DASHBOARD__PORT="1",
            MODELS__CREDIT_EU__WINDOW__SIZE="7d",
            MODELS__CREDIT_EU__MODE="online",
            MODELS__CREDIT_EU__TRIGGERS__DRIFT="false",
            MODELS__CREDIT_EU__FEATURES__AMOUNT__MAX="2",
            MODELS__CREDIT_EU__DRIFT__THRESHOLDS__PSI="0.5",
            MODELS__CREDIT_EU__FACTORY__ARGS__RATE="1e-3",
        )
        model = config.models["credit-eu"]
        assert (config.data_dir, config.dashboard.port) == (Path("/x"), 1)
        assert (config.kafka.bootstrap_servers, config.kafka.topic_prefix) == ("a:1,b:2", "007")
        settings = {key: value.get_secret_value() for key, value in config.kafka.librdkafka.items()}
        assert settings == {"client.id": "b", "sasl.password": "1: #2"}
        assert (model.window.size, model.mode, model.triggers.drift) == (604_800_000, "online", False)
        assert model.features["amount"].model_dump()["max"] == 2.0
        assert model.drift.thresholds == {"psi": 0.5}
        assert model.factory.args["rate"] == 1e-3

    def test_an_empty_variable_is_null_where_null_is_allowed(self) -> None:
        config = parse(BASE + "data_dir: /x", DATA_DIR="", KAFKA__BOOTSTRAP_SERVERS="", KAFKA__TOPIC_PREFIX="")
        assert (config.data_dir, config.kafka.bootstrap_servers) == (None, None)
        assert config.kafka.topic_prefix == ""

    def test_a_shared_mapping_changes_for_one_model_only(self) -> None:
        text = BASE + "    window: &w {size: 1h}\n" + BASE.split("\n", 1)[1].replace("credit-eu", "other")
        config = parse(text + "    window: *w\n", MODELS__OTHER__WINDOW__SIZE="2h")
        assert config.models["credit-eu"].window.size == 3_600_000
        assert config.models["other"].window.size == 7_200_000

    def test_other_names_are_ignored(self) -> None:
        parse(BASE, CONFIG="x", INSTANCE="y", DASHBOARD_PORT="tcp://10.0.0.1:80", VERSION="1")
        parse_config(BASE, source="t.yaml", environ={"DASHBOARD__PORT": "x", "PATH": "y"})

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("KAFAK__X", "1", "unknown setting; did you mean 'TRIMTAB_KAFKA__X'?"),
            ("KAFKA__BOOTSTRAP", "1", "unknown setting; did you mean 'TRIMTAB_KAFKA__BOOTSTRAP_SERVERS'?"),
            ("DASHBOARD__", "1",
             "unknown setting ''; the names here are HOST, PORT, HOSTS, TOKENS, KEEP, DETAIL, WINDOWS"),
            ("KAFKA", "1", "kafka: is a section; name one of its settings: TRIMTAB_KAFKA__..."),
            ("MODELS__CRED__MODE", "online",
             "unknown setting; did you mean 'TRIMTAB_MODELS__CREDIT_EU__MODE'?"),
            ("MODELS__CREDIT_EU__SEGMENTS", "plan",
             "models.credit-eu.segments: is a list, which cannot come from the environment"),
            ("MODELS__CREDIT_EU__MODE", "onlin",
             "models.credit-eu.mode: must not be 'onlin'; did you mean 'online'?"),
            ("DASHBOARD__PORT", "x", "dashboard.port: must be a whole number, not 'x'"),
            ("MODELS__CREDIT_EU__DRIFT__ALPHA", "1e999", "must be a finite number"),
            ("KAFKA__PARTITIONS", SECRET, "kafka.partitions: must be a whole number"),
        ],
    )  # fmt: skip
    def test_refuses(self, name: str, value: str, expected: str) -> None:
        assert error(BASE, **{name: value}) == f"$TRIMTAB_{name}: {expected}"

    def test_an_ambiguous_name(self) -> None:
        text = BASE + BASE.split("\n", 1)[1].replace("credit-eu", "credit.eu")
        assert error(text, MODELS__CREDIT_EU__MODE="online") == (
            "$TRIMTAB_MODELS__CREDIT_EU__MODE: means 'credit-eu' and 'credit.eu'; set it in the file"
        )


class TestFile:
    def test_path_then_variable_then_default(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name, port in (("trimtab.yaml", 1), ("b.yaml", 2), ("c.yaml", 3)):
            (tmp_path / name).write_text(f"\ufeff{BASE}dashboard: {{port: {port}}}", encoding="utf-8")
        environ = {"TRIMTAB_CONFIG": "b.yaml"}
        assert load_config(Path("c.yaml"), environ=environ).dashboard.port == 3
        assert load_config(environ=environ).dashboard.port == 2
        assert load_config(environ={}).dashboard.port == 1

    def test_reads_the_process_environment_by_default(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "t.yaml").write_text(BASE)
        monkeypatch.setenv("TRIMTAB_CONFIG", str(tmp_path / "t.yaml"))
        monkeypatch.setenv("TRIMTAB_DASHBOARD__PORT", "7")
        assert load_config().dashboard.port == 7

    def test_unreadable(self, tmp_path: Path) -> None:
        missing, binary = tmp_path / "none.yaml", tmp_path / "binary.yaml"
        binary.write_bytes(b"a: \xff")
        with pytest.raises(ConfigError, match="no such file; write one with `trimtab init"):
            load_config(missing, environ={})
        with pytest.raises(ConfigError, match="not UTF-8 text"):
            load_config(binary, environ={})
        with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
            load_config(tmp_path, environ={})


def test_a_configuration_is_read_again_from_what_it_dumps() -> None:
    config = parse(BASE)
    again = Config.model_validate(yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json", by_alias=True))))
    assert again == config
    assert again.alerting.inhibit
