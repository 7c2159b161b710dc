"""What the tests and the table of losses share: every loss with its options, inputs that are awkward, both frameworks.

A case names the inputs that suit it; inputs are NHWC float64 pairs, prediction and target, made from a fixed seed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

# Twelve small kernels, the features of the perceptual loss where no VGG is needed.
KERNELS = np.random.default_rng(7).standard_normal((3, 3, 3, 4)), np.random.default_rng(8).standard_normal((3, 3, 4, 8))
WEIGHTS = [np.array([[0.5, -2.0], [0.0, 1e-3]]), np.array([-0.25, 0.0, 3.0])]


@dataclass(frozen=True)
class Case:
    """One loss under one setting. inputs: a family of INPUTS; smooth: where gradcheck must pass, on random input."""

    name: str
    inputs: str = "images"
    options: Mapping = field(default_factory=dict)
    smooth: bool = True
    least: int = 1
    floor: float = 0.0  # 1 minus something near 1 is relative to no less than this: what is left is rounding

    @property
    def id(self) -> str:
        return self.name + "".join(f"-{v}" for v in self.options.values())


CASES = [
    Case("l1", smooth=False),
    Case("l2"),
    Case("l1_regularised", smooth=False),
    Case("l2_regularised", smooth=False),
    Case("smooth_l1", options={"beta": 1.0}),
    Case("smooth_l1", options={"beta": 0.1}),
    Case("huber", options={"delta": 1.0}),
    Case("huber", options={"delta": 0.2}),
    Case("log_mse"),
    Case("perceptual"),
    Case("ssim", least=11, floor=1e-3),
    Case("ms_ssim", options={"scales": 2}, least=21, floor=1e-3),
    Case("ms_ssim", "large", {"scales": 5}, least=161, floor=1e-3),
    Case("ms_ssim", "large", {"weights": (1, 1, 1, 1, 1)}, least=161, floor=1e-3),
    Case("binary_cross_entropy"),
    Case("binary_cross_entropy", "logits", {"from_logits": True}),
    Case("cross_entropy", "classes"),
    Case("cross_entropy", "class logits", {"from_logits": True}),
    *(Case(f"adversarial_{side}", "scores", {"kind": kind})
      for side in ("generator", "discriminator") for kind in ("original", "non_saturating", "least_squares")),
    Case("region", smooth=False),
    Case("region", options={"share": 0.7, "w_low": 2.0, "w_high": 0.5}, smooth=False),
    Case("reflectance", options={"kind": "l2"}),
    Case("reflectance", options={"kind": "ssim"}, least=11, floor=1e-3),
    Case("reflectance", options={"kind": "l1"}, smooth=False),
    Case("consistency", options={"kind": "l2"}),
    Case("consistency", options={"kind": "l1"}, smooth=False),
    Case("consistency", "classes", {"kind": "kl"}),
    Case("color_angle"),
    Case("color_cosine"),
    Case("color_cosine", options={"levels": 1, "epsilon": 0.01}),
    Case("color_blur"),
    Case("color_blur", options={"sigma": 1.0, "size": 7}),
    Case("laplacian", smooth=False),
    Case("laplacian", options={"levels": 2}, smooth=False),
]  # fmt: skip


def images(h: int, w: int, n: int = 2) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Random images, and what breaks a careless loss: ties, equality, no light, no colour, no texture, the ends."""
    random = np.random.default_rng([h, w])
    shape = (n, h, w, 3)
    a, b = random.random(shape), random.random(shape)
    steps = np.round(random.random((2, *shape)) * 4) / 4
    ramp = np.broadcast_to(np.linspace(0, 1, w)[:, np.newaxis], shape)
    return {
        "random": (a, b),
        "near": (np.clip(b + 1e-3 * random.standard_normal(shape), 0, 1), b),
        "equal": (b, b),
        "zeros": (np.zeros(shape), np.zeros(shape)),
        "ones": (np.ones(shape), np.ones(shape)),
        "black": (np.zeros(shape), b),
        "black target": (a, np.zeros(shape)),
        "black and white": (np.zeros(shape), np.ones(shape)),
        "constants": (np.full(shape, 0.3), np.full(shape, 0.7)),
        "one constant": (np.full(shape, 1 / 3), np.full(shape, 1 / 3)),
        "half as bright": (b / 2, b),
        "a third as bright": (b / 3, b),
        "grey": (np.repeat(a[..., :1], 3, -1), b),
        "quantised": (steps[0], steps[1]),
        "negative": (1 - b, b),
        "ramp": (ramp, ramp[:, ::-1, ::-1]),
        "tiny": (np.full(shape, 1e-150), np.zeros(shape)),
    }


def _shares(x):
    return x / x.sum(-1, keepdims=True)


def _classes():
    random = np.random.default_rng(3)
    a, b = (_shares(random.random((4, 5, 6))) for _ in "ab")
    sure = np.eye(6)[random.integers(0, 6, (4, 5))]
    return {
        "random": (a, b),
        "equal": (b, b),
        "sure": (a, sure),
        "sure and right": (sure, sure),
        "sure and wrong": (sure, np.roll(sure, 1, -1)),
    }


def _scores():
    random = np.random.default_rng(4)
    a, b = random.standard_normal((2, 3, 4, 5, 1)) * 3
    far = np.array([-1000.0, -40.0, -1e-9, 0.0, 1e-9, 40.0, 1000.0]).reshape(1, 7, 1, 1)
    return {"random": (a, b), "equal": (b, b), "zeros": (a * 0, b * 0), "far": (far, far[:, ::-1].copy())}


