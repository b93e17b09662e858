function addClusters() {
  const c = data.clusters, largest = Math.max(...c.share, 1e-9);
  const section = addSection("clusters", "Clusters",
    "Click a cluster to open it. Radius: mean angle between the rows and the mean direction of their "
    + "cluster. Silhouette: near 1 if the rows are far from other clusters, 0 between two clusters, "
    + "negative if they are closer to another cluster. Nearest cluster: with the cosine of the two mean "
    + "directions.");
  const columns = [
    { title: "Cluster", kind: "number", value: (i) => i, cell: (i) => [dot(i), clusterLink(i)] },
    ...(c.name ? [{ title: "Name", kind: "short", value: (i) => nameOf(i), cell: (i) => nameOf(i) }] : []),
    { title: "Rows", kind: "number", value: (i) => c.size[i], ofGroup: (group) => hierarchy.size[group], cell: (i) => integer(c.size[i]) },
    { title: "Share", kind: "number", value: (i) => c.share[i], ofGroup: (group) => hierarchy.size[group], cell: (i) => [percent(c.share[i]),
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
  const status = make("span", { className: "soft", role: "status" });
  const field = make("input", { type: "search", id: "cluster-filter",
    placeholder: "Filter clusters", ariaLabel: "Filter clusters", oninput: () => {
      const query = field.value.trim().toLowerCase();
      tableRows.forEach((row, i) => { row.hidden = !rowTexts[i].includes(query); });
      if (selection.cut !== null) update();
      const nShown = tableRows.filter((row) => !row.hidden).length;
      status.textContent = query ? plural(nShown, "cluster") : "";
    } });
  let arranged = null;
  const { element, tableRows, update } = sortableTable(columns, c.size.length, { sortedBy: 1, label: "Clusters",
    arrange: (order, tableRows, column, sign) => {
      arranged ??= groupedRows(tableRows, columns.length, () => update());
      return arranged(order, column, sign, field.value.trim() !== "");
    } });
  const rowTexts = tableRows.map((row) => row.textContent.toLowerCase());
  selection.listeners.push(() => tableRows.forEach((row, i) => {
    row.classList.toggle("selected", i === selection.cluster || (selection.clusters ?? []).includes(i));
  }));
  selection.listeners.push(() => { if (selection.hasNewCut || selection.cut !== null) update(); });
  section.append(make("div", { className: "controls" }, field, status), element);
}
