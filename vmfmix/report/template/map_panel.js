// What the panel beside the map shows: the selection, or how to select something.
function panelContent() {
  const { query, cluster, clusters, lasso, row, matches } = selection, status = { role: "status", className: "soft" };
  if (!selection.isActive()) {
    return [make("h3", { textContent: "Nothing selected" }), make("ul", { className: "soft" },
      make("li", { textContent: "Point at a dot to read its row." }),
      make("li", { textContent: "Click a dot or a name to select the cluster." }),
      make("li", { textContent: "Drag with Shift, or with the lasso, to select rows." }),
      make("li", { textContent: "Zoom with the wheel, two fingers, or + and −." }))];
  }
  const words = cluster !== null && cluster >= 0 && !nameOf(cluster) ? wordsOf(cluster) : "";
  const node = clusters === null ? -1 : nodeOf(clusters);
  const title = clusters !== null ? node < 0 || node === hierarchy.root ? plural(clusters.length, "cluster") : capitalized(groupName(node))
    : cluster !== null ? capitalized(clusterName(cluster)) + (words ? ": " + words : "")
    : row !== null ? capitalized(rowName(row)) : lasso ? "Rows in the lasso" : `Rows with “${query}”`;
  const heading = make("h3", { id: "selection-title", dir: "auto", textContent: title });
  if (cluster !== null) {
    heading.prepend(dot(cluster));
  } else if (node >= 0) heading.prepend(dot(null, node));
  const counts = new Array(data.clusters.size.length + 1).fill(0);  // the last one is the background
  for (const i of matches) counts[rows.cluster[i] < 0 ? counts.length - 1 : rows.cluster[i]]++;
  const largest = counts.map((count, k) => [k < counts.length - 1 ? k : -1, count])
    .filter(([, count]) => count).sort((a, b) => b[1] - a[1]);
  const composition = cluster !== null || !matches.length ? null
    : make("p", { className: "soft" }, "In " + plural(largest.length, "cluster") + ": ",
      ...largest.slice(0, 5).flatMap(([k, count], i) => [i ? ", " : "", dot(k), clusterLink(k), ` (${integer(count)})`]),
      largest.length > 5 ? ", …" : "");
  return [heading, make("p", { ...status, textContent: plural(matches.length, "row") }), composition,
    make("p", { className: "controls" },
      cluster !== null && cluster >= 0 ? make("button", { type: "button", textContent: "Open cluster",
        onclick: () => showCluster(cluster) }) : null,
      canEdit && largest.filter(([k]) => k >= 0).length > 1 ? make("button", { type: "button", id: "choose-clusters",
        textContent: "Merge these clusters…", onclick: () => chooseClusters(clustersOfSelection()) }) : null,
      make("button", { type: "button", textContent: "Show in table", onclick: () => byId("rows").scrollIntoView() }),
      make("button", { type: "button", textContent: "Clear", id: "clear-selection", onclick: selectNothing })),
    rowList(matches.slice(0, PAGE_SIZE).map((i) => rows.row[i]), query),
    matches.length > PAGE_SIZE ? make("p", { className: "soft",
      textContent: `The first ${PAGE_SIZE}; the table below has all.` }) : null].filter(Boolean);
}
