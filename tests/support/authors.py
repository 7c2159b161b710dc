"""The authors' own graphs, run as they saved them: the .meta of their checkpoints, imported and fed by name.

`graph` gives what a net makes of its inputs, `trained` what the training steps that were saved with it make of the net.

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


def trained(reference, net, weights, feed, lr, steps):
    """What `steps` of the authors' Adam steps on one batch do, on this processor: (the first step's gradients, the
    variables afterwards), by name.

    weights: what the variables begin with. feed: the batch, by the names of the graph's placeholders.
    """
    graph = tf.Graph()
    with graph.as_default(), contextlib.closing(tf.compat.v1.Session(graph=graph)) as session:
        meta = reference / "checkpoint" / NETS[net].folder / "model.ckpt.meta"
        tf.compat.v1.train.import_meta_graph(str(meta), clear_devices=True)
        session.run("init")
        variables = {v.op.name: v for v in tf.compat.v1.global_variables() if v.op.name in weights}
        for name, variable in variables.items():
            variable.load(weights[name], session)
        # ApplyAdam's inputs are var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon and the gradient.
        updates = {name: graph.get_operation_by_name(f"AdamOptimizer/update_{name}/ApplyAdam") for name in variables}
        gradients = {name: update.inputs[9] for name, update in updates.items()}
        batch = {f"{name}:0": array for name, array in {**feed, "learning_rate": lr}.items()}
        first, *_ = [session.run([gradients, "AdamOptimizer"], batch)[0] for _ in range(steps)]
        return first, session.run(variables)
