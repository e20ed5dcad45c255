"""Writes loans.csv, made up: 12,000 loan applications, of which the last third come from other people.

    python docs/examples/make_loans.py loans.csv

From row 8,000 on a campaign brings younger applicants with smaller incomes, and who defaults depends less on
income than it did: inputs drift, and so does what the label means.
"""

from __future__ import annotations

import csv
import math
import random
import sys
from datetime import UTC, datetime, timedelta

ROWS, CAMPAIGN = 12_000, 8_000
START = datetime(2026, 3, 1, tzinfo=UTC)


def row(at: int, rng: random.Random) -> list[object]:
    """One application: its time, what is known of it, and whether it was repaid."""
    new = at >= CAMPAIGN and rng.random() < 0.7
    age = rng.gauss(31 if new else 44, 6 if new else 11)
    income = math.exp(rng.gauss(7.4 if new else 7.9, 0.4))
    region = rng.choice(["north", "south", "south", "west"] if new else ["north", "north", "south", "west"])
    debt = income * rng.betavariate(2, 4)
    burden = debt / income
    risk = 5.0 * burden - 2.2 + (0.9 if region == "south" else 0.0) if new else 3.0 * burden - 0.0012 * income + 1.2
    defaults = rng.random() < 1 / (1 + math.exp(-risk))
    known_age = "" if rng.random() < 0.02 else round(age)
    time = (START + timedelta(minutes=5 * at)).isoformat()
    return [time, known_age, round(income, 2), round(debt, 2), region, int(defaults)]


def main(path: str) -> None:
    """Write the file."""
    rng = random.Random(7)  # noqa: S311
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "age", "income", "debt", "region", "default"])
        writer.writerows(row(at, rng) for at in range(ROWS))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "loans.csv")
