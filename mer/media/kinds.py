"""What the names of recordings and of their frames end in."""

from typing import Final

STACK_SUFFIXES: Final = (".tif", ".tiff")
"""A file of one page is a picture, one of several pages a recording."""
PICTURE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".ppm", ".pnm", *STACK_SUFFIXES)
"""Frames of a folder."""
VIDEO_SUFFIXES: Final = (
    *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".divx", ".wmv", ".asf", ".flv", ".f4v"),
    *(".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob", ".mod", ".tod", ".ts", ".mts", ".m2t", ".m2ts", ".mxf", ".dv"),
    *(".ogv", ".ogg", ".ogm", ".rm", ".rmvb", ".gif", ".y4m", ".ivf", ".nut", ".amv", ".wtv", ".mjpeg", ".mjpg"),
    *(".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".obu"),
)
"""What is looked for in a folder; a file that is named itself may end in anything."""
