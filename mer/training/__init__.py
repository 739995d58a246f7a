"""The parts of training; `mer.train` puts them together."""
