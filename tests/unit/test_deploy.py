"""Grafana's dashboards and Prometheus' rules ask for what is exposed, by PromQL's own grammar."""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from trimtab.dashboard.exporter import FAMILIES
from trimtab.dashboard.views.fleet import _RANK

DEPLOY = Path(__file__).parents[2] / "deploy"
# What Prometheus itself makes of a scrape.
SCRAPED = {"up": {"job", "instance"}}
BY_SCRAPE = {"job", "instance"}
VARIABLE = re.compile(r"label_values\((.+), *(\w+)\)")


def module() -> Any:
    spec = importlib.util.spec_from_file_location("make_dashboards", DEPLOY / "grafana" / "make_dashboards.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def panels() -> Iterator[tuple[str, str, str]]:
    """(where, expression, legend) of every query of a panel."""
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"], target["legendFormat"]


def variables() -> Iterator[tuple[str, str, str]]:
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        for variable in json.loads(path.read_text())["templating"]["list"]:
            found = VARIABLE.fullmatch(variable["query"]["query"])
            assert found is not None, variable
            yield f"{path.name}: ${variable['name']}", found[1], f"{{{{{found[2]}}}}}"


def rules() -> Iterator[tuple[str, str, str]]:
    found = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
    for group in found["groups"]:
        for rule in group["rules"]:
            labels = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
            yield f"rules.yml: {rule['alert']}", rule["expr"], " ".join(f"{{{{{name}}}}}" for name in labels)


QUERIES = [*panels(), *variables(), *rules()]


def nodes(expression: Any) -> Iterator[Any]:
    yield expression
    parts = [getattr(expression, name, None) for name in ("lhs", "rhs", "expr", "vector_selector")]
    for part in [*parts, *getattr(expression, "args", ())]:
        if part is not None:
            yield from nodes(part)


def problems(expression: str, legend: str) -> list[str]:
    """What is wrong with a query: names that are not exposed, labels that a family has not."""
    found, offered = [], set[str]()
    tree = promql.parse(expression)
    for node in nodes(tree):
        if isinstance(node, promql.VectorSelector):
            family = FAMILIES.get(node.name or "")
            own = SCRAPED.get(node.name or "", set()) if family is None else set(family.labels)
            if not own and family is None:
                found.append(f"{node.name} is not exposed")
            offered |= own | BY_SCRAPE
            unknown = {matcher.name for matcher in node.matchers.matchers} - own - BY_SCRAPE
            found += [f"{node.name} has no label {name}" for name in sorted(unknown)]
    for node in nodes(tree):
        modifier = getattr(node, "modifier", None)
        if isinstance(node, promql.AggregateExpr):
            labels = set(modifier.labels) if modifier is not None else set()
            found += [f"nothing has a label {name}" for name in sorted(labels - offered)]
    if isinstance(tree, promql.AggregateExpr) and str(tree.op) not in ("topk", "bottomk"):
        offered = set(tree.modifier.labels) if tree.modifier is not None else set()
    wanted = set(re.findall(r"{{ ?(\w+) ?}}", legend))
    return found + [f"the result has no label {name}" for name in sorted(wanted - offered)]


@pytest.mark.parametrize(("where", "expression", "legend"), QUERIES, ids=[where for where, _, _ in QUERIES])
def test_every_query_asks_for_what_is_exposed(where: str, expression: str, legend: str) -> None:
    assert problems(expression, legend) == []


@pytest.mark.parametrize(
    ("expression", "legend", "said"),
    [
        ("trimtab_nothing", "", "trimtab_nothing is not exposed"),
        ('rate(trimtab_lag_records{model="a"}[5m])', "", "trimtab_lag_records has no label model"),
        ("sum by (feature) (trimtab_lag_records)", "", "nothing has a label feature"),
        ("sum by (role) (trimtab_process_up)", "{{instance}}", "the result has no label instance"),
    ],
)
def test_a_wrong_query_is_found(expression: str, legend: str, said: str) -> None:
    assert problems(expression, legend) == [said]


def test_every_family_is_asked_for_or_known_to_be_for_others() -> None:
    asked = {node.name for _, expression, _ in QUERIES for node in nodes(promql.parse(expression))
             if isinstance(node, promql.VectorSelector)}  # fmt: skip
    assert FAMILIES.keys() - asked == {"trimtab_process_start_time_seconds"}


def test_the_words_of_health_that_rules_name_exist() -> None:
    named = {word for _, expression, _ in rules() for word in re.findall(r'health="(\w+)"', expression)}
    assert named <= _RANK.keys()


def test_the_files_are_what_their_maker_makes() -> None:
    made = module()
    for name, dashboard in made.dashboards().items():
        assert (made.FOLDER / name).read_text(encoding="utf-8") == made.text_of(dashboard), name


def test_prometheus_keeps_the_labels_of_processes() -> None:
    found = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    [job] = found["scrape_configs"]
    assert job["honor_labels"] is True
    assert found["rule_files"] == ["rules.yml"]
