"""From answers to figures, tables and pictures; `mer.evaluate` is the command."""
