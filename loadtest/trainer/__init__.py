"""What the trainer costs beside the models that it trains."""
