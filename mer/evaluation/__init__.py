"""From predictions to figures, tables and pictures; `engines.evaluate` is the command."""
