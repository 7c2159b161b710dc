"""The other families that can run, a file each, in TensorFlow: their nets, and the class that has them."""
