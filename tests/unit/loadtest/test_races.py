"""The simulated races are decided at the same example, for the same candidate, as the trainer's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from loadtest.races.command import main
from loadtest.races.simulate import Pair, Steps, differences, mcnemar_fixed, mcnemar_peeked, won
from trimtab.config import RaceSpec
from trimtab.training.lineage import LearntRange, Lineage
from trimtab.training.race import Candidate, Race, Trigger


def raced(steps: Steps, spec: RaceSpec, every: int) -> tuple[int, int]:
    """One race, example by example, as the trainer has it."""
    entered = [Candidate(str(i), None, None, LearntRange(), Lineage(None)) for i in range(steps.shape[1])]
    race = Race(Trigger("test"), 0, entered)
    for example, row in enumerate(steps.tolist()):
        race.count += 1
        for candidate, difference in zip(race.candidates, row, strict=True):
            candidate.test.update(float(difference))
        if (example + 1) % every == 0 or example + 1 == len(steps):
            ahead = race.ahead(spec)
            if ahead:
                return race.count, int(ahead[0].kind)
    return 0, -1


@pytest.mark.parametrize("gap", [0.0, 0.03, 0.08])
@pytest.mark.parametrize("candidates", [1, 3])
def test_every_decision_is_the_trainers(gap: float, candidates: int) -> None:
    spec = RaceSpec(min_examples=50, alpha=0.2, min_effect=0.01)
    steps = differences(Pair(gap, 0.15), 400, 60, candidates, seed=1)
    found = won(steps, spec, every=20)
    expected = [raced(steps[:, :, race], spec, 20) for race in range(60)]
    assert list(zip(found.at.tolist(), found.candidate.tolist(), strict=True)) == expected
    assert gap == 0.0 or any(at for at, _ in expected)


def test_the_differences_are_as_often_as_said() -> None:
    steps = differences(Pair(0.02, 0.1), 20_000, 20, 1, seed=3)
    assert abs(steps.mean() - 0.02) < 0.002
    assert abs(np.abs(steps).mean() - 0.1) < 0.002
    with pytest.raises(ValueError, match="cannot be"):
        Pair(0.2, 0.1)


def test_mcnemar_is_the_exact_binomial_test() -> None:
    steps = differences(Pair(0.03, 0.1), 500, 50, 1, seed=2)
    for race in range(50):
        own = steps[:, 0, race]
        better, apart = int((own > 0).sum()), int((own != 0).sum())
        says = bool(binomtest(better, apart, alternative="greater").pvalue <= 0.05)
        assert bool(mcnemar_fixed(steps, 0.05)[race]) == says
        looks = [
            n
            for n in range(100, 501, 50)
            if binomtest(int((own[:n] > 0).sum()), int((own[:n] != 0).sum()), alternative="greater").pvalue <= 0.05
        ]
        assert mcnemar_peeked(steps, 0.05, 50, 100)[race] == (looks[0] if looks else 0)


def test_the_command_writes_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    json_file, png = tmp_path / "races.json", tmp_path / "races.png"
    sizes = ["--races", "20", "--unequal", "10", "--examples", "2000"]
    assert main([*sizes, "--json", str(json_file), "--plot", str(png)]) == 0
    found = json.loads(json_file.read_text())
    assert found["aa"]["races"] == 20
    assert found["aa"]["promotions"] <= 1
    assert [row["gap"] for row in found["ab"]] == [0.5, 1.0, 2.0, 5.0]
    assert found["ab"][-1]["power"] > 0.8
    assert {"gap", "power", "median_examples"} <= found["ab"][0].keys()
    assert png.stat().st_size > 10_000
    assert "equal models" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--races", "0"])
