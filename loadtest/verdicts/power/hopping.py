"""Trimtab's side with a window of 500 events every 100."""

from loadtest.verdicts.power.trimtab import main

HOP = 100

if __name__ == "__main__":
    main(HOP)
