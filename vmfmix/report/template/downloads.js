// --- files that are made in the page: tables of rows and clusters as CSV or JSON ------------------

function saveFile(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// A table is {name: values}, with as many values in each column. The formats are those of the
// package: UTF-8, and empty cells for missing values. An apostrophe before texts that begin as
// formulas keeps spreadsheets from running them.
function csvOf(columns) {
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value !== "string") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? "'" + value : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const values = Object.values(columns);
  const lines = values[0].map((_, i) => values.map((column) => cell(column[i])).join(","));
  return [Object.keys(columns).map(cell).join(","), ...lines].join("\r\n") + "\r\n";
}
function jsonOf(columns) {
  const entries = Object.entries(columns);
  const lines = entries[0][1].map((_, i) =>
    JSON.stringify(Object.fromEntries(entries.map(([name, values]) => [name, values[i] ?? null]))));
  return `[\n${lines.join(",\n")}\n]\n`;
}

// The table of some rows of the report, given their indices.
function tableOfRows(indices) {
  const take = (values) => indices.map((i) => values[i]);
  const given = (name) => rows[name] ? { [name]: take(rows[name]) } : {};
  const ofCluster = (values) => indices.map((i) => rows.cluster[i] < 0 ? null : values[i]);
  return { row: take(rows.row), ...given("id"), ...given("text"), ...clusterColumns(take(rows.cluster)),
    similarity: ofCluster(rows.cosine), margin: ofCluster(rows.margin), probability: take(rows.probability),
    ...given("typicality"), ...given("label") };
}
// As in the files of the package, noise has the number -1 and no name.
function clusterColumns(clusters) {
  const isOne = (k) => k >= 0 && !isNoise(k);
  return { cluster: clusters.map((k) => isOne(k) ? k : -1),
    cluster_name: clusters.map((k) => isOne(k) ? nameOf(k) || String(k) : null) };
}
const textsOf = (listed) => Object.fromEntries(["id", "text"].filter((name) => rows[name]).map((name) =>
  [name, listed.map((row) => rows[name][indexOfRow.get(row)] ?? null)]));
function tableOfOutliers() {
  const o = data.outliers;
  return { row: o.row, ...textsOf(o.row), ...clusterColumns(o.cluster), similarity: o.cosine,
    minus_log10_p: o.minus_log10_p };
}
function tableOfLabelErrors() {
  const issues = data.issues;
  return { row: issues.row, ...textsOf(issues.row), given_label: issues.given, suggested_label: issues.suggested,
    given_label_probability: issues.probability, suggested_label_probability: issues.suggested_probability,
    ...clusterColumns(issues.cluster) };
}
function tableOfClusters() {
  const c = data.clusters, shown = edits.groups.map((each) => each.clusters[0]);
  const columns = { cluster: shown, name: shown.map(nameOf), note: shown.map((k) => editsOf(k).note),
    noise: shown.map(isNoise), merged_from: shown.map((k) => editsOf(k).clusters.join(" ")) };
  for (const [name, values] of Object.entries(c)) {
    if (!Array.isArray(values) || name in columns || name === "exemplars") continue;
    columns[name] = shown.map((k) => Array.isArray(values[k]) ? values[k].join(", ") : values[k]);
  }
  return columns;
}

// Buttons that download a table, which is made when it is needed.
function downloadButtons(name, tableOf, what) {
  const button = (format, write, type) => make("button", { type: "button", textContent: format,
    ariaLabel: `Download ${what} as ${format}`, title: `Download ${what} as ${format}`,
    onclick: () => saveFile(`${name}.${format.toLowerCase()}`, write(tableOf()), type) });
  return make("span", { className: "downloads" }, make("span", { className: "soft", textContent: "Download " }),
    button("CSV", csvOf, "text/csv"), button("JSON", jsonOf, "application/json"));
}
