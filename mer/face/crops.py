"""The crop of one person in one frame, with a face and without."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.anchor import Anchor
from mer.face.geometry import CROP_SIZE
from mer.messages import FIRST_PERSON, FaceCrop, FaceState, Frame


def tracked(
    frame: Frame,
    anchor: Anchor,
    image: NDArray[np.uint8],
    *,
    quality: float,
    n_faces: int,
    notices: tuple[str, ...] = (),
    person: int = FIRST_PERSON,
) -> FaceCrop:
    """Return the crop of a face that is followed.

    Args:
        frame: Where it is.
        anchor: Whose transform cut it out.
        image: (CROP_SIZE, CROP_SIZE) uint8 grey; not written to any more.
        quality: Share of the tracked points that agree.
        n_faces: Faces in view.
        notices: What became known with the frame.
        person: Number of the person.
    """
    image.flags.writeable = False
    return FaceCrop(
        image=image,
        crop_from_source=anchor.crop_from_source,
        crop_from_anchor=anchor.motion,
        landmarks_px=anchor.landmarks_px,
        time_s=frame.time_s,
        index=frame.index,
        anchor=anchor.number,
        state="tracked",
        quality=quality,
        n_faces=n_faces,
        eye_distance_px=anchor.eye_distance_px,
        depth_iod=anchor.depth_iod,
        notices=notices,
        person=person,
    )


def faceless(
    frame: Frame, state: FaceState, *, notices: tuple[str, ...] = (), person: int = FIRST_PERSON, n_faces: int = 0
) -> FaceCrop:
    """Return the black crop of somebody whose face is not in view."""
    return FaceCrop(
        image=_BLACK,
        crop_from_source=_IDENTITY,
        crop_from_anchor=_IDENTITY,
        landmarks_px=_NO_LANDMARKS,
        time_s=frame.time_s,
        index=frame.index,
        anchor=-1,
        state=state,
        quality=0.0,
        n_faces=n_faces,
        notices=notices,
        person=person,
    )


_BLACK: Final = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
_IDENTITY: Final = geometry.identity()
_NO_LANDMARKS: Final = np.zeros((478, 2), np.float32)
for _constant in (_BLACK, _IDENTITY, _NO_LANDMARKS):
    _constant.flags.writeable = False
