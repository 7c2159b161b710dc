"""LSTM and GRU: the same matrices in another order of gates, and another number of biases.

| | gates of TensorFlow | of PyTorch | biases |
|---|---|---|---|
| `lstm`, Keras | i, f, c, o | the same | one; PyTorch adds two, so the second is 0 |
| `lstm_cell`, TF1 (BasicLSTMCell, LSTMCell, LSTMBlockCell) | i, c, f, o; inputs and state in one kernel | i, f, c, o | one; TF1 adds forget_bias at run time, which becomes the second |
| `gru`, Keras with reset_after | z, r, h | r, z, n | two, (2, 3 units) |

A GRU with its reset gate before the product (reset_after=False, TF1's GRUCell) computes another function than
torch.nn.GRU, which no weights make up for; it is refused. So are peepholes and projections, which torch.nn.LSTM either
lacks or keeps otherwise.
"""  # noqa: E501

from typing import Any

import numpy as np

from .layers import Array, Arrays, Kind, Misfit, Options

PLACE = {"layer": 0, "reverse": False, "cell": False}  # which of a torch.nn.LSTM's layers; cell: a torch.nn.LSTMCell


def _leaves(options: Options) -> dict[str, str]:
    """weight_ih -> weight_ih_l0_reverse, as PyTorch calls it."""
    suffix = "" if options["cell"] else f"_l{options['layer']}{'_reverse' if options['reverse'] else ''}"
    return {leaf: f"{leaf}{suffix}" for leaf in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}


def _of_two_kernels(options: Options) -> dict[str, tuple[str, ...]]:
    leaf = _leaves(options)
    bias = leaf["bias_ih"], leaf["bias_hh"]
    return {"kernel": (leaf["weight_ih"],), "recurrent": (leaf["weight_hh"],), "bias": bias}


def _of_one_kernel(options: Options) -> dict[str, tuple[str, ...]]:
    leaf = _leaves(options)
    return {"kernel": (leaf["weight_ih"], leaf["weight_hh"]), "bias": (leaf["bias_ih"], leaf["bias_hh"])}


def _gates(array: Array, order: tuple[int, ...], axis: int) -> Array:
    """The blocks of an array along an axis, in another order."""
    blocks = np.split(array, len(order), axis)
    return np.concatenate([blocks[k] for k in order], axis)


def _units(kernel: Array, recurrent: Array, gates: int, name: str) -> int:
    """How many units there are, if the two kernels go together."""
    units = recurrent.shape[0] if recurrent.ndim == 2 else 0
    if kernel.ndim != 2 or not units or recurrent.shape != (units, gates * units) or kernel.shape[1] != gates * units:
        raise Misfit(
            f"kernel has shape {kernel.shape} and recurrent_kernel {recurrent.shape}, and a {name} has "
            f"(inputs, {gates} units) and (units, {gates} units)"
        )
    return units


def _check_torch(weights: Arrays, leaf: dict[str, str], gates: int, name: str) -> int:
    ih, hh = weights[leaf["weight_ih"]], weights[leaf["weight_hh"]]
    units = hh.shape[-1]
    if ih.ndim != 2 or hh.shape != (gates * units, units) or ih.shape[0] != gates * units:
        raise Misfit(
            f"{leaf['weight_ih']} has shape {ih.shape} and {leaf['weight_hh']} {hh.shape}, and a {name} has "
            f"({gates} units, inputs) and ({gates} units, units)"
        )
    return units


def _check_bias(bias: Array, expected: tuple[int, ...]) -> None:
    if bias.shape != expected:
        raise Misfit(f"bias has shape {bias.shape}, expected {expected}")


def _one_bias(first: Array, second: Array, second_own: Array) -> Array:
    """The two biases of PyTorch as one: the first as it is, unless training has moved the second."""
    return first if np.array_equal(second, second_own) else first + (second - second_own)


# --- Keras' LSTM -------------------------------------------------------------------------------------------------


def _lstm(weights: Arrays, options: Options) -> dict[str, Array]:
    leaf = _leaves(options)
    kernel, recurrent = weights["kernel"], weights["recurrent"]
    units = _units(kernel, recurrent, 4, "lstm")
    made = {leaf["weight_ih"]: kernel.T, leaf["weight_hh"]: recurrent.T}
    if "bias" in weights:
        _check_bias(weights["bias"], (4 * units,))
        made |= {leaf["bias_ih"]: weights["bias"], leaf["bias_hh"]: np.zeros_like(weights["bias"])}
    return made


def _lstm_back(weights: Arrays, options: Options) -> dict[str, Array]:
    leaf = _leaves(options)
    _check_torch(weights, leaf, 4, "lstm")
    made = {"kernel": weights[leaf["weight_ih"]].T, "recurrent": weights[leaf["weight_hh"]].T}
    if leaf["bias_ih"] in weights:
        second = weights[leaf["bias_hh"]]
        made["bias"] = _one_bias(weights[leaf["bias_ih"]], second, np.zeros_like(second))
    return made


