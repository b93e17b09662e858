// --- sections ---------------------------------------------------------------------------------

function addHeader() {
  document.title = data.title;
  byId("title").textContent = data.title;
  byId("summary").textContent = data.summary.join(" · ");
  const button = byId("theme");
  const update = () => {
    button.setAttribute("aria-pressed", isDark());
    document.dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    update();
  });
  prefersDark.addEventListener("change", update);
  update();
}

function addClusters() {
  const c = data.clusters, largest = Math.max(...c.share, 1e-9);
  const section = addSection("clusters", "Clusters",
    "Click a cluster to open it. Radius: mean angle between the rows and the mean direction of their "
    + "cluster. Silhouette: near 1 if the rows are far from other clusters, 0 between two clusters, "
    + "negative if they are closer to another cluster. Nearest cluster: with the cosine of the two mean "
    + "directions.");
  const columns = [
    { title: "Cluster", kind: "number", value: (i) => i, cell: (i) => clusterLink(i) },
    ...(c.name ? [{ title: "Name", kind: "short", value: (i) => nameOf(i), cell: (i) => nameOf(i) }] : []),
    { title: "Rows", kind: "number", value: (i) => c.size[i], cell: (i) => integer(c.size[i]) },
    { title: "Share", kind: "number", value: (i) => c.share[i], cell: (i) => [percent(c.share[i]),
      make("div", { className: "bar",
        style: `width:${100 * c.share[i] / largest}%;margin-left:auto` })] },
  ];
  if (c.words) {
    columns.push({ title: "Typical words", value: (i) => wordsOf(i), cell: (i) => wordsOf(i) });
  } else {
    columns.push({ title: "Typical rows", value: (i) => i,
      cell: (i) => make("div", { className: "thumbs" }, ...c.exemplars[i].slice(0, 4)
        .filter((row) => row >= 0).flatMap((row) => make("span", {}, ...rowContent(row)))) });
  }
  columns.push(
    { title: "Radius", kind: "number", value: (i) => c.radius[i],
      cell: (i) => c.radius[i] === null ? "–" : decimal(c.radius[i], 0) + "°" },
    { title: "Concentration", kind: "number", value: (i) => c.concentration[i],
      cell: (i) => decimal(c.concentration[i], 1) },
    { title: "Silhouette", kind: "number", value: (i) => c.silhouette[i],
      cell: (i) => decimal(c.silhouette[i]) },
    { title: "Nearest cluster", kind: "number", value: (i) => c.nearest_cosine[i],
      cell: (i) => c.nearest_cluster[i] < 0 ? "–"
        : make("span", {}, clusterLink(c.nearest_cluster[i]), ` (${decimal(c.nearest_cosine[i])})`) });
  if (c.label) {
    columns.push(
      { title: "Most frequent label", kind: "short", value: (i) => c.label[i], cell: (i) => c.label[i] },
      { title: "Purity", kind: "number", value: (i) => c.purity[i], cell: (i) => decimal(c.purity[i]) });
  }
  const { element, tableRows } = sortableTable(columns, c.size.length, { sortedBy: 1, label: "Clusters" });
  const rowTexts = tableRows.map((row) => row.textContent.toLowerCase());
  const status = make("span", { className: "soft", role: "status" });
  const field = make("input", { type: "search", id: "cluster-filter",
    placeholder: "Filter clusters", ariaLabel: "Filter clusters", oninput: () => {
      const query = field.value.trim().toLowerCase();
      tableRows.forEach((row, i) => { row.hidden = !rowTexts[i].includes(query); });
      const nShown = tableRows.filter((row) => !row.hidden).length;
      status.textContent = query ? plural(nShown, "cluster") : "";
    } });
  selection.listeners.push(() => tableRows.forEach((row, i) => {
    row.classList.toggle("selected", i === selection.cluster);
  }));
  section.append(make("div", { className: "controls" }, field, status), element);
}

