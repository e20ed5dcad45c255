"""Whether verdicts can be trusted: how often they are false, measured."""
