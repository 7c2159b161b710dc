"""From photo to brighter photo: tiles, ratio, memory."""
