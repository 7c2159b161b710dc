"""What a PyTorch file's pickle would do, read off its opcodes as data: nothing is run, nothing is allocated.

A state_dict's pickle builds dictionaries of tensors, and each tensor names its storage: type, key in the archive,
number of elements. PyTorch has believed the number, so it is held against the archive here first. And whatever the
pickle names beyond the few things that a state_dict needs is a reason not to load it.
"""

import pickletools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from kindling.core.errors import KindlingError

# What may be named: the pieces of tensors, and the plain containers of Python around them.
HARMLESS = re.compile(
    r"collections (OrderedDict|defaultdict|Counter)|builtins (set|frozenset|complex)|__builtin__ (set|dict)"
    r"|torch (\w+Storage|Size|device|bfloat16|float\d+(_e\dm\d\w*)?|complex\d+|q?u?int\d+|bool)"
    r"|torch\.storage UntypedStorage"
    r"|torch\._utils _rebuild_(tensor_v[23]|parameter|sparse_tensor|qtensor)|torch\.serialization _get_layout"
    r"|torch per_\w+_affine"
)
# Bytes an element takes, by the name of its storage.
ITEMSIZES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
    "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16, "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4, "UntypedStorage": 1,
}  # fmt: skip
MARK = object()


@dataclass
class Plan:
    """What a pickle names and asks for."""

    names: set[str] = field(default_factory=set)  # "module name" of every function and class
    storages: dict[str, int] = field(default_factory=dict)  # key in the archive -> bytes claimed, the most of several

    @property
    def strange(self) -> list[str]:
        """Names that no state_dict needs."""
        return sorted(name.replace(" ", ".") for name in self.names if not HARMLESS.fullmatch(name))


def plan(*pickles: BinaryIO) -> Plan:
    """Read the opcodes of pickles, each to its end. Raises KindlingError if they are none, or none of PyTorch's."""
    found = Plan()
    try:
        for pickle in pickles:
            for storage in _follow(pickle, found):
                _keep(storage, found)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise KindlingError(f"its pickle makes no sense: {error}") from error
    return found


def _follow(pickle: BinaryIO, found: Plan) -> Iterator[object]:
    """Run down the opcodes with a stack of plain values, None for all that is made; yields the storages asked for."""
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for opcode, argument, _ in pickletools.genops(pickle):
        name = opcode.name
        if name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "MARK":
            stack.append(MARK)
        elif name in ("GLOBAL", "INST"):
            found.names.add(str(argument))
            if name == "INST":
                _pop_to_mark(stack)
            stack.append(argument)
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            found.names.add(f"{module} {attribute}")
            stack.append(f"{module} {attribute}")
        elif name in ("EXT1", "EXT2", "EXT4"):
            found.names.add(f"extension {argument}")
            stack.append(None)
        elif name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
            items = _pop_to_mark(stack) if name == "TUPLE" else [stack.pop() for _ in range(int(name[5:]))][::-1]
            stack.append(tuple(items))
        elif name == "BINPERSID":
            yield stack.pop()
            stack.append(None)
        elif name == "PERSID":
            yield argument
        elif name in ("DUP", "POP"):
            stack.append(stack[-1]) if name == "DUP" else stack.pop()
        elif not opcode.stack_before and opcode.stack_after:  # a literal: the key of a storage, a number
            stack.append(argument)
        else:
            _apply(opcode, stack)


def _apply(opcode, stack):
    """Any other opcode: what it takes goes, what it makes is None."""
    before = list(opcode.stack_before)
    if pickletools.markobject in before:
        _pop_to_mark(stack)
        before = before[: before.index(pickletools.markobject)]
    for _ in before:
        stack.pop()
    stack.extend([None] * len(opcode.stack_after))


def _pop_to_mark(stack):
    items = []
    while (item := stack.pop()) is not MARK:
        items.append(item)
    return items[::-1]


def _keep(storage, found):
    """("storage", "torch FloatStorage", key, device, number of elements)."""
    if not isinstance(storage, tuple) or len(storage) < 5 or storage[0] != "storage":
        raise ValueError("it asks for something that is no tensor's storage")
    _, kind, key, _, elements = storage[:5]
    itemsize = ITEMSIZES[kind.split(" ")[-1]]
    found.storages[key] = max(found.storages.get(key, 0), elements * itemsize)
