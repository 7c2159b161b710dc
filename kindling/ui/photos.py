"""The tab for photos: drop them in, move the sliders, look at the parts, take the pictures home."""

import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from kindling.core.errors import KindlingError
from kindling.core.model import Model
from kindling.core.words import ProtocolName, Ratio
from kindling.enhancing.ratio import PROTOCOLS, default_ratio
from kindling.photos.jobs import Naming
from kindling.ui import models, parts
from kindling.ui.limits import Limits
from kindling.ui.models import DEFAULT, Models
from kindling.ui.parts import failed, packed, spoken
from kindling.ui.people import People, Person
from kindling.ui.preview import PARTS, Preview, uri
from kindling.ui.results import enhanced, zipped

__all__ = ["PhotosTab"]

AS_THE_WEIGHTS = "as the weights ask for"
# A slider that moves asks again and again: what came last counts, and nothing blinks meanwhile.
MOVING: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, kw_only=True)
class Dials:
    """What stands at the sliders and menus, in the order in which the page sends it."""

    photo: str | None
    ratio: float
    auto: bool
    strength: float
    denoise: float
    protocol: str
    family: str
    weights: str
    runtime: str
    device: str

    @property
    def asked(self) -> Ratio:
        """The ratio, as `kindling enhance` takes it."""
        return "auto" if self.auto else float(self.ratio)

    @property
    def named(self) -> ProtocolName | None:
        """The protocol; None for the weights' own."""
        return next((name for name in PROTOCOLS if name == self.protocol), None)


