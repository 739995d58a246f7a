"""The science: see README.md."""

import os

__version__ = "0.1.0"

# ONNX Runtime from 1.29 on sends usage data and keeps an identifier in the user's cache unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
