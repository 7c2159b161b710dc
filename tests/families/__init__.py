"""Families of models beside KinD: told, carried, and held against their authors' graphs."""
