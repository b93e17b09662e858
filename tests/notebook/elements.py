"""Elements of a piece of HTML, as a browser would read them."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.elements, self._open = [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), []))
        self._open.append(self.elements[-1])

    def handle_endtag(self, tag):
        opened = self._open.pop()
        assert opened[0] == tag, f"<{opened[0]}> is closed by </{tag}>"

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), []))

    def handle_data(self, data):
        for _, _, texts in self._open:
            texts.append(data)


def elements_of(html):
    """Return (tag, attributes, text) of each element, after checking that all are closed."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader._open == []
    return [(tag, attributes, "".join(texts)) for tag, attributes, texts in reader.elements]


def rows_of(html):
    """Return the texts of the cells of each row of all tables."""
    rows = []
    for tag, _, text in elements_of(html):
        if tag == "tr":
            rows.append([])
        if tag in ("th", "td"):
            rows[-1].append(text)
    return rows


def facts_of(html):
    """Return the rows with a name and a value as a dict."""
    return {row[0]: row[1] for row in rows_of(html) if len(row) == 2}
