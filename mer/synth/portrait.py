"""Portraits to animate: a picture, its face mesh, and where it came from."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.face import geometry
from mer.face.landmarker import detect_once

PICTURE_SUFFIXES: Final = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MIN_IOD_PX: Final = 24.0
"""Below this distance between the eyes a face holds too little texture to be animated."""
PACKAGED_SOURCE: Final = "astronaut.png of scikit-image (Eileen Collins, NASA, public domain)"


@dataclass(frozen=True, slots=True)
class Portrait:
    """A still face.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        landmarks_px: (478, 2) float64 face mesh in pixels of `image`.
        source: The file name, or the description of the packaged portrait.
    """

    image: NDArray[np.uint8]
    landmarks_px: NDArray[np.float64]
    source: str

    @property
    def face_from_image(self) -> geometry.Similarity:
        """(2, 3) similarity to face coordinates: IOD, origin between the eyes, y down."""
        return geometry.fit_similarity(geometry.eye_centres(self.landmarks_px), np.array([[-0.5, 0.0], [0.5, 0.0]]))

    @property
    def iod_px(self) -> float:
        """Inter-ocular distance in pixels of `image`."""
        return geometry.inter_ocular_px(self.landmarks_px)


@functools.cache
def packaged_portrait() -> Portrait:
    """Return the portrait of the demonstration, which scikit-image carries; its face is looked for once.

    Raises:
        MerError: If no face is found in it.
    """
    from skimage import data

    picture: NDArray[np.uint8] = data.astronaut()  # type: ignore[no-untyped-call]  # skimage is only partly typed
    portrait = from_image(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), source=PACKAGED_SOURCE)
    portrait.image.flags.writeable = portrait.landmarks_px.flags.writeable = False  # every caller gets the same
    return portrait


def load_portrait(path: Path | None) -> Portrait:
    """Return the largest face of a picture file; without a path, the packaged portrait.

    Raises:
        MerError: If the file cannot be read as a picture, or shows no face that is large enough.
    """
    if path is None:
        return packaged_portrait()
    if not path.is_file():
        raise MerError(f"portrait {path} does not exist; give a picture of a face, or leave --face out")
    try:
        image = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # its header claims more pixels than OpenCV takes
        image = None
    if image is None:
        raise MerError(f"portrait {path} is not a picture that OpenCV can read; give a JPEG or PNG file")
    return from_image(image.astype(np.uint8, copy=False), source=path.name)


def from_image(image: NDArray[np.uint8] | cv2.typing.MatLike, *, source: str) -> Portrait:
    """Return the portrait of the largest face in a picture.

    Args:
        image: (H, W, 3) uint8, BGR.
        source: How to name it.

    Raises:
        MerError: If no face is found, or only one that is too small.
    """
    picture = np.ascontiguousarray(image, dtype=np.uint8)
    mesh = detect_once(picture)
    if mesh is None:
        raise MerError(f"no face found in portrait {source}; give a frontal, well-lit picture of one face")
    portrait = Portrait(picture, mesh.astype(np.float64), source)
    if portrait.iod_px < MIN_IOD_PX:
        raise MerError(
            f"the face in portrait {source} is too small: {portrait.iod_px:.0f} pixels between the eyes, "
            f"at least {MIN_IOD_PX:.0f} needed; give a closer or larger picture"
        )
    return portrait


def find_portraits(folder: Path) -> list[Path]:
    """Return the pictures in a folder, sorted by name.

    Raises:
        MerError: If it is not a folder or holds no picture.
    """
    if not folder.is_dir():
        raise MerError(f"folder of portraits {folder} does not exist; give a folder of pictures, one face each")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    if not found:
        raise MerError(f"no pictures in {folder}; expected files ending in {', '.join(PICTURE_SUFFIXES)}")
    return found


def vary(portrait: Portrait, generator: np.random.Generator, *, strength: float = 1.0) -> Portrait:
    """Return the portrait with other proportions, complexion and light: a pseudo-subject, still the same person.

    Proportions change by a smooth warp (aspect, and features by some percent of the IOD), colours by a gamma, a tint
    and a slope of light across the face.

    Args:
        portrait: The original.
        generator: Source of all random choices.
        strength: Factor on all changes; at 1, the aspect varies within 8 % and features move by up to 4 % of the IOD.
    """
    height, width = portrait.image.shape[:2]
    centre, iod = geometry.invert(portrait.face_from_image)[:, 2], portrait.iod_px
    aspect = strength * generator.uniform(-0.08, 0.08)
    places = generator.uniform((-0.9, -0.8), (0.9, 1.8), (10, 2))
    widths = generator.uniform(0.25, 0.6, 10)
    moves = strength * generator.normal(0.0, 0.02, (10, 2))

    def shift_iod(u: NDArray[np.floating], v: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return where, relative to the new position, the skin was before."""
        total = np.stack([u * aspect, -v * aspect], axis=-1)
        for place, size, move in zip(places, widths, moves):
            bump = np.exp(-((u - place[0]) ** 2 + (v - place[1]) ** 2) / (2 * size**2))
            total = total + bump[..., None] * move
        fade = 1.0 / (1.0 + (np.hypot(u, v - 0.5) / 3.0) ** 4)
        faded: NDArray[np.float64] = total * fade[..., None]
        return faded

    # The warp is smooth: computed on every eighth pixel and enlarged.
    columns, rows = -(-width // 8), -(-height // 8)
    x, y = np.meshgrid((np.arange(columns) + 0.5) * 8 - 0.5, (np.arange(rows) + 0.5) * 8 - 0.5)
    u, v = (x - centre[0]) / iod, (y - centre[1]) / iod
    coarse = (iod * shift_iod(u, v)).astype(np.float32)
    shift = cv2.resize(coarse, (columns * 8, rows * 8), interpolation=cv2.INTER_LINEAR)[:height, :width]
    at_rest = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    warped = cv2.remap(portrait.image, at_rest + shift, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)  # type: ignore[call-overload]
    before = (portrait.landmarks_px - centre) / iod
    after = before
    for _ in range(5):
        after = before - shift_iod(after[:, 0], after[:, 1])

    slope = strength * generator.uniform(-0.15, 0.15, 2)
    light = 1.0 + slope[0] * np.tanh(u / 2) + slope[1] * np.tanh(v / 2)
    light = cv2.resize(light.astype(np.float32), (columns * 8, rows * 8))[:height, :width, None]
    tint = 1.0 + strength * generator.uniform(-0.08, 0.08, 3)
    gamma = np.exp(strength * generator.normal(0.0, 0.25))
    tone = (255.0 * (np.arange(256) / 255.0) ** gamma).astype(np.float32)
    toned = tone[warped] * (light * tint).astype(np.float32)
    image = np.clip(toned, 0, 255).astype(np.uint8)
    return Portrait(image, after * iod + centre, f"{portrait.source}, varied")
