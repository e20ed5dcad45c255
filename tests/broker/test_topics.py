"""``check_topics`` tells in one line what a deployment's topics lack."""

from __future__ import annotations

from trimtab.config import KafkaConfig
from trimtab.kafka.clients import admin
from trimtab.kafka.topics import Topics, check_topics


def test_topics_as_configured_have_no_problem(kafka: KafkaConfig) -> None:
    assert check_topics(admin(kafka), kafka) == []


def test_another_partition_count_is_told(kafka: KafkaConfig) -> None:
    (problem,) = check_topics(admin(kafka), kafka.model_copy(update={"partitions": kafka.partitions + 1}))
    assert problem.startswith(f"kafka.partitions is {kafka.partitions + 1}, but not that of ")
    assert f"{Topics(kafka.topic_prefix).labels} ({kafka.partitions})" in problem


def test_missing_topics_are_named_together(kafka: KafkaConfig) -> None:
    (problem,) = check_topics(admin(kafka), kafka.model_copy(update={"topic_prefix": "nobody."}))
    assert problem.startswith("missing: nobody.features, nobody.predictions")
    assert problem.endswith("create with: trimtab topics create")
