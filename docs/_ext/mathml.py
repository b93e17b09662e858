"""Sphinx renderer of formulas as MathML, which browsers show without scripts or a network."""

import re

from docutils import nodes
from latex2mathml.converter import convert

# Environments that latex2mathml does not know, and those of the same layout.
_ENVIRONMENTS = {"{aligned}": "{split}", "{gathered}": "{matrix}"}
# Symbols that it writes as LaTeX or without spaces around them.
_SYMBOLS = {r"<mi>\arg</mi>": "<mi>arg</mi>", "<mi>&#x0007E;</mi>": "<mo>&#x0223C;</mo>"}
_ROW_SPACING = re.compile(r"\\\\\[[^]]*\]")  # such as \\[2pt], which it shows as text
# A function such as log, unless it is the base of an index, before anything but an operator.
_FUNCTION = re.compile(r"(?<!<msub>)(?<!<msup>)(<mi>[a-z]{3}</mi>)(?=<m(?!o>|o |space))")


def to_mathml(latex, display):
    """Return a formula as a ``<math>`` element."""
    for unknown, known in _ENVIRONMENTS.items():
        latex = latex.replace(unknown, known)
    latex = _ROW_SPACING.sub(r"\\\\", latex)
    formula = convert(latex, display=display)
    for wrong, right in _SYMBOLS.items():
        formula = formula.replace(wrong, right)
    return _FUNCTION.sub(r'\1<mspace width="0.167em" />', formula)


def visit_math(translator, node):
    """Write a formula within a line."""
    translator.body.append(to_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_math_block(translator, node):
    """Write a formula on its own line, with its number if it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="formula"))
    translator.body.append(to_mathml(node.astext(), "block"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({node["number"]})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>")
    raise nodes.SkipNode


def setup(app):
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
