"""Do two frameworks compute the same function? Measured, judged, shown.

from kindling.parity import compare
compare(run_tf, Net(), x).ok        # any TensorFlow function, SavedModel, frozen graph or ONNX file, any torch module
"""

from kindling.parity.pair import compare

__all__ = ["compare"]
