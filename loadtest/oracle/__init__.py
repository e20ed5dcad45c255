"""Races over whole streams, beside the best single model that one could have chosen in hindsight."""
