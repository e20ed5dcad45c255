"""Power and delay of Trimtab and of today's tools, on the same streams and at the same false-alarm rate."""
