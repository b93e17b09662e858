function addSearch() {
  const n = rows.row.length;
  const section = addSection("rows", "Search rows", n < data.n_rows
    ? reportRowsNote(n, data.n_rows) : null);
  const kinds = [rows.text ? "texts" : null, rows.label ? "labels" : null, rows.id ? "identifiers" : null].filter(Boolean);
  const hint = kinds.length ? "Search " + listed(kinds) : "Row number";
  const field = make("input", { type: "search", id: "query", placeholder: hint, ariaLabel: hint,
    oninput: () => select({ query: field.value.trim() }) });
  const choice = make("select", { id: "cluster-select", ariaLabel: "Cluster",
    onchange: () => select({ cluster: choice.value === "" ? null : Number(choice.value) }) });
  const fillChoice = () => choice.replaceChildren(make("option", { value: "", textContent: "all clusters" }),
    ...[...new Set(rows.cluster)].sort((a, b) => a - b).map((k) =>
      make("option", { value: k, textContent: clusterName(k) })));
  fillChoice();
  document.addEventListener("edits", fillChoice);
  const lassoButton = make("button", { type: "button", textContent: "In the lasso ✕",
    ariaLabel: "Remove the lasso", onclick: () => select({ lasso: null }) });
  const clustersButton = make("button", { type: "button", ariaLabel: "Select all clusters",
    onclick: () => select({ clusters: null }) });
  const status = make("p", { className: "soft", role: "status", id: "row-count" });
  const results = make("div");
  const more = make("button", { type: "button", textContent: "Show more" });
  let nShown = PAGE_SIZE;
  function draw() {
    const { matches, query } = selection;
    status.textContent = plural(matches.length, "row") + ", closest to the mean direction of their cluster first";
    const rowOf = (i) => rows.row[matches[i]];
    const columns = [
      rowColumn(rowOf),
      ...contentColumns(rowOf, query),
      clusterColumn((i) => rows.cluster[matches[i]]),
      ...membershipColumns((i) => matches[i])];
    if (rows.label) {
      columns.push({ title: "Label", kind: "short", value: (i) => rows.label[matches[i]],
        cell: (i) => highlighted(rows.label[matches[i]], query) });
    }
    const count = Math.min(matches.length, nShown);
    results.replaceChildren(sortableTable(columns, count, { label: "Search results" }).element);
    more.hidden = matches.length <= nShown;
  }
  more.addEventListener("click", () => { nShown += 10 * PAGE_SIZE; draw(); });
  const help = kinds.length ? make("p", { className: "soft", id: "query-help",
    textContent: "Words in any order, “phrases” in quotes, -word for rows without it, row:17 for a row." }) : null;
  if (help) field.setAttribute("aria-describedby", help.id);
  section.append(make("div", { className: "controls" }, field, choice, clustersButton, lassoButton,
    downloadButtons("rows", () => tableOfRows(selection.matches), "the rows found")), help ?? "", status, results,
    make("p", {}, more));
  selection.listeners.push(() => {
    if (!selection.hasNewRows) return;
    clustersButton.hidden = selection.clusters === null;
    clustersButton.textContent = `In ${plural((selection.clusters ?? []).length, "cluster")} ✕`;
    if (field.value.trim() !== selection.query) field.value = selection.query;
    choice.value = selection.cluster ?? "";
    lassoButton.hidden = selection.lasso === null;
    nShown = PAGE_SIZE;
    draw();
  });
}
