"""What both tabs share: errors as sentences in the page, files that came with the code, custom parts of the page."""

import functools
import html
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from kindling.core.errors import KindlingError
from kindling.ui.people import sentence

__all__ = ["asset", "compare", "failed", "packed", "spoken", "strip"]

HERE = Path(__file__).parent


def asset(name: str) -> str:
    """The text of a file that lies beside this one."""
    return (HERE / name).read_text(encoding="utf-8")


def compare() -> gr.HTML:
    """The picture before and after; its value is `packed(before=, after=, size=, fresh=)`, of which any may lack."""
    return gr.HTML(html_template=asset("compare.html"), js_on_load=asset("compare.js"), elem_id="compare")


def strip() -> gr.HTML:
    """Small pictures to press; its value is the JSON of [{"ratio": 1.0, "picture": address}, ...]."""
    template = '<div class="strip" role="group" aria-label="Exposures: press one to take its ratio"></div>'
    return gr.HTML(html_template=template, js_on_load=asset("strip.js"), elem_id="strip")


def packed(**seen: object) -> str:
    """What a part of the page is to show, as its script reads it."""
    return json.dumps(seen)


def failed(said: str) -> gr.Error:
    """A sentence in the page, for ten seconds. It may name somebody's file, which may be called like markup."""
    return gr.Error(html.escape(said), duration=10, print_exception=False)


def spoken(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler, a method of a tab that has `people`, whose errors become sentences in the page."""

    @functools.wraps(handler)
    def wrapped(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return handler(self, *arguments, **options)
        except (KindlingError, MemoryError, OSError) as error:
            requests = [a for a in [*arguments, *options.values()] if isinstance(a, gr.Request)]
            person = self.people.of(requests[0].session_hash) if requests else None
            raise failed(sentence(error, person)) from error

    assert not inspect.isgeneratorfunction(handler)  # its errors would come after this one had returned
    return wrapped
