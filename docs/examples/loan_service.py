"""A service that decides on loans: predicts with the served model, and tells what was decided and what came of it.

    python docs/examples/loan_service.py loans.csv

It needs trimtab.yaml, and Kafka, as every command does. In production the label comes weeks later, by the same id.
"""

from __future__ import annotations

import csv
import sys
import uuid
from datetime import UTC, datetime
from itertools import islice

from trimtab import ModelFollower, Producer


def main(path: str, rows: int = 200) -> None:
    """Decide on the first applications of the file, as if they came now."""
    run = uuid.uuid4().hex[:8]
    with open(path, newline="", encoding="utf-8") as file, Producer() as events, ModelFollower("loans") as loans:
        if not loans.wait_for_model(10):
            print("no version yet: predictions are None until first_version_after labels have come")
        for number, row in enumerate(islice(csv.DictReader(file), rows)):
            features = {
                "age": float(row["age"]) if row["age"] else None,
                "income": float(row["income"]),
                "debt": float(row["debt"]),
                "region": row["region"],
            }
            answer = loans.predict(features)
            told = {"id": f"loan-{run}-{number}", "time": datetime.now(UTC)}
            events.prediction(
                **told,
                model="loans",
                features=features,
                prediction=answer.value,
                score=answer.score,
                served=answer.name,
            )
            events.label(**told, label=int(row["default"]))
        print(f"the last was decided by {answer.name}: {answer.value}, probability {answer.score:.3f}")
    print(f"{events.stats.delivered} events delivered, {sum(events.stats.dropped.values())} dropped")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "loans.csv")
