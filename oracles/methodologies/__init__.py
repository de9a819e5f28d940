"""Published rules, each citing its source, as functions of measurements and parameters."""