function showCluster(k) {
  const c = data.clusters, dialog = byId("cluster");
  const outliers = data.outliers.row.filter((_, i) => data.outliers.cluster[i] === k).slice(0, 5);
  const neighbors = data.neighbors[k];
  const subtitle = nameOf(k) || wordsOf(k);
  const facts = [nameOf(k) && wordsOf(k) ? "typical words: " + wordsOf(k) : null, plural(c.size[k], "row"), percent(c.share[k]) + " of all rows",
    "concentration " + decimal(c.concentration[k], 1),
    c.radius[k] === null ? null : "radius " + decimal(c.radius[k], 0) + "°",
    c.label ? `most frequent label: ${c.label[k]} (${percent(c.purity[k] ?? 0)})` : null];
  dialog.replaceChildren(
    make("div", { className: "top" }, make("h2", { id: "cluster-name", style: "margin:0",
      textContent: "Cluster " + k + (subtitle ? ": " + subtitle : "") }),
      make("button", { type: "button", textContent: "Close", onclick: () => dialog.close() })),
    make("p", { className: "soft", textContent: facts.filter(Boolean).join(" · ") }),
    make("h3", { textContent: "Typical rows" }), rowList(c.exemplars[k]));
  if (outliers.length) dialog.append(make("h3", { textContent: "Outliers" }), rowList(outliers));
  if (neighbors.length) {
    dialog.append(make("h3", { textContent: "Nearest clusters" }),
      make("ul", { className: "texts" }, ...neighbors.map(([other, cosine]) => make("li", {},
        clusterLink(other), ` cosine ${decimal(cosine)} `,
        make("span", { className: "soft", textContent: nameOf(other) || wordsOf(other) })))));
  }
  dialog.append(make("p", { className: "controls" },
    make("button", { type: "button", textContent: "Show on map",
      onclick: () => { dialog.close(); showOnMap(k); } }),
    make("button", { type: "button", textContent: "Show all rows of this cluster",
      onclick: () => { dialog.close(); select({ query: "", lasso: null, cluster: k });
        byId("rows").scrollIntoView(); byId("query").focus({ preventScroll: true }); } })));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function addSearch() {
  const n = rows.row.length;
  const section = addSection("rows", "Search rows", n < data.n_rows
    ? `This report contains ${integer(n)} of ${integer(data.n_rows)} rows, evenly spaced.` : null);
  const hint = searchTexts ? "Search texts" : "Row number";
  const field = make("input", { type: "search", id: "query", placeholder: hint, ariaLabel: hint,
    oninput: () => select({ query: field.value.trim().toLowerCase() }) });
  const choice = make("select", { id: "cluster-select", ariaLabel: "Cluster",
    onchange: () => select({ cluster: choice.value === "" ? null : Number(choice.value) }) },
    make("option", { value: "", textContent: "all clusters" }),
    ...[...new Set(rows.cluster)].sort((a, b) => a - b).map((k) =>
      make("option", { value: k, textContent: clusterName(k) })));
  const lassoButton = make("button", { type: "button", textContent: "In the lasso ✕",
    ariaLabel: "Remove the lasso", onclick: () => select({ lasso: null }) });
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
      { title: "Probability", kind: "number", value: (i) => rows.probability[matches[i]],
        cell: (i) => decimal(rows.probability[matches[i]]) },
      cosineColumn((i) => rows.cosine[matches[i]])];
    if (rows.label) {
      columns.push({ title: "Label", kind: "short", value: (i) => rows.label[matches[i]],
        cell: (i) => rows.label[matches[i]] });
    }
    const count = Math.min(matches.length, nShown);
    results.replaceChildren(sortableTable(columns, count, { label: "Search results" }).element);
    more.hidden = matches.length <= nShown;
  }
  more.addEventListener("click", () => { nShown += 10 * PAGE_SIZE; draw(); });
  section.append(make("div", { className: "controls" }, field, choice, lassoButton), status, results,
    make("p", {}, more));
  selection.listeners.push(() => {
    if (field.value.trim().toLowerCase() !== selection.query) field.value = selection.query;
    choice.value = selection.cluster ?? "";
    lassoButton.hidden = selection.lasso === null;
    nShown = PAGE_SIZE;
    draw();
  });
}

function addOutliers() {
  const o = data.outliers;
  const section = addSection("outliers", "Outliers", o.row.length
    ? `Rows unexpectedly far from the mean direction of their cluster, most extreme first (${data.outlier_note}).`
    : "No row is unexpectedly far from the mean direction of its cluster.");
  if (!o.row.length) return;
  const rowOf = (i) => o.row[i];
  section.append(sortableTable([
    rowColumn(rowOf),
    ...contentColumns(rowOf),
    clusterColumn((i) => o.cluster[i]),
    cosineColumn((i) => o.cosine[i]),
    { title: "p-value", kind: "number", value: (i) => -o.minus_log10_p[i],
      cell: (i) => chance(o.minus_log10_p[i]) },
  ], o.row.length, { label: "Outliers" }).element);
}

function addLabelErrors() {
  const issues = data.issues;
  if (!issues) return;
  const section = addSection("label-errors", "Possible label errors", issues.row.length
    ? `Rows that another label fits better, most suspicious first (${issues.note}).`
    : "No row fits another label better than its own.");
  if (!issues.row.length) return;
  const rowOf = (i) => issues.row[i];
  section.append(sortableTable([
    rowColumn(rowOf),
    ...contentColumns(rowOf),
    { title: "Given label", kind: "short", value: (i) => issues.given[i], cell: (i) => issues.given[i] },
    { title: "Probability of given label", kind: "number", value: (i) => issues.probability[i],
      cell: (i) => chance(-Math.log10(issues.probability[i])) },
    { title: "Suggested label", kind: "short", value: (i) => issues.suggested[i],
      cell: (i) => issues.suggested[i] },
    clusterColumn((i) => issues.cluster[i]),
  ], issues.row.length, { label: "Possible label errors" }).element);
}
