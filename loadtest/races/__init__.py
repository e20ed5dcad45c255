"""How often races between equal models are won, and how soon better models win theirs."""
