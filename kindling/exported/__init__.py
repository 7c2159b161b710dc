"""Graphs of the nets in files of other runtimes: how they are written, proven, opened and run.

An export is a folder: one graph a net, and kindling.json, which says what they are (description.py). formats.py is the
table of what can be written and by whom, writing.py writes and proves, model.py is what every opened one becomes:
a `kindling.core.model.Model`, so that tiles, ratio and fusion are the same code for every runtime.
"""
