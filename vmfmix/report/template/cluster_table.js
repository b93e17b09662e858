function addClusters() {
  const c = data.clusters, largest = Math.max(...c.share, 1e-9), several = c.size.length > 1;
  const isClear = `probability of at least ${percent(data.clear)}`;
  const section = addSection("clusters", "Clusters", "Click a number to open a cluster. "
    + `Clear: share of its rows with a ${isClear}. `
    + (several ? "Nearest: the cluster with the nearest mean direction, and the cosine of the two. " : "")
    + "Radius: mean angle between its rows and its mean direction."
    + (c.noise ? " Rows of clusters that are noise are counted here, but belong to no cluster." : ""));
  const text = (k) => wordsOf(k) || (c.features ? c.features[k].join(", ") : "");
  const columns = [
    { title: "Cluster", kind: "number", value: (i) => i,
      cell: (i) => isNoise(i) ? [clusterLink(i), make("span", { className: "tag", textContent: "noise" })] : clusterLink(i) },
    ...(c.name ? [{ title: "Name", kind: "short", value: (i) => nameOf(i), cell: (i) => nameOf(i) }] : []),
    { title: "Rows", kind: "number", value: (i) => c.size[i], cell: (i) => integer(c.size[i]) },
    { title: "Share", kind: "number", minor: true, value: (i) => c.share[i], cell: (i) => [percent(c.share[i]),
      make("div", { className: "bar",
        style: `width:${100 * c.share[i] / largest}%;margin-left:auto` })] },
  ];
  if (c.words || c.features) {
    columns.push({ title: c.words ? "Typical words" : "Highest features", value: text, cell: text,
      note: c.words ? "" : "Features in which the mean direction is highest above the average" });
  }
  if (data.images || (!c.words && rows.id)) {
    columns.push({ title: "Typical rows", value: (i) => i, cell: (i) => {
      const shown = c.exemplars[i].filter((row) => row >= 0 && (!data.images || data.images[row]));
      return data.images ? make("div", { className: "thumbs" }, ...shown.slice(0, 4).map((row) =>
        rowLink(row, shown, rowContent(row).slice(0, 1)))) : rowList(shown.slice(0, 4));
    } });
  }
  if (c.label) {
    columns.push(
      { title: "Label", kind: "short", note: "Most frequent known label", value: (i) => c.label[i], cell: (i) => c.label[i] },
      { title: "Purity", kind: "number", note: "Share of its rows with this label", value: (i) => c.purity[i],
        cell: (i) => shareText(c.purity[i]) });
  }
  columns.push({ title: "Clear", kind: "number", note: "Share of its rows with a " + isClear, value: (i) => c.clear[i],
    cell: (i) => shareText(c.clear[i]) });
  if (several) {
    columns.push({ title: "Nearest", kind: "number", note: "The cluster with the nearest mean direction, and the cosine of the two",
      value: (i) => c.nearest_cosine[i],
      cell: (i) => [clusterLink(c.nearest_cluster[i]), ` ${decimal(c.nearest_cosine[i])}`] });
  }
  columns.push({ title: "Radius", kind: "number", minor: true, note: "Mean angle between its rows and its mean direction",
    value: (i) => c.radius[i], cell: (i) => c.radius[i] === null ? "–" : decimal(c.radius[i], 0) + "°" });
  const { element, tableRows } = sortableTable(columns, c.size.length, { sortedBy: 1 + Boolean(c.name), label: "Clusters" });
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
