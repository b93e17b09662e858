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
// A probability, given as −log10 since it may be too small for a number: 0.12, 1 in 5,000 or 1 in 2 million.
function chance(minusLog10) {
  if (minusLog10 < 1) return decimal(10 ** -minusLog10);
  if (minusLog10 > 12) return "< 1 in 1 trillion";
  const one = Number((10 ** minusLog10).toPrecision(2));
  const [unit, name] = [[1e12, " trillion"], [1e9, " billion"], [1e6, " million"], [1, ""]].find(([each]) => one >= each);
  return "1 in " + integer(one / unit) + name;
}
const nameOf = (k) => k >= 0 && data.clusters.name ? data.clusters.name[k] : "";
const clusterName = (k) => k < 0 ? "background" : "cluster " + k + (nameOf(k) && ` (${nameOf(k)})`)
  + remarksOn(k).map((remark) => `, ${remark}`).join("");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => document.documentElement.dataset.theme
  ? document.documentElement.dataset.theme === "dark" : prefersDark.matches;
const colorOf = (k) => k < 0 || isNoise(k) ? "#8a9099" : colorOfNode(groupOf(unionOf(k)));
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
const rowName = (row) => rows.id ? rows.id[indexOfRow.get(row)] || "row " + row : "row " + row;
const listed = (words) => words.length < 2 ? words.join() : words.slice(0, -1).join(", ") + " and " + words.at(-1);
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
  if (k < 0) return make("span", { textContent: "background" });
  const link = make("button", { type: "button", className: "link", onclick: () => showCluster(k) });
  link.dataset.cluster = k;
  labelClusterLink(link);
  return link;
}
function labelClusterLink(link) {
  const k = unionOf(Number(link.dataset.cluster));
  link.textContent = k;
  link.title = link.ariaLabel = "Show " + clusterName(k);
}

// The text of a row, or "" if it is not in the report.
const textOfRow = (row) => rows.text[indexOfRow.get(row)] ?? "";

// The image and the text of a row, or its identifier and label if it has neither.
function rowContent(row, query = "") {
  const parts = [], index = indexOfRow.get(row);
  if (data.images && data.images[row]) {
    parts.push(make("img", { className: "thumb", src: data.images[row], alt: "Image of " + rowName(row) }));
  }
  if (rows.text) parts.push(highlighted(textOfRow(row), query));
  if (!parts.length) {
    parts.push(make("span", { dir: "auto", textContent: rowName(row) }));
    if (rows.label) parts.push(make("span", { className: "soft", dir: "auto", textContent: " " + rows.label[index] }));
  }
  return parts;
}

// The same, where a click on the image opens the row; see `rowLink`.
function openableContent(row, query = "", listed = null) {
  return rowContent(row, query).map((part) =>
    part instanceof HTMLImageElement ? rowLink(row, listed, [part]) : part);
}

function highlighted(text, query) {
  const span = make("span", { dir: "auto" });
  let shown = 0;
  for (const [start, end] of matchedRanges(text, query)) {
    span.append(text.slice(shown, start), make("mark", { textContent: text.slice(start, end) }));
    shown = end;
  }
  span.append(text.slice(shown));
  return span;
}

// Rows that open on a click or Enter: texts below each other, images as a grid, or identifiers.
function rowList(listed, query = "") {
  const shown = listed.filter((row) => row >= 0);
  const kind = rows.text ? "texts" : data.images ? "texts thumbs" : "texts inline";
  return make("ul", { className: kind }, ...shown.map((row) => make("li", {},
    ...(rows.text ? [...openableContent(row, query, shown), " ", rowLink(row, shown)]
      : [rowLink(row, shown, rowContent(row))]))));
}

// A table that is sorted by a click on a column title. A column is {title, note, value(i), cell(i),
// kind, minor}, where i is the index of a row, the kind of the cells is "number", "short" or, if left
// out, text, and minor columns are left out on a phone, where each row is a card. The roles keep a
// table of cards a table for screen readers. arrange(order, rows, column, sign) returns the elements
// of the rows in this order, if others are among them.
function sortableTable(columns, count, { sortedBy = null, descending = true, label, arrange }) {
  const body = make("tbody", { role: "rowgroup" });
  const isLong = (cell) => /\S{25}/.test(cell.textContent);  // a word that may break anywhere
  const classOf = (column, usual) => (column.kind ?? usual) + (column.minor ? " minor" : "");
  const state = { column: sortedBy, descending };
  const headers = columns.map((column) => make("th",
    { scope: "col", role: "columnheader", className: classOf(column, "") },
    make("button", { type: "button", textContent: column.title, title: column.note ?? "",
      onclick: () => sortBy(columns.indexOf(column)) })));
  const cellsOf = (i) => columns.map((column) => {
    const cell = make("td", { role: "cell", className: classOf(column, "text"), "data-title": column.title,
      ...(column.kind === "number" ? {} : { dir: "auto" }) }, ...[column.cell(i)].flat());
    if (isLong(cell)) cell.classList.add("long");
    return cell;
  });
  const tableRows = Array.from({ length: count }, (_, i) => make("tr", { role: "row" }, ...cellsOf(i)));
  function refresh() {
    tableRows.forEach((row, i) => row.replaceChildren(...cellsOf(i)));
    update();
  }
  function sortBy(index) {
    state.descending = index === state.column ? !state.descending : columns[index].kind === "number";
    state.column = index;
    update();
  }
  function update() {
    const order = Array.from({ length: count }, (_, i) => i);
    const sign = state.descending ? -1 : 1;
    if (state.column !== null) {
      const keys = order.map(columns[state.column].value);
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
    body.replaceChildren(...arrange ? arrange(order, tableRows, columns[state.column], sign) : order.map((i) => tableRows[i]));
  }
  update();
  const table = make("table", { role: "table" }, make("thead", { role: "rowgroup" },
    make("tr", { role: "row" }, ...headers)), body);
  return { element: make("div", { className: "scroll", tabIndex: 0, role: "region",
    ariaLabel: label }, table), tableRows, refresh, update };
}

// Columns that several tables have; rowOf(i) is the row of the data in row i of the table.
const rowColumn = (rowOf) => ({ title: "Row", kind: rows.id ? "short" : "number",
  note: "Opens the row: how well it fits, and its most likely clusters",
  value: (i) => rows.id ? rowName(rowOf(i)) : rowOf(i),
  cell: (i) => rowLink(rowOf(i), null, [rows.id ? rowName(rowOf(i)) : String(rowOf(i))]) });
const contentColumns = (rowOf, query = "") => rows.text || data.images ? [{
  title: rows.text ? "Text" : "Image",
  value: (i) => rows.text ? textOfRow(rowOf(i)) : rowOf(i),
  cell: (i) => rows.text || data.images[rowOf(i)] ? openableContent(rowOf(i), query) : "–" }] : [];
const clusterColumn = (clusterOf) => ({ title: "Cluster", kind: "number", value: clusterOf,
  cell: (i) => clusterLink(clusterOf(i)) });
const reportRowsNote = (n, of) => `${integer(n)} of ${integer(of)} rows are in this report, evenly spaced; `
  + "these can be searched and downloaded.";
