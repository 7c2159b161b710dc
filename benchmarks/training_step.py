"""python -m benchmarks.training_step --reference DIR [--threads N] [--rounds N] [TASK...]

How long one training step takes, at the original's batch and patch in float32 on the CPU: the authors' own training
graph (`*.meta` in DIR/checkpoint, run in a TF1 session) against kind_torch.train, by turns in the same run. Both take
the same arrays and follow the gradient; the medians and their ratio are printed.
"""

import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import torch

from benchmarks import parser
from kind_torch.train import Trainer
from kindling.enhancing import memory
from kindling.training.plan import RECIPES

# Of the authors' graphs: the loss, and what is fed, in the order of kind_torch's steps, with its channels.
GRAPHS = {
    "decomposition": ("add_23", {"input_low": 3, "input_high": 3}),
    "adjustment": ("add_5", {"input_low_i": 1, "input_low_i_ratio": 1, "input_high_i": 1}),
    "restoration": ("add_29", {"input_low_r": 3, "input_low_i": 1, "input_high_r": 3}),
}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("tasks", nargs="*", default=list(GRAPHS), metavar="TASK")
    arguments.add_argument("--reference", required=True, type=Path)
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'task':14s} {'batch, patch':>12s} {'authors, s':>11s} {'torch, s':>9s} {'ratio':>6s}")
    for task in options.tasks:
        recipe = RECIPES[task]
        theirs = session_step(task, options.reference, options.threads)
        memory.keep_freed()  # as `kindling train` does
        trainer = Trainer(recipe.net, device="cpu")
        random = np.random.default_rng(0)
        shape = (recipe.batch, recipe.patch, recipe.patch)
        batch = tuple(random.random((*shape, c), dtype=np.float32) for c in GRAPHS[task][1].values())
        times = {"authors": [], "torch": []}
        for _ in range(options.rounds + 1):
            for name, step in (("authors", theirs), ("torch", trainer.step)):
                start = time.perf_counter()
                step(batch, recipe.lr)
                times[name].append(time.perf_counter() - start)
        a, t = (statistics.median(taken[1:]) for taken in times.values())  # the first round warms up
        print(f"{task:14s} {recipe.batch:>6d}, {recipe.patch:>4d} {a:11.3f} {t:9.3f} {t / a:6.2f}", flush=True)


def session_step(task, reference, threads):
    """(batch, lr) -> the loss, by one step of the authors' graph."""
    loss, feeds = GRAPHS[task]
    with tf.Graph().as_default() as graph:
        tf.compat.v1.train.import_meta_graph(str(reference / "checkpoint" / RECIPES[task].folder / "model.ckpt.meta"))
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
        session = tf.compat.v1.Session(graph=graph, config=config)
        session.run("init")
        fetches = [graph.get_tensor_by_name(f"{loss}:0"), graph.get_operation_by_name("AdamOptimizer")]

    def step(batch, lr):
        feed = {f"{name}:0": x for name, x in zip(feeds, batch, strict=True)}
        return session.run(fetches, {**feed, "learning_rate:0": lr})[0]

    return step


if __name__ == "__main__":
    main()
