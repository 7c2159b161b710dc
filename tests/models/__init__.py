"""Tests of kind_tf and kind_torch: the nets, their gradients, the class KinD."""
