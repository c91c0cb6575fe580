"""Each package, installed into an empty place and started: a file for each kind."""
