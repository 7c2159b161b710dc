"""Do two frameworks compute the same function? Measured, judged, shown."""
