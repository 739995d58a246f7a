"""Facial action units as pulls on the face mesh: which skin moves where, and how far it carries its surroundings.

Places and directions follow the appearance changes that the FACS manual lists for each unit (Ekman, Friesen &
Hager, "Facial Action Coding System", 2002); the muscles named below are its "muscular basis". Relative sizes and
radii are ours, chosen by eye on exaggerated renderings.

Lengths in inter-ocular distances (IOD). Pulls are written for the left half of the picture; the right half mirrors
them. Directions are (out, up): away from the middle of the face, and towards the forehead.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pull:
    """What one unit does at one landmark.

    Attributes:
        landmarks: Mesh points in the left and right half of the picture; the same twice on the midline.
        out: Share of the motion away from the midline (negative: towards it).
        up: Share of the motion towards the forehead (negative: towards the chin).
        radius: How far the skin follows, in IOD (one standard deviation of a Gaussian).
    """

    landmarks: tuple[int, int]
    out: float
    up: float
    radius: float


UNITS: Final[dict[int, tuple[Pull, ...]]] = {
    # Inner brow raiser (frontalis, pars medialis): inner corners of the brows up, skin of the mid-forehead with them.
    1: (
        Pull((107, 336), 0.0, 1.0, 0.16),
        Pull((55, 285), 0.0, 0.9, 0.13),
        Pull((66, 296), 0.05, 0.6, 0.14),
        Pull((108, 337), 0.0, 0.6, 0.20),
    ),
    # Outer brow raiser (frontalis, pars lateralis): outer part of the brows up, lateral forehead.
    2: (
        Pull((105, 334), 0.05, 0.8, 0.16),
        Pull((63, 293), 0.1, 1.0, 0.15),
        Pull((70, 300), 0.1, 0.9, 0.15),
        Pull((104, 333), 0.0, 0.5, 0.20),
    ),
    # Brow lowerer (corrugator, depressor supercilii, procerus): brows down and together, glabella down.
    4: (
        Pull((107, 336), -0.7, -0.8, 0.15),
        Pull((55, 285), -0.6, -0.9, 0.13),
        Pull((105, 334), -0.3, -0.6, 0.16),
        Pull((9, 9), 0.0, -0.5, 0.14),
    ),
    # Upper lid raiser (levator palpebrae superioris): upper lid up, more of the eyeball shows.
    5: (
        Pull((159, 386), 0.0, 1.0, 0.065),
        Pull((158, 385), 0.0, 0.9, 0.065),
        Pull((160, 387), 0.0, 0.9, 0.065),
    ),
    # Cheek raiser (orbicularis oculi, pars orbitalis): cheek up, skin around the eye drawn in, lower lid up a little.
    6: (
        Pull((50, 280), -0.1, 0.9, 0.20),
        Pull((117, 346), -0.15, 1.0, 0.15),
        Pull((145, 374), 0.0, 0.4, 0.08),
        Pull((226, 446), -0.6, -0.2, 0.13),
    ),
    # Lid tightener (orbicularis oculi, pars palpebralis): lower lid up, aperture narrowed.
    7: (
        Pull((145, 374), 0.0, 1.0, 0.07),
        Pull((153, 380), 0.0, 0.8, 0.07),
        Pull((144, 373), 0.0, 0.8, 0.07),
        Pull((159, 386), 0.0, -0.5, 0.06),
    ),
    # Nose wrinkler (levator labii superioris alaeque nasi): wings and sides of the nose up, inner brows down.
    9: (
        Pull((129, 358), 0.0, 1.0, 0.12),
        Pull((198, 420), 0.0, 0.9, 0.13),
        Pull((55, 285), -0.3, -0.6, 0.13),
        Pull((37, 267), 0.0, 0.45, 0.11),
        Pull((9, 9), 0.0, -0.4, 0.13),
    ),
    # Upper lip raiser (levator labii superioris): upper lip up, most between middle and corner; nasolabial fold up.
    10: (
        Pull((39, 269), 0.05, 1.0, 0.10),
        Pull((37, 267), 0.0, 0.9, 0.10),
        Pull((0, 0), 0.0, 0.7, 0.08),
        Pull((206, 426), 0.2, 0.6, 0.14),
        Pull((129, 358), 0.1, 0.35, 0.10),
    ),
    # Lip corner puller (zygomaticus major): mouth corners up and out along the muscle, cheeks follow.
    12: (
        Pull((61, 291), 0.75, 0.75, 0.15),
        Pull((205, 425), 0.3, 0.5, 0.20),
        Pull((206, 426), 0.4, 0.4, 0.14),
        Pull((40, 270), 0.35, 0.2, 0.09),
        Pull((91, 321), 0.35, 0.15, 0.09),
    ),
    # Lip corner depressor (depressor anguli oris): mouth corners down, skin below them with them.
    15: (
        Pull((61, 291), 0.15, -1.0, 0.13),
        Pull((204, 424), 0.1, -0.6, 0.16),
        Pull((91, 321), 0.05, -0.4, 0.09),
    ),
    # Lower lip depressor (depressor labii inferioris): lower lip down and out to the side.
    16: (
        Pull((84, 314), 0.1, -1.0, 0.10),
        Pull((181, 405), 0.2, -0.9, 0.10),
        Pull((17, 17), 0.0, -0.9, 0.09),
    ),
    # Chin raiser (mentalis): chin boss up, lower lip pushed up.
    17: (
        Pull((199, 199), 0.0, 1.0, 0.17),
        Pull((17, 17), 0.0, 0.8, 0.11),
        Pull((181, 405), 0.0, 0.5, 0.10),
    ),
    # Lip pucker (incisivii labii): corners drawn to the middle. Only in speech-like motion.
    18: (
        Pull((61, 291), -1.0, 0.0, 0.15),
        Pull((40, 270), -0.5, 0.05, 0.10),
        Pull((91, 321), -0.5, -0.05, 0.10),
    ),
    # Lip stretcher (risorius with platysma): corners straight out, skin beside and below them with them.
    20: (
        Pull((61, 291), 1.0, -0.08, 0.16),
        Pull((214, 434), 0.6, -0.15, 0.20),
        Pull((40, 270), 0.45, 0.0, 0.09),
        Pull((91, 321), 0.5, -0.05, 0.09),
    ),
    # Lips part (depressor labii or relaxed mentalis): lips leave one another, the lower one more.
    25: (
        Pull((17, 17), 0.0, -1.0, 0.09),
        Pull((84, 314), 0.05, -0.8, 0.09),
        Pull((0, 0), 0.0, 0.35, 0.08),
    ),
    # Jaw drop (masseter and temporalis relaxed): jaw, chin and lower lip down.
    26: (
        Pull((152, 152), 0.0, -1.0, 0.28),
        Pull((199, 199), 0.0, -1.0, 0.22),
        Pull((17, 17), 0.0, -0.9, 0.13),
        Pull((181, 405), 0.0, -0.7, 0.11),
        Pull((169, 394), 0.0, -0.7, 0.22),
    ),
}
"""Pulls of each unit that can be rendered, by its FACS number."""
