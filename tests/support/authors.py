"""The authors' own graphs, run as they saved them: the .meta of their checkpoints, imported and fed by name.

Only for tests, and only on the authors' files: a .meta is a program, and nothing in the packages ever runs one.
"""

import contextlib

import tensorflow as tf

from kindling.families.kind.nets import NETS

FEEDS = {
    "DecomNet": ("input_low:0",),
    "Restoration_net": ("input_low_r:0", "input_low_i:0"),
    "Illumination_adjust_net": ("input_low_i:0", "input_low_i_ratio:0"),
}
FETCHES = {
    "DecomNet": ("DecomNet/Sigmoid:0", "DecomNet/Sigmoid_1:0"),
    "Restoration_net": ("Restoration_net/Sigmoid:0",),
    "Illumination_adjust_net": ("Illumination_adjust_net/Sigmoid:0",),
}


@contextlib.contextmanager
def graph(reference, net, checkpoint):
    """A function from the net's NHWC inputs to its outputs, in the authors' graph with `checkpoint` restored by their
    own Saver."""
    meta = reference / "checkpoint" / NETS[net].folder / "model.ckpt.meta"
    graph = tf.Graph()
    with graph.as_default():
        saver = tf.compat.v1.train.import_meta_graph(str(meta))
    with contextlib.closing(
        tf.compat.v1.Session(graph=graph)
    ) as session:  # not the default: tests run eagerly beside it
        with graph.as_default():
            saver.restore(session, str(checkpoint))
        yield lambda *inputs: session.run(FETCHES[net], dict(zip(FEEDS[net], inputs, strict=True)))
