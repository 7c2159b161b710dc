"""The other families that can run, a file each, in PyTorch: their nets, and the class that has them."""
