"""The reference, which autodoc makes from the docstrings: how an entry looks, and the link to its source."""

import dataclasses
import inspect
import pkgutil
import re
from typing import Any

from iomux_site import SAFE
from iomux_site.sources import page_of


def lay_out(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """A docstring for the page: the arguments' names stand out, and an example is a block of its own."""
    text, word, example = "\n".join(lines).partition("\nExample:\n")
    if callable(found) and (names := "|".join(inspect.signature(found).parameters)):
        text = re.sub(rf"(?m)(^|[.,;] |and )((?:{names})(?=[:,](?: |$)| and ))", r"\1**\2**", text)
    lines[:] = "\n".join([text, word, example]).split("\n")


def sign(app: Any, what: str, name: str, found: Any, options: Any, arguments: str, result: str) -> tuple[Any, Any]:
    """A signature for the page: types by their short names. What is only handed out, and not made by hand, has none."""
    handed_out = dataclasses.is_dataclass(found) or hasattr(found, "_fields") or "Made by" in (found.__doc__ or "")
    if what == "class" and handed_out:
        return "", None
    return tuple(
        text and re.sub(r"~(?!iomux)(\w+\.)+", "", text).replace("[[...], ", "[..., ") for text in (arguments, result)
    )


def source_of(domain: str, info: dict[str, str]) -> str | None:
    """The page with the source of a function or a class, at its line, seen from a page of the reference."""
    if "." in info["fullname"]:
        return None
    found = inspect.unwrap(pkgutil.resolve_name(f"{info['module']}.{info['fullname']}"))
    if not (inspect.isfunction(found) or inspect.isclass(found)):
        return None
    page, line = page_of(inspect.getsourcefile(found) or ""), inspect.getsourcelines(found)[1]
    return f"../../{page}.html#line-{line}"


def list_parameters(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """The parameters of a long signature, a line each, without Sphinx's list of definitions, which has no terms."""

    def plain(found: re.Match[str]) -> str:
        return f'{found[1]}<div class="parameters">{found[2].replace("dd>", "div>")}</div>'

    body = context.get("body", "")
    context["body"] = re.sub(r'(class="sig-paren">[(\[]</span>)\s*<dl>(.*?)</dl>', plain, body, flags=re.DOTALL)


def setup(app: Any) -> dict[str, bool]:
    """Join Sphinx."""
    app.connect("autodoc-process-docstring", lay_out)
    app.connect("autodoc-process-signature", sign)
    app.connect("html-page-context", list_parameters)
    return SAFE
