"""From answers to figures, tables and pictures; `engines.evaluate` is the command."""
