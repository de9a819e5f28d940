"""Oracles: what foresters, sensors and satellites deliver, turned into figures that a reporter can sign."""
