"""Sphinx directive ``{command-reference}``: a list of the commands of `vmfmix`, and their options.

sphinx-argparse is not used: it reads help texts as reStructuredText, which they are not.
"""

import argparse
import re
from collections import defaultdict

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from vmfmix.cli.arguments import make_parser

_OPTION = re.compile(r"(?<!\w)(--?[a-z][\w-]*)")


class CommandReference(SphinxDirective):
    """One section for each command, with its description, examples and options."""

    def run(self):
        """Return the sections."""
        parser = make_parser(defaultdict(lambda: lambda arguments: None))
        commands = next(
            action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
        )
        links = [_link(action.dest, action.help) for action in commands._choices_actions]
        sections = [_section(name, command) for name, command in commands.choices.items()]
        return [nodes.bullet_list("", *links), *sections]


def _link(name, purpose):
    """Return an item of the list of commands, which leads to the section of the command."""
    title = f"vmfmix {name}"
    link = nodes.reference("", "", nodes.literal(title, title), refid=nodes.make_id(title))
    return nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(f": {purpose}")))


def _section(name, parser):
    title = f"vmfmix {name}"
    section = nodes.section(ids=[nodes.make_id(title)], names=[title])
    section += nodes.title(title, title)
    for text in (parser.description, parser.epilog):
        section += _blocks(text or "")
    for group in parser._action_groups:
        actions = [each for each in group._group_actions if each.help != argparse.SUPPRESS]
        actions = [each for each in actions if not isinstance(each, argparse._HelpAction)]
        if actions:
            section += nodes.rubric(group.title, group.title.capitalize())
            section += nodes.definition_list("", *(_item(parser, action) for action in actions))
    return section


def _blocks(text):
    """Return paragraphs, and literal blocks of indented lines, which keep their line breaks."""
    blocks = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        lines = part.splitlines()
        titles = [line for line in lines if not line.startswith("  ")]
        code = [line[2:] for line in lines if line.startswith("  ")]
        if titles:
            blocks.append(_paragraph(" ".join(titles)))
        if code:
            blocks.append(nodes.literal_block("\n".join(code), "\n".join(code), language="none"))
    return blocks


def _item(parser, action):
    """Return the names of an option and its help."""
    formatter = parser._get_formatter()
    if action.option_strings:
        value = (
            "" if action.nargs == 0 else " " + formatter._format_args(action, action.dest.upper())
        )
        names = [f"{option}{value}" for option in action.option_strings]
    else:
        names = [formatter._format_args(action, action.dest)]
    term = nodes.term()
    for number, name in enumerate(names):
        term += [nodes.Text(", ")] * (number > 0) + [nodes.literal(name, name)]
    text = formatter._expand_help(action) if action.help else ""
    return nodes.definition_list_item("", term, nodes.definition("", _paragraph(text)))


def _paragraph(text):
    """Return a paragraph in which options are code, so that their dashes remain."""
    paragraph = nodes.paragraph()
    for number, part in enumerate(_OPTION.split(text[:1].upper() + text[1:])):
        paragraph += nodes.literal(part, part) if number % 2 else nodes.Text(part)
    return paragraph


def setup(app):
    """Register the directive."""
    app.add_directive("command-reference", CommandReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