def _logits():
    random = np.random.default_rng(6).standard_normal((3, 4, 5, 1))
    probabilities = 1 / (1 + np.exp(-random))
    far = np.array([0.0, 1.0, 0.5, 0.0, 1.0, 0.25, 1.0]).reshape(1, 7, 1, 1)
    scores = _scores()
    return {
        "random": (scores["random"][0], probabilities),
        "equal": (random, probabilities),
        "zeros": (scores["zeros"][0], np.round(probabilities)),
        "far": (scores["far"][0], far),
    }


def _class_logits():
    random = np.random.default_rng(5)
    return {name: (40 * random.standard_normal(a.shape), b) for name, (a, b) in _classes().items()} | {
        "far": (np.array([[1000.0, -1000.0, 0.0]]), np.array([[0.0, 0.5, 0.5]]))
    }


FEW = ("random", "equal", "zeros", "black", "constants", "quantised", "negative")
INPUTS: Mapping[str, Callable[[], dict]] = {
    "images": lambda: (
        {f"{name} 24x25": pair for name, pair in images(24, 25).items()}
        | {f"{name} {h}x{w}": images(h, w)[name] for h, w in ((13, 11), (1, 1), (2, 3)) for name in FEW}
    ),
    "large": lambda: {f"{name} 161x166": images(161, 166, 1)[name] for name in ("random", "equal", "negative", "near")},
    "classes": _classes,
    "class logits": _class_logits,
    "scores": _scores,
    "logits": _logits,
}


def inputs(case: Case) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The inputs of a case by name, those that are large enough for it."""
    found = INPUTS[case.inputs]()
    return {k: pair for k, pair in found.items() if case.least == 1 or min(pair[0].shape[1:3]) >= case.least}


def run(backend: str, case: Case, prediction: np.ndarray, target: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """The value of a loss and its gradients to prediction and target (and to the weights of a regularised loss)."""
    return {"tf": _run_tf, "torch": _run_torch}[backend](case, prediction, target)


def _run_tf(case, *pair):
    import tensorflow as tf

    from kind_tf import losses

    def features(x):
        maps = []
        for kernel in KERNELS:
            x = tf.tanh(tf.nn.conv2d(x, tf.constant(kernel, x.dtype), 1, "SAME"))
            maps.append(x)
        return maps

    weights = [tf.Variable(w.astype(pair[0].dtype)) for w in WEIGHTS]
    tensors = [tf.constant(x) for x in pair]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = _call(getattr(losses, case.name), case, tensors, weights, features)
    asked = tensors + (weights if "regularised" in case.name else [])
    zero = tf.UnconnectedGradients.ZERO
    return float(value), [g.numpy() for g in tape.gradient(value, asked, unconnected_gradients=zero)]


def _run_torch(case, *pair):
    import torch

    weights = [torch.tensor(w.astype(pair[0].dtype), requires_grad=True) for w in WEIGHTS]
    tensors = [to_torch(x).requires_grad_() for x in pair]
    value = torch_function(case, weights)(*tensors)
    asked = tensors + (weights if "regularised" in case.name else [])
    gradients = torch.autograd.grad(value, asked, allow_unused=True, materialize_grads=True)
    turned = [np.moveaxis(g.numpy(), 1, -1) if g.ndim > 2 else g.numpy() for g in gradients]
    return value.item(), turned


def torch_function(case: Case, weights=()):
    """(prediction, target) -> the loss, on tensors."""
    import torch

    from kind_torch import losses

    def features(x):
        maps = []
        for kernel in KERNELS:
            x = torch.nn.functional.conv2d(x, torch.tensor(kernel.transpose(3, 2, 0, 1), dtype=x.dtype), padding=1)
            x = torch.tanh(x)
            maps.append(x)
        return maps

    return lambda *pair: _call(getattr(losses, case.name), case, pair, weights, features)


def to_torch(x: np.ndarray):
    """NHWC, or (n, ..., classes), to PyTorch's order."""
    import torch

    return torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1) if x.ndim > 2 else x))


def _call(function, case, pair, weights, features):
    if case.name == "adversarial_generator":
        return function(pair[1], **case.options)
    if case.name == "perceptual":
        return function(*pair, features)
    if "regularised" in case.name:
        return function(*pair, weights, factor=0.01)
    return function(*pair, **case.options)


def difference(a: np.ndarray, b: np.ndarray, unit: float, floor: float = 0.0) -> float:
    """The largest difference of a from b, relative to the largest of b.

    Where the exact answer is 0 only rounding is left, and it has no size of its own: 0 if both are below 1e-10 unit.
    """
    a, b = np.asarray(a), np.asarray(b)
    if max(np.abs(a).max(), np.abs(b).max()) <= 1e-10 * unit:
        return 0.0
    return float(np.abs(a - b).max() / max(np.abs(b).max(), floor * unit))


def differences(case: Case, prediction: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Of the value and of the gradients, PyTorch's from TensorFlow's; infinite where one of them is not finite."""
    (value, gradients), (other, others) = (run(backend, case, prediction, target) for backend in ("torch", "tf"))
    if not all(np.isfinite(x).all() for x in (value, other, *gradients, *others)):
        return np.inf, np.inf
    pairs = zip(gradients, others, strict=True)
    return difference(value, other, 1, case.floor), max(difference(g, h, 1 / prediction.size) for g, h in pairs)
