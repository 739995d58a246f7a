"""Annotations of EDF+ (https://www.edfplus.info), which EEG software shows. Needs the extra `edf`."""

import io
from typing import Final

from mer.text import printable
from realtime.output.exports.base import title
from realtime.output.found import Found

_WHOLE: Final = "recording analysed by mer-live"
"""Text of an annotation as long as the recording: a file without any would not be one."""


def edf(found: Found) -> bytes:
    """Return an EDF+ file without signals: events with their duration, their apexes, and rejected candidates.

    Times count from the start of the recording, and nothing in the file tells whom it shows or when it was made.
    """
    import edfio  # of the extra "edf"

    annotations = [
        (0.0, float(found.summary["seconds"]), _WHOLE),
        *((r["onset_s"], r["offset_s"] - r["onset_s"], f"micro-expression {title(r)}") for r in found.events),
        *((r["apex_s"], None, f"apex {r['number']}") for r in found.events),
        *((r["onset_s"], r["offset_s"] - r["onset_s"], f"rejected {r['reason']}") for r in found.rejected),
    ]
    made = [
        edfio.EdfAnnotation(round(onset_s, 6), None if duration_s is None else round(duration_s, 6), printable(text))
        for onset_s, duration_s, text in sorted(annotations, key=lambda one: one[0])
    ]
    file = io.BytesIO()
    edfio.Edf([], annotations=made).write(file)
    return file.getvalue()
