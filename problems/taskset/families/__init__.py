"""A family's optimizees: from a configuration to the function that is minimised."""
