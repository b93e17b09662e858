const data = JSON.parse(document.getElementById("data").textContent);
const PAGE_SIZE = 50;  // rows or cards shown at first

// --- building elements; texts are always inserted as text, never as HTML ----------------------

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
const byId = (id) => document.getElementById(id);
const integer = (value) => value.toLocaleString("en");
const percent = (value) => (100 * value).toFixed(value < 0.0995 ? 1 : 0) + "%";
const decimal = (value, digits = 2) => value === null ? "–" : value.toFixed(digits);
// A probability, given as −log10 since it may be too small for a number: 0.12, 1 in 5,000 or 2e-12.
function chance(minusLog10) {
  if (minusLog10 === Infinity) return "<1e-300";
  if (minusLog10 < 1) return decimal(10 ** -minusLog10);
  if (minusLog10 < 6) return "1 in " + integer(Number((10 ** minusLog10).toPrecision(2)));
  const exponent = Math.ceil(minusLog10);
  return Math.min(Math.round(10 ** (exponent - minusLog10)), 9) + "e-" + exponent;
}
const nameOf = (k) => k >= 0 && data.clusters.name ? data.clusters.name[k] : "";
const clusterName = (k) => k < 0 ? "background" : "cluster " + k + (nameOf(k) && ` (${nameOf(k)})`);
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => document.documentElement.dataset.theme
  ? document.documentElement.dataset.theme === "dark" : prefersDark.matches;
const colorOf = (k) => k < 0 ? "#8a9099" : data.clusters.color[isDark() ? "dark" : "light"][k];
const rows = data.rows;
const indexOfRow = new Map(rows.row.map((row, index) => [row, index]));
const wordsOf = (k) => data.clusters.words ? data.clusters.words[k].join(", ") : "";
const capitalized = (text) => text[0].toUpperCase() + text.slice(1);
const shortened = (text, length) => text.length > length ? [...text].slice(0, length).join("").trimEnd() + "…" : text;
function range(values) {
  let lowest = Infinity, highest = -Infinity;
  for (const value of values) { lowest = Math.min(lowest, value); highest = Math.max(highest, value); }
  return [lowest, highest];
}
const plural = (n, word) => integer(n) + " " + word + (n === 1 ? "" : "s");

// Add a section with a heading, and a link to it in the navigation.
function addSection(id, title, note) {
  const section = make("section", {}, make("h2", { id, textContent: title }));
  if (note) section.append(make("p", { className: "note", textContent: note }));
  document.querySelector("main").append(section);
  const link = make("a", { href: "#" + id, textContent: title });
  if (location.protocol === "about:") {  // in a frame of a notebook, where "#" is the notebook itself
    link.onclick = (event) => { event.preventDefault(); byId(id).scrollIntoView(); };
  }
  document.querySelector("nav").append(link);
  return section;
}

function clusterLink(k) {
  return k < 0 ? make("span", { textContent: "background" })
    : make("button", { type: "button", className: "link", textContent: String(k),
        title: "Show " + clusterName(k), ariaLabel: "Show " + clusterName(k), onclick: () => showCluster(k) });
}

// The image and the text of a row, or its number if it has neither.
function rowContent(row, query = "") {
  const parts = [];
  if (data.images && data.images[row]) {
    parts.push(make("img", { className: "thumb", src: data.images[row], alt: "Image of row " + row }));
  }
  if (rows.text) parts.push(highlighted(rows.text[indexOfRow.get(row)], query));
  if (!parts.length) parts.push("row " + row);
  return parts;
}

function highlighted(text, query) {
  const span = make("span");
  let shown = 0;
  for (const [start, end] of matchedRanges(text, query)) {
    span.append(text.slice(shown, start), make("mark", { textContent: text.slice(start, end) }));
    shown = end;
  }
  span.append(text.slice(shown));
  return span;
}

function rowList(listed, query = "") {
  const imagesOnly = data.images && !rows.text;
  return make("ul", { className: imagesOnly ? "texts thumbs" : "texts" },
    ...listed.filter((row) => row >= 0).map((row) => make("li", {}, ...rowContent(row, query))));
}

// A table that is sorted by a click on a column title. A column is {title, value(i), cell(i), kind},
// where i is the index of a row and the kind of the cells is "number", "short" or, if left out, text.
function sortableTable(columns, count, { sortedBy = null, descending = true, label }) {
  const body = make("tbody");
  const state = { column: sortedBy, descending };
  const headers = columns.map((column) => make("th",
    { scope: "col", className: column.kind ?? "" },
    make("button", { type: "button", textContent: column.title,
      onclick: () => sortBy(columns.indexOf(column)) })));
  const tableRows = Array.from({ length: count }, (_, i) => make("tr", {},
    ...columns.map((column) => make("td", { className: column.kind ?? "text" },
      ...[column.cell(i)].flat()))));
  function sortBy(index) {
    state.descending = index === state.column ? !state.descending : columns[index].kind === "number";
    state.column = index;
    update();
  }
  function update() {
    const order = Array.from({ length: count }, (_, i) => i);
    if (state.column !== null) {
      const keys = order.map(columns[state.column].value);
      const sign = state.descending ? -1 : 1;
      const isMissing = (key) => key === null || Number.isNaN(key);
      order.sort((a, b) => isMissing(keys[a]) - isMissing(keys[b])
        || sign * (typeof keys[a] === "string" ? keys[a].localeCompare(keys[b]) : keys[a] - keys[b])
        || a - b);
    }
    headers.forEach((header, i) => {
      if (i === state.column) {
        header.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      } else header.removeAttribute("aria-sort");
    });
    body.replaceChildren(...order.map((i) => tableRows[i]));
  }
  update();
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...headers)), body);
  return { element: make("div", { className: "scroll", tabIndex: 0, role: "region",
    ariaLabel: label }, table), tableRows };
}

// Columns that several tables have; rowOf(i) is the row of the data in row i of the table.
const rowColumn = (rowOf) => ({ title: "Row", kind: "number", value: rowOf,
  cell: (i) => String(rowOf(i)) });
const contentColumns = (rowOf, query = "") => rows.text || data.images ? [{
  title: rows.text ? "Text" : "Image",
  value: (i) => rows.text ? rows.text[indexOfRow.get(rowOf(i))] : rowOf(i),
  cell: (i) => rowContent(rowOf(i), query) }] : [];
const clusterColumn = (clusterOf) => ({ title: "Cluster", kind: "number", value: clusterOf,
  cell: (i) => clusterLink(clusterOf(i)) });
const cosineColumn = (cosineOf) => ({ title: "Cosine", kind: "number", value: cosineOf,
  cell: (i) => decimal(cosineOf(i)) });
