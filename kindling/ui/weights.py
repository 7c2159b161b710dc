"""The tab for checkpoints: what one holds, the same in another form, and the proof that both frameworks agree on it."""

import html
import importlib.util
from pathlib import Path
from typing import Any

import gradio as gr

from kindling import api
from kindling.core.errors import KindlingError
from kindling.core.packages import own
from kindling.parity.html import as_html
from kindling.ui.models import Models
from kindling.ui.parts import spoken
from kindling.ui.people import People, Person
from kindling.ui.results import zipped

__all__ = ["WeightsTab"]

# What is offered, and how its file is called. A TF checkpoint is several files, which come as a zip.
FORMS = {
    "PyTorch, .pth": "kind.pth",
    "safetensors": "kind.safetensors",
    "Keras / HDF5, .h5": "kind.h5",
    "numpy, .npz": "kind.npz",
    "one TensorFlow checkpoint (zip)": "model.ckpt",
    "the original's folders (zip)": "checkpoints",
}
SIZES = ("2x3", "37x51")  # of random input: enough for every border, and done in seconds
BOTH = ("tensorflow", "torch")
SHORT = 200  # letters of metadata that are shown; an estimator is longer


class WeightsTab:
    """The tab: `build` lays it out, the other methods answer."""

    def __init__(self, people: People, loaded: Models):
        self.people, self.models = people, loaded

    def build(self, menu: gr.Dropdown, look: dict[str, Any]) -> None:
        """Lay the tab out, inside gr.Blocks. Of the other tab: menu, of weights, which gets what is taken there; look,
        the event that shows its photo anew."""
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                files = gr.File(
                    label="A checkpoint; of TensorFlow all its files together", file_count="multiple", height=150,
                    elem_id="checkpoint",
                )  # fmt: skip
                form = gr.Dropdown(list(FORMS), value=next(iter(FORMS)), label="Convert into", elem_id="form")
                with gr.Row():
                    convert = gr.Button("Convert", variant="primary", elem_id="convert")
                    use = gr.Button("Use for photos", elem_id="use")
                save = gr.DownloadButton("Save", visible=False, variant="primary", elem_id="save-weights")
                prove = gr.Button("Prove parity", elem_id="prove")
                proof = gr.DownloadButton("Save the report", visible=False, elem_id="save-report")
            with gr.Column(scale=3, min_width=320):
                holds = gr.HTML("", elem_classes="holds", elem_id="holds", js_on_load=None)
        report = gr.HTML("", elem_classes="report", elem_id="report", js_on_load=None)
        slow: dict[str, Any] = {"concurrency_id": "full", "concurrency_limit": 1, "api_visibility": "private"}
        gr.on(
            [files.upload, files.delete, files.clear], self.take, files, [holds, save, proof, report], **slow
        )  # fmt: skip
        convert.click(self.convert, form, save, show_progress_on=holds, **slow)
        prove.click(self.prove, form, [report, proof], show_progress_on=report, **slow)
        # The menu's value may stay the same, and other weights stand behind it: so the photo is looked at in any case.
        use.click(self.use, None, menu, **slow).success(**look)

    @spoken
    def take(self, request: gr.Request, files: list[str] | None) -> tuple[Any, ...]:
        """A checkpoint came, or was taken away: what is in it."""
        person = self.people.of(request.session_hash)
        hidden = gr.update(visible=False)
        with person.lock:
            self.people.forget(person.take_weights([Path(file) for file in files or []]))
            said = _holds(own("convert").inspect(person.checkpoint), person) if person.checkpoint else ""
        return said, hidden, hidden, ""

    @spoken
    def convert(self, request: gr.Request, form: str) -> Any:
        """The same weights in another form, read back before they are handed out."""
        person = self.people.of(request.session_hash)
        with person.lock, person.work_folder() as work:
            target, _ = self._converted(person, form, work)
        return gr.update(value=str(target), label=f"Save {target.name}", visible=True)

    @spoken
    def prove(self, request: gr.Request, form: str) -> tuple[Any, ...]:
        """TensorFlow with what was uploaded, PyTorch with what it was converted into."""
        missing = [name for name in BOTH if importlib.util.find_spec(name) is None]
        if missing:
            extras = ",".join({"tensorflow": "tf"}.get(name, name) for name in missing)
            raise KindlingError(
                f"parity needs both frameworks, and {' and '.join(missing)} is not installed here: "
                f"pip install 'kindling-llie[{extras}]'"
            )
        person = self.people.of(request.session_hash)
        with person.lock, person.work_folder() as work:
            source = _checkpoint(person)
            _, converted = self._converted(person, form, work)
            page = as_html(api.parity(source, converted, sizes=SIZES))
            target = person.result_folder("report") / "parity.html"
            target.write_text(page, encoding="utf-8")
        frame = f'<iframe title="parity report" sandbox="allow-scripts" srcdoc="{html.escape(page)}"></iframe>'
        return frame, gr.update(value=str(target), visible=True)

    @spoken
    def use(self, request: gr.Request) -> Any:
        """The checkpoint among the weights for photos, for this person alone."""
        person = self.people.of(request.session_hash)
        with person.lock:
            source = _checkpoint(person)
            own("convert").read(source)  # what cannot run is said here, not at the next photo
            name = person.use(source)
            choices = [*self.models.weights, *person.weights]
        gr.Info("The tab for photos has it now, under Weights and machine.")
        return gr.update(choices=choices, value=name)

    def _converted(self, person: Person, form: str, work: Path) -> tuple[Path, Path]:
        """(what is handed out, what can be read); the latter may lie in `work`."""
        source, name = _checkpoint(person), FORMS.get(form, "")
        if not name:
            raise KindlingError(f"there is no form {form!r} here")
        folder = person.result_folder("weights")
        if Path(name).suffix not in ("", ".ckpt"):
            own("convert").convert_file(source, folder / name)
            return folder / name, folder / name
        written = work / name
        done = own("convert").convert_file(source, written)
        return zipped(done.files, folder / f"{name}.zip", written.parent), written


def _checkpoint(person: Person) -> Path:
    if person.checkpoint is None:
        raise KindlingError("there is no checkpoint yet: drop one into the field above")
    return person.checkpoint


def _holds(found: Any, person: Person) -> str:
    """What `kindling inspect` says, as a table."""
    nets = ", ".join(f"{net} ({there} of {of} variables)" for net, (there, of) in found.nets.items()) or "none of KinD"
    verdict = '<b class="good">Sound</b>: every net in it is whole and finite.'
    if not found.sound:
        problems = "".join(f"<li>{_said(problem, found, person)}</li>" for problem in found.problems)
        verdict = f'<b class="bad">Not sound</b>:<ul>{problems}</ul>'
    facts = {
        "form": found.form,
        "family": found.family,
        "nets": nets,
        "parameters": f"{found.parameters:,}",
        "unwrapped": ", ".join(found.unwrapped),
        "of training": ", ".join(found.training),
        **{name: said for name, said in found.metadata.items() if len(said) < SHORT and said != found.fingerprint},
        "sha256 of the weights": found.fingerprint,
    }
    lines = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(str(said))}</td></tr>'
        for name, said in facts.items()
        if said
    )
    cells = ((v.name, "x".join(map(str, v.shape)) or "scalar", v.dtype, v.state) for v in found.variables)
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in cells)
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("variable", "shape", "dtype", "state"))
    return (
        f"<p>{verdict}</p><table>{lines}</table><details><summary>{len(found.variables)} variables</summary>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="variables"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _said(problem, found, person):
    return html.escape(problem.replace(str(found.path), found.path.name).replace(str(person.folder), ""))
