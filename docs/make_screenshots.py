"""python docs/make_screenshots.py      ui.jpg, ui-phone.jpg and parity-report.png, in docs/: look at each afterwards

The page and the report as Chromium shows them, on examples/dark.png. Needs Chromium, Gradio and both frameworks.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support import browser as browsers  # noqa: E402 - found by the line above

PHOTO = ROOT / "examples" / "dark.png"
VIEWS = {"ui.jpg": ("light", 1200, 900), "ui-phone.jpg": ("dark", 390, 844)}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, browsers.browsing() as browser:
        with browsers.serving(Path(folder) / "server") as server:
            for name, (scheme, width, height) in VIEWS.items():
                photograph(browser, server.address, name, scheme, width, height)
        report = Path(folder) / "parity.html"
        command = ["-m", "kindling.cli", "parity", "--image", PHOTO, "--size", "37x51", "--html", report]
        subprocess.run([sys.executable, *map(str, command)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        page = browser.new_page(viewport={"width": 1000, "height": 1250}, color_scheme="light")
        page.goto(report.as_uri())
        put(page, "parity-report.png")


def photograph(browser, address: str, name: str, scheme: str, width: int, height: int) -> None:
    """The page with a photo in it."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.set_default_timeout(600_000)  # a busy machine takes its time
    page.goto(address)
    page.set_input_files("#photos input[type=file]", str(PHOTO))
    page.wait_for_selector('#compare [data-empty="no"], #compare[data-empty="no"]', state="attached")
    page.wait_for_timeout(1500)
    put(page, name, full_page=True)
    page.close()


def put(page, name: str, **options: bool) -> None:
    """Photos as JPEG, without thinner colours, which would blur the words; drawings as PNG of few colours."""
    from PIL import Image

    path = ROOT / "docs" / name
    image = Image.open(io.BytesIO(page.screenshot(**options))).convert("RGB")
    if path.suffix == ".jpg":
        image.save(path, quality=90, subsampling=0, optimize=True)
    else:
        image.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
