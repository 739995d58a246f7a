"""Pictures and frames from files: videos, JPEG, folders of frames."""
