"""One reader and writer for each form of a checkpoint, and how to tell the forms apart."""