# --- TF1's cell --------------------------------------------------------------------------------------------------

SWAPPED = (0, 2, 1, 3)  # i, c, f, o <-> i, f, c, o: its own inverse


def _forgets(units: int, options: Options, dtype: Any) -> Array:
    """What TF1 adds to the forget gate at run time, where PyTorch's second bias is."""
    return np.repeat(np.array([0, options["forget_bias"], 0, 0], dtype), units)


def _lstm_cell(weights: Arrays, options: Options) -> dict[str, Array]:
    leaf = _leaves(options)
    kernel = weights["kernel"]
    units = kernel.shape[-1] // 4
    if kernel.ndim != 2 or kernel.shape[1] != 4 * units or kernel.shape[0] <= units:
        raise Misfit(f"kernel has shape {kernel.shape}, and an lstm_cell has (inputs + units, 4 units)")
    inputs = kernel.shape[0] - units
    turned = _gates(kernel, SWAPPED, 1).T
    made = {leaf["weight_ih"]: turned[:, :inputs], leaf["weight_hh"]: turned[:, inputs:]}
    if "bias" in weights:
        _check_bias(weights["bias"], (4 * units,))
        made[leaf["bias_ih"]] = _gates(weights["bias"], SWAPPED, 0)
        made[leaf["bias_hh"]] = _forgets(units, options, weights["bias"].dtype)
    return made


def _lstm_cell_back(weights: Arrays, options: Options) -> dict[str, Array]:
    leaf = _leaves(options)
    units = _check_torch(weights, leaf, 4, "lstm_cell")
    whole = np.concatenate([weights[leaf["weight_ih"]], weights[leaf["weight_hh"]]], axis=1)
    made = {"kernel": _gates(whole.T, SWAPPED, 1)}
    if leaf["bias_ih"] in weights:
        second = weights[leaf["bias_hh"]]
        bias = _one_bias(weights[leaf["bias_ih"]], second, _forgets(units, options, second.dtype))
        made["bias"] = _gates(bias, SWAPPED, 0)
    return made


# --- Keras' GRU --------------------------------------------------------------------------------------------------

TURNED = (1, 0, 2)  # z, r, h <-> r, z, n: its own inverse


def _gru(weights: Arrays, options: Options) -> dict[str, Array]:
    leaf = _leaves(options)
    kernel, recurrent = weights["kernel"], weights["recurrent"]
    units = _units(kernel, recurrent, 3, "gru")
    if not options["reset_after"] or ("bias" in weights and weights["bias"].shape == (3 * units,)):
        raise Misfit(
            "it is a GRU with reset_after=False (one bias, the reset gate before the product), which torch.nn.GRU does "
            'not compute whatever its weights; carry its arrays as kind = "variable" to a cell of your own'
        )
    made = {leaf["weight_ih"]: _gates(kernel, TURNED, 1).T, leaf["weight_hh"]: _gates(recurrent, TURNED, 1).T}
    if "bias" in weights:
        _check_bias(weights["bias"], (2, 3 * units))
        made |= {leaf[name]: _gates(weights["bias"][k], TURNED, 0) for k, name in enumerate(("bias_ih", "bias_hh"))}
    return made


def _gru_back(weights: Arrays, options: Options) -> dict[str, Array]:
    leaf = _leaves(options)
    _check_torch(weights, leaf, 3, "gru")
    made = {
        "kernel": _gates(weights[leaf["weight_ih"]].T, TURNED, 1),
        "recurrent": _gates(weights[leaf["weight_hh"]].T, TURNED, 1),
    }
    if leaf["bias_ih"] in weights:
        made["bias"] = np.stack([_gates(weights[leaf[name]], TURNED, 0) for name in ("bias_ih", "bias_hh")])
    return made


RECURRENT = (
    Kind(
        name="lstm",
        roles=("kernel", "recurrent", "bias"),
        needed=frozenset({"kernel", "recurrent"}),
        to_torch=_lstm,
        to_tf=_lstm_back,
        leaves=_of_two_kernels,
        options=PLACE,
        modules=("LSTM", "LSTMCell"),
    ),
    Kind(
        name="lstm_cell",
        roles=("kernel", "bias"),
        needed=frozenset({"kernel"}),
        to_torch=_lstm_cell,
        to_tf=_lstm_cell_back,
        leaves=_of_one_kernel,
        options={**PLACE, "forget_bias": 1.0},
        modules=("LSTM", "LSTMCell"),
    ),
    Kind(
        name="gru",
        roles=("kernel", "recurrent", "bias"),
        needed=frozenset({"kernel", "recurrent"}),
        to_torch=_gru,
        to_tf=_gru_back,
        leaves=_of_two_kernels,
        options={**PLACE, "reset_after": True},
        modules=("GRU", "GRUCell"),
    ),
)
