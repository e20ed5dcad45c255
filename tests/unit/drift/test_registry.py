import pytest

from trimtab.config.statistics import CATEGORICAL_STATISTICS, NUMERIC_STATISTICS
from trimtab.drift import Measured, names, statistic


def test_the_configuration_knows_every_statistic() -> None:
    assert set(names("numeric")) == {*NUMERIC_STATISTICS, "missing_rate"}
    assert set(names("categorical")) == {*CATEGORICAL_STATISTICS, "missing_rate"}
    assert set(names()) == {*NUMERIC_STATISTICS, *CATEGORICAL_STATISTICS, "missing_rate"}


def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="'psi' is registered twice"):

        @statistic("psi", kind="numeric")
        def another(_: object, __: object) -> Measured:
            return Measured(0.0, None)