class PhotosTab:
    """The tab: `build` lays it out, the other methods answer."""

    def __init__(self, people: People, loaded: Models, limits: Limits):
        self.people, self.models, self.limits = people, loaded, limits

    def build(self) -> tuple[gr.Dropdown, dict[str, Any]]:
        """Lay the tab out, inside gr.Blocks. Returns the menu of weights, to which the other tab adds, and the event,
        as Gradio's listeners take it, that shows the photo anew."""
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                files = gr.File(label="Photos", file_count="multiple", height=150, elem_id="photos")
                with gr.Tabs():
                    with gr.Tab("Picture"):
                        view = parts.compare()
                    figures = {name: self._part_tab(name, title) for name, title in PARTS.items()}
                strip = parts.strip()
            with gr.Column(scale=2, min_width=280):
                photo = gr.Dropdown(label="Photo", choices=[], visible=False, elem_id="photo")
                auto = gr.Checkbox(True, label="Ratio from the photo itself", elem_id="auto")
                ratio = gr.Slider(0, 5, 2, step=0.05, label="Ratio: how much lighter", elem_id="ratio")
                strength = gr.Slider(0, 1, 1, step=0.05, label="Strength: 0 is the photo itself", elem_id="strength")
                denoise = gr.Slider(0, 1, 1, step=0.05, label="Denoise: 0 leaves all grain", elem_id="denoise")
                with gr.Row():
                    one = gr.Button("Make this picture", variant="primary", elem_id="make")
                    every = gr.Button("Make all pictures", visible=False, elem_id="make-all")
                save = gr.DownloadButton("Save", visible=False, variant="primary", elem_id="save")
                with gr.Accordion("Kind of file", open=False, elem_id="file"):
                    kinds = ["auto", "png", "jpg", "webp", "tiff"]
                    kind = gr.Dropdown(kinds, value="auto", label="auto: the photo's own kind", elem_id="kind")
                    with_parts = gr.Checkbox(False, label="R, L, restored R and adjusted L too", elem_id="with-parts")
                with gr.Accordion("Weights and machine", open=False, elem_id="machine"):
                    family = gr.Dropdown(models.families(), value="", label="Family", elem_id="family")
                    weights = gr.Dropdown(list(self.models.weights), value=DEFAULT, label="Weights", elem_id="weights")
                    protocols = [AS_THE_WEIGHTS, *PROTOCOLS]
                    protocol = gr.Dropdown(protocols, value=AS_THE_WEIGHTS, label="Protocol", elem_id="protocol")
                    installed = models.runtimes()
                    runtime = gr.Dropdown(installed, value=installed[0], label="Runtime", elem_id="runtime")
                    device = gr.Dropdown(models.devices(), value="auto", label="Device", elem_id="device")
        dials = [photo, ratio, auto, strength, denoise, protocol, family, weights, runtime, device]
        preview: dict[str, Any] = {"concurrency_id": "preview", "concurrency_limit": 2, "api_visibility": "private"}
        full: dict[str, Any] = {"concurrency_id": "full", "concurrency_limit": 1, "api_visibility": "private"}

        shown = [view, strip, ratio, auto, *figures.values()]
        look = {"fn": self.look, "inputs": dials, "outputs": shown, "show_progress_on": view, **preview}
        changed = [files.upload, files.delete, files.clear]
        taken = gr.on(changed, self.take, [files, *dials[1:]], [photo, auto, every, save], **preview)
        taken.success(**look)
        for menu in (photo, family, weights, runtime, device, protocol, auto):
            menu.input(**look)

        moving = {**MOVING, **{name: preview[name] for name in ("concurrency_id", "concurrency_limit")}}
        ratio.input(self.slide_ratio, dials, [view, auto], **moving)
        ratio.release(self.adjusted, dials, figures["adjusted"], **moving)
        for slider in (strength, denoise):
            slider.input(self.slide, dials, view, **moving)
            slider.release(self.exposures, dials, strip, **moving)
        strip.select(self.pick, dials, [view, ratio, auto, figures["adjusted"]], **moving)
        make: dict[str, Any] = {"outputs": save, "show_progress_on": save, **full}
        pressed = [*dials, kind, with_parts]
        for button, fn in ((one, self.make_one), (every, self.make_all)):
            button.click(_waiting, None, save, queue=False, show_progress="hidden", api_visibility="private").success(
                fn, pressed, **make
            )
        return weights, look

    def _part_tab(self, name, title):
        with gr.Tab(title):
            return gr.HTML("", elem_classes="part", elem_id=f"part-{name}", js_on_load=None)

    # --- what the page asks ------------------------------------------------------------------------------------------

    @spoken
    def take(self, request: gr.Request, files: list[str] | None, *dials: Any) -> tuple[Any, ...]:
        """Photos came, or some were taken away."""
        person = self.people.of(request.session_hash)
        uploads = [Path(file) for file in files or []]
        with person.lock:
            gone = person.take_photos(uploads)
            names = list(person.photos)
        self.people.forget(gone)
        _, chosen = self._asked((None, *dials), request)
        auto = default_ratio(self._model(person, chosen)) == "auto" if names else True
        several = len(names) > 1
        photo = gr.update(choices=names, value=names[0] if names else None, visible=several)
        return photo, auto, gr.update(visible=several), gr.update(visible=False)

    @spoken
    def look(self, request: gr.Request, *dials: Any) -> tuple[Any, ...]:
        """Another photo, other weights, another machine: everything anew."""
        person, asked = self._asked(dials, request)
        with person.lock:
            if not person.photos:
                return packed(), "[]", gr.update(), gr.update(), *("" for _ in PARTS)
            before = person.preview
            seen = self._preview(person, asked)
            fresh = person.preview is not before
            ratio = seen.number(asked.asked)
            after = seen.at(asked.asked, asked.strength, asked.denoise, asked.named)
            view = packed(before=uri(seen.before), after=uri(after), size=seen.size, fresh=fresh)
            strip = _strip(seen, asked)
            figures = [_figure(title, seen.part(name, asked.asked)) for name, title in PARTS.items()]
        number = gr.update(value=round(min(ratio, 5), 2), interactive=seen.told)
        return view, strip, number, gr.update(interactive=seen.told), *figures

    @spoken
    def slide(self, request: gr.Request, *dials: Any) -> Any:
        """A slider moves."""
        person, asked = self._asked(dials, request)
        with person.lock:
            if not person.photos:
                return gr.skip()
            after = self._preview(person, asked).at(asked.asked, asked.strength, asked.denoise, asked.named)
        return packed(after=uri(after))

    def slide_ratio(self, request: gr.Request, *dials: Any) -> tuple[Any, Any]:
        """The ratio's own slider moves, and from then on it counts."""
        photo, ratio, _, *others = dials
        return self.slide(request, photo, ratio, False, *others), False

    @spoken
    def exposures(self, request: gr.Request, *dials: Any) -> Any:
        """The strip, after strength or denoise."""
        person, asked = self._asked(dials, request)
        with person.lock:
            if not person.photos:
                return gr.skip()
            return _strip(self._preview(person, asked), asked)

    @spoken
    def adjusted(self, request: gr.Request, *dials: Any) -> Any:
        """The adjusted light, after the ratio."""
        person, asked = self._asked(dials, request)
        with person.lock:
            if not person.photos:
                return gr.skip()
            return _figure(PARTS["adjusted"], self._preview(person, asked).part("adjusted", asked.asked))

    def pick(self, request: gr.Request, event: gr.EventData, *dials: Any) -> tuple[Any, ...]:
        """One of the strip was pressed."""
        photo, _, _, *others = dials
        ratio = float(event.ratio)
        chosen = (photo, ratio, False, *others)
        return self.slide(request, *chosen), ratio, False, self.adjusted(request, *chosen)

    @spoken
    def make_one(self, request: gr.Request, progress: gr.Progress = gr.Progress(), *dials: Any) -> Any:  # noqa: B008
        """The picture of the photo that is looked at, at full size."""
        *of_look, kind, with_parts = dials
        person, asked = self._asked(of_look, request)
        there = dict(person.photos)  # as they are now: another request may take others
        name = asked.photo or next(iter(there), "")
        photos = {name: there[name]} if name in there else {}
        return self._make(person, asked, photos, kind, with_parts, progress)

    @spoken
    def make_all(self, request: gr.Request, progress: gr.Progress = gr.Progress(), *dials: Any) -> Any:  # noqa: B008
        """The pictures of all photos, in one zip."""
        *of_look, kind, with_parts = dials
        person, asked = self._asked(of_look, request)
        return self._make(person, asked, dict(person.photos), kind, with_parts, progress)

    def _make(self, person, asked, photos, kind, with_parts, progress):
        if not photos:
            raise failed("there is no photo yet: drop one into the field above")

        def told(number: int, count: int, name: str) -> None:
            progress((number, count), desc=name, unit="photos")

        model = self._model(person, asked)
        with person.lock:
            folder = person.result_folder("pictures")
            ratio: Ratio = asked.asked if model.family.ratio is not None else "default"
            naming = Naming(ext=kind, ratios=(ratio,), parts=with_parts)
            made, problems = enhanced(
                photos, folder, model, naming, progress=told, megapixels=self.limits.megapixels,
                protocol=asked.named or "default", strength=float(asked.strength), denoise=float(asked.denoise),
            )  # fmt: skip
            if not made:
                raise KindlingError("; ".join(problems))
            target = made[0] if len(made) == 1 else zipped(made, folder / "kindling.zip")
        for problem in problems:
            gr.Warning(html.escape(problem), duration=10)
        count = "" if len(made) == 1 else f" ({len(made)} pictures)"
        return gr.update(value=str(target), label=f"Save {target.name}{count}", visible=True)

    # --- what they stand on ------------------------------------------------------------------------------------------

    def _asked(self, dials, request):
        return self.people.of(request.session_hash), Dials(**dict(zip(Dials.__dataclass_fields__, dials, strict=True)))

    def _weights(self, person: Person, name: str) -> Path:
        known = {**self.models.weights, **person.weights}
        if name not in known:
            raise KindlingError(f"there are no weights {name!r} here")
        return known[name]

    def _model(self, person: Person, asked: Dials) -> Model:
        return self.models.open(self._weights(person, asked.weights), asked.family, asked.runtime, asked.device)

    def _preview(self, person: Person, asked: Dials) -> Preview:
        """The person's preview, anew where another photo is looked at, or with something else. Needs the lock, and a
        photo."""
        name = asked.photo if asked.photo in person.photos else next(iter(person.photos))
        # Not the weights' name: other weights may have been uploaded under the same.
        key = person.photos[name], asked.family, self._weights(person, asked.weights), asked.runtime, asked.device
        if person.preview is None or person.preview[0] != key:
            person.preview = None  # before the next is made, or both would be in memory
            model = self._model(person, asked)
            made = Preview(person.photos[name], model, side=self.limits.preview, megapixels=self.limits.megapixels)
            person.preview = key, made
        return person.preview[1]


def _waiting() -> Any:
    """The place of the progress bar, before there is anything to save."""
    return gr.update(value=None, label="Making it ...", visible=True)


def _strip(seen: Preview, asked: Dials) -> str:
    small = seen.exposures(asked.strength, asked.denoise, asked.named)
    return json.dumps([{"ratio": ratio, "picture": uri(picture)} for ratio, picture in small.items()])


def _figure(title: str, picture: bytes) -> str:
    return f'<figure class="part"><img src="{uri(picture)}" alt="{title}"></figure>'
