"""The face in a picture: landmarks, the crop's geometry, and tracking between key frames."""
