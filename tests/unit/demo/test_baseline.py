"""The yardsticks on Elec2, as published beside the data."""

from datetime import datetime
from pathlib import Path

import pytest

from trimtab.config import load_config
from trimtab.demo.baseline import accuracy_by_decile, never_retrained, no_change
from trimtab.demo.configure import data_file
from trimtab.demo.run import START, STEP_MS
from trimtab.demo.simulate import train_rows_of
from trimtab.errors import ConfigError
from trimtab.events import canonical_value
from trimtab.files import read_table

CONFIG = Path(__file__).parents[3] / "app/trimtab/demo/trimtab-demo.yaml"


def test_elec2_yardsticks() -> None:
    table = read_table(data_file(), label="up", start=START, step_ms=STEP_MS)
    assert (len(table), table.times_ms[0]) == (45_312, 831_391_200_000)
    assert table.row_at(int(datetime.fromisoformat("1997-05-05T00:00:00+10:00").timestamp() * 1_000)) == 17_424
    config = load_config(CONFIG, environ={})
    train_rows = train_rows_of(config, list(config.models), len(table), 0.1)
    frozen = accuracy_by_decile(never_retrained(config.models["elec2_frozen"], table, train_rows), train_rows, 45_312)
    assert frozen["overall"] == pytest.approx(0.7527, abs=5e-4)
    assert frozen["deciles"][0] is None
    assert frozen["deciles"][4:8] == pytest.approx([0.729, 0.658, 0.636, 0.664], abs=1e-3)
    labels = [canonical_value(label, "binary", "label") for label in table.labels]
    last = accuracy_by_decile(no_change(labels, train_rows), train_rows, 45_312)
    assert last["overall"] == pytest.approx(0.8533, abs=5e-3)


def test_a_first_version_of_another_size_is_refused() -> None:
    config = load_config(CONFIG, environ={})
    with pytest.raises(ConfigError, match=r"first_version_after is 4531.*set first_version_after to 100"):
        train_rows_of(config, ["elec2_online"], 1_000, 0.1)
    with pytest.raises(ConfigError, match="no model 'x'"):
        train_rows_of(config, ["x"], 1_000, 0.1)
