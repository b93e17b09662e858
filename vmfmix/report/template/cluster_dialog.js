function showCluster(cluster) {
  const k = unionOf(cluster), c = data.clusters, dialog = byId("cluster");
  const outliers = data.outliers.row.filter((_, i) => data.outliers.cluster[i] === k).slice(0, 5);
  const neighbors = nearestClusters(k);
  const indices = () => [...rowsByCosine].filter((i) => rows.cluster[i] === k);
  const nRows = indices().length;
  const heading = make("div", { id: "cluster-facts" });
  const redraw = () => { showCluster(k); byId("edit-name")?.focus(); };
  dialog.dataset.cluster = k;
  clusterHeading(k, heading);
  dialog.replaceChildren(heading,
    make("p", { className: "controls" },
      make("button", { type: "button", textContent: "Show on map",
        onclick: () => { dialog.close(); showOnMap(k); } }),
      make("button", { type: "button", textContent: "Show rows",
        onclick: () => { dialog.close(); select({ query: "", lasso: null, cluster: k });
          byId("rows").scrollIntoView(); byId("query").focus({ preventScroll: true }); } }),
      copyLinkButton(),
      nRows ? downloadButtons(`cluster-${k}`, () => tableOfRows(indices()), "the rows of this cluster") : null),
    nRows && nRows < c.size[k] ? make("p", { className: "soft", textContent: reportRowsNote(nRows, c.size[k]) }) : "",
    editForm(k, redraw),
    make("h3", { textContent: "Typical rows" }), rowList(c.exemplars[k]));
  if (outliers.length) dialog.append(make("h3", { textContent: "Outliers" }), rowList(outliers));
  if (neighbors.length) {
    dialog.append(make("h3", { textContent: "Nearest clusters" }),
      make("ul", { className: "texts" }, ...neighbors.map(([other, cosine]) => make("li", {},
        clusterLink(other), cosine === null ? " " : ` cosine ${decimal(cosine)} `,
        make("span", { className: "soft", textContent: nameOf(other) || wordsOf(other) }), typicalImages(other)))));
  }
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  document.dispatchEvent(new Event("dialog"));
}

// The name of a cluster and what is known of it.
function clusterHeading(k, element) {
  const c = data.clusters, subtitle = nameOf(k) || wordsOf(k), { note } = editsOf(k);
  const facts = [...remarksOn(k), nameOf(k) && wordsOf(k) ? "typical words: " + wordsOf(k) : null,
    plural(c.size[k], "row"), percent(c.share[k]) + " of all rows",
    c.concentration[k] === null ? null : "concentration " + decimal(c.concentration[k], 1),
    c.radius[k] === null ? null : "radius " + decimal(c.radius[k], 0) + "°",
    c.label && c.label[k] ? `most frequent label: ${c.label[k]} (${percent(c.purity[k] ?? 0)})` : null];
  element.replaceChildren(
    make("div", { className: "top" }, make("h2", { id: "cluster-name", style: "margin:0", dir: "auto",
      textContent: "Cluster " + k + (subtitle ? ": " + subtitle : "") }),
    make("button", { type: "button", textContent: "Close", onclick: () => byId("cluster").close() })),
    make("p", { className: "soft", textContent: facts.filter(Boolean).join(" · ") }),
    note ? make("p", { className: "cluster-note", dir: "auto", textContent: note }) : "");
}

// A few images of a cluster without words.
function typicalImages(k) {
  const shown = data.clusters.exemplars[k].filter((row) => data.images?.[row]).slice(0, 4);
  return rows.text || !shown.length ? "" : make("div", { className: "thumbs" },
    ...shown.map((row) => rowLink(row, shown, rowContent(row))));
}

// Pairs of a cluster near to cluster k, and the cosine of the mean directions; null for unions.
function nearestClusters(k) {
  const found = new Map();
  const pairs = editsOf(k).clusters.flatMap((cluster) => data.neighbors[cluster]).sort((a, b) => b[1] - a[1]);
  for (const [other, cosine] of pairs) {
    const isUnion = editsOf(k).clusters.length > 1 || editsOf(other).clusters.length > 1;
    if (unionOf(other) !== k && !found.has(unionOf(other))) found.set(unionOf(other), isUnion ? null : cosine);
  }
  return [...found];
}

// What holds for the dialog as a whole: a press beside it closes it, and edits change its heading.
function startDialog() {
  const dialog = byId("cluster");
  const isBeside = (event) => {
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    return event.target === dialog && event.isPrimary && event.button === 0
      && (event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom);
  };
  dialog.addEventListener("pointerdown", (event) => {
    if (!isBeside(event)) return;
    // The click would otherwise act on what is below the dialog.
    addEventListener("click", (click) => { click.stopPropagation(); click.preventDefault(); },
      { capture: true, once: true });
    dialog.close();
  });
  dialog.addEventListener("close", () => document.dispatchEvent(new Event("dialog")));
  document.addEventListener("edits", () => {
    if (!dialog.open) return;
    const k = Number(dialog.dataset.cluster);
    if (isFormChange) clusterHeading(unionOf(k), byId("cluster-facts"));
    else showCluster(k);
  });
}
