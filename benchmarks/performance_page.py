"""python -m benchmarks.performance_page        the generated part of docs/performance.md anew, from its JSON

benchmarks/bench.py calls this when it has measured: tables, a chart of the times, and the roofline.
"""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks import parser, sides
from kindling.families.kind.nets import NETS
from tests.support.weights import STEPS

DOCS = Path(__file__).parents[1] / "docs"
PAGE = "performance.md"
PART = re.compile(r"(<!-- generated: bench -->\n).*?(<!-- end -->)", re.DOTALL)
COLOURS = ("#2b6cb0", "#c53030", "#2f855a", "#975a16", "#553c9a", "#2c7a7b", "#b83280", "#4a5568")


def main() -> None:
    parser(__doc__).parse_args()
    file = DOCS / "performance.json"
    write(json.loads(file.read_text(encoding="utf-8")), file)


def write(record: dict[str, Any], file: Path) -> None:
    """The pictures beside `file`, and the tables into the performance.md that lies there, if one does."""
    chart(record, file.with_name("performance.png"))
    roofline(record, file.with_name("roofline.png"))
    page = file.with_name(PAGE)
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        page.write_text(PART.sub(lambda found: f"{found[1]}{tables(record)}{found[2]}", text), encoding="utf-8")


def tables(record: dict[str, Any]) -> str:
    """All figures as Markdown."""
    machine = record["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    gemm = ", ".join(f"{speed:.0f} GFLOP/s in {name}" for name, speed in machine["gemm"].items())
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, threads: {machine['threads']}. {machine['system']}; "
        f"{versions}. Its own product of matrices reaches {gemm}; a copy moves {machine['copy']:.1f} GB/s.",
    ]
    for size, rows in record["sizes"].items():
        first = next(iter(rows))
        lines += [
            "",
            f"| {size}, the three nets | seconds (from, to) | to {first} (from, to) | restoration, GFLOP/s | "
            "of the machine's own product |",
            "|---|---|---|---|---|",
        ]
        for name, row in rows.items():
            share = "" if row["share"] is None else f"{100 * row['share']:.0f} %"
            lines.append(
                f"| {name} | {row['seconds']:.3f} ({row['spread'][0]:.3f}, {row['spread'][1]:.3f}) | "
                f"{row['ratio']:.2f} ({row['ratios'][0]:.2f}, {row['ratios'][1]:.2f}) | "
                f"{row['gflops']['restore']:.0f} | {share} |"
            )
    lines += ["", "![seconds of the nets](performance.png)", "", "![roofline of the nets](roofline.png)"]
    for size, rows in record.get("tiled", {}).items():
        lines += [
            "", f"| {size}, a whole photo in tiles | seconds | a pixel, against 400x600 | peak memory |",
            "|---|---|---|---|",
        ]  # fmt: skip
        for name, row in rows.items():
            lines.append(f"| {name} | {row['seconds']:.1f} | {row['per_pixel']:.2f} | {row['peak_gb']:.2f} GB |")
    if record.get("folder"):
        lines += [
            "",
            "| a folder of photos of 400x600 | photos | seconds | against the nets alone |",
            "|---|---|---|---|",
        ]
        for name, row in record["folder"].items():
            lines.append(f"| `--runtime {name}` | {row['photos']} | {row['seconds']:.1f} | {row['ratio']:.2f} |")
    if record["absent"]:
        lines += [
            "",
            "Not measured here: " + "; ".join(f"{name} ({why})" for name, why in record["absent"].items()) + ".",
        ]
    return "\n".join(lines) + "\n"


def chart(record: dict[str, Any], file: Path) -> None:
    """Seconds of the three nets, side by side, at the first size."""
    plt = _plt()
    if not record["sizes"]:
        return
    size, rows = next(iter(record["sizes"].items()))
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(rows) + 1.2))
    left = [0.0] * len(rows)
    for colour, verb in zip(COLOURS, STEPS.values(), strict=False):
        widths = [row["nets"][verb] for row in rows.values()]
        axes.barh(list(rows), widths, left=left, color=colour, label=verb)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for y, row in enumerate(rows.values()):
        axes.text(left[y], y, f"  {row['seconds']:.2f} s, {row['ratio']:.2f}x", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.25 * max(left))
    axes.set_xlabel(f"seconds at {size}, {record['machine']['processor']}, {record['machine']['cores']} cores")
    axes.legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)


def roofline(record: dict[str, Any], file: Path) -> None:
    """GFLOP/s of each net over its operations a byte, below what products and copies of this machine allow."""
    plt = _plt()
    if not record["sizes"]:
        return
    size, rows = next(iter(record["sizes"].items()))
    figure, axes = plt.subplots(figsize=(8, 5))
    height, width = map(int, size.split("x"))
    density = {STEPS[scope]: a / b for scope, net in NETS.items() for a, b in [sides.work(net, height, width)]}
    span = [min(density.values()) / 8, max(density.values()) * 4]
    for style, (name, peak) in zip(("-", "--"), record["machine"]["gemm"].items(), strict=False):
        bend = peak / record["machine"]["copy"]
        roof = [min(peak, record["machine"]["copy"] * x) for x in (span[0], bend, max(span[1], bend))]
        axes.plot([span[0], bend, max(span[1], bend)], roof, style, color="#1a202c", label=f"{name}: product, copy")
    for k, (name, row) in enumerate(rows.items()):
        marker = "os^Dv<>Pp*hX"[k % 12]
        axes.plot(
            [density[verb] for verb in row["gflops"]], list(row["gflops"].values()), marker, label=name,
            color=COLOURS[k % len(COLOURS)], markersize=6,
        )  # fmt: skip
    for verb, x in density.items():
        axes.axvline(x, color="#cbd5e0", linewidth=0.8, zorder=0)
        axes.text(
            x, 1.01, verb, rotation=45, va="bottom", fontsize=8, color="#4a5568", transform=axes.get_xaxis_transform()
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"floating-point operations a byte, if every layer went through memory; {size}")
    axes.set_ylabel("GFLOP/s")
    axes.legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _plt() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


if __name__ == "__main__":
    main()
