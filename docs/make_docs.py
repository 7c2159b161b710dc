"""python docs/make_docs.py        fills the generated parts of docs/architecture.md from the table in
kindling/families/kind/nets.py

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`. tests/test_docs.py keeps it in step.
"""

import re
from pathlib import Path

from kindling.families.kind.nets import NETS, Layer, Net

PAGE = Path(__file__).parent / "architecture.md"
PART = re.compile(r"(<!-- generated: (\w+) (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(page: str) -> str:
    """The page with every generated part made anew."""
    makers = {"table": table, "drawing": drawing}
    return PART.sub(lambda m: f"{m[1]}{makers[m[3]](NETS[m[2]])}\n{m[4]}", page)


def table(net: Net) -> str:
    """A row for each layer: what it computes, on what, and what it is for."""
    lines = ["| layer | computes | channels | reads | what it is for |", "|---|---|---|---|---|"]
    for layer in net.layers:
        gives = f" = **{layer.gives}**" if layer.gives else ""
        lines.append(
            f"| `{layer.name}` | {_computes(layer)}{gives} | {layer.inputs} -> {_outputs(layer, net)} "
            f"| {_reads(layer)} | {layer.why} |"
        )
    lines.append(f"\n{len(net.variables)} variables, {net.parameters:,} parameters.")
    return "\n".join(lines)


def drawing(net: Net) -> str:
    """The net as a mermaid flowchart: solid arrows are read, dotted ones are skips."""
    lines = ["```mermaid", "flowchart TD"]
    lines += [f'    {name}(["{name}, {channels}"])' for name, channels in net.inputs.items()]
    for layer in net.layers:
        lines.append(f'    {layer.name}["{layer.name}<br/>{_computes(layer)}, {_outputs(layer, net)}"]')
        below, *rest = layer.of
        lines.append(f"    {below} -->{'|pool|' if layer.pooled else ''} {layer.name}")
        lines += [f"    {name} {'-.->|skip|' if layer.kind == 'up' else '-->'} {layer.name}" for name in rest]
        if layer.gives:
            lines.append(f'    {layer.name} --> {layer.gives}(["{layer.gives}, {layer.outputs}"])')
    return "\n".join([*lines, "```"])


def _computes(layer: Layer) -> str:
    if layer.kind == "up":
        return "up 2x2, concat"
    return f"{layer.size}x{layer.size}, {layer.after}"


def _outputs(layer: Layer, net: Net) -> str:
    if layer.kind == "conv":
        return str(layer.outputs)
    skip = next(other for other in net.layers if other.name == layer.of[1])
    return f"{layer.outputs} + {skip.outputs}"


def _reads(layer: Layer) -> str:
    names = [f"`{name}`" for name in layer.of]
    if layer.kind == "up":
        return f"{names[0]}, skip {names[1]}"
    return f"pool({names[0]})" if layer.pooled else " and ".join(names)


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"filled {PAGE.name}: {len(PART.findall(PAGE.read_text()))} parts")
