"""From checkpoint to answer: see README.md."""

import mer  # noqa: F401 - what it sets has to stand before ONNX Runtime is loaded
