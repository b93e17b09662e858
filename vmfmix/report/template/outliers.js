function addOutliers() {
  const o = data.outliers, usualOf = (i) => o.smoothed ? null : data.clusters.radius[o.cluster[i]];
  const section = addSection("outliers", "Outliers", o.row.length
    ? `${integer(o.count)} of ${integer(data.n_rows)} rows are unexpectedly far from the mean direction of their `
      + "cluster"
      + `; about ${integer(o.expected)} would be in data without outliers`
      + (o.count <= 1.5 * o.expected ? ", so that there are hardly any. " : ". ")
      + (o.smoothed ? "Rows are compared as they were before they were averaged with their neighbors. " : "")
      + "Chance: how often a row of such a cluster is as far away. Begin with the smallest: such rows are "
      + "often damaged, mixed or on topics too rare for a cluster. Correct them, remove them, or ignore them."
      + (o.count > o.row.length ? ` The first ${o.row.length} are listed.` : "")
    : "No row is unexpectedly far from the mean direction of its cluster.");
  if (!o.row.length) return;
  const rowOf = (i) => o.row[i];
  const columns = [
    rowColumn(rowOf),
    ...contentColumns(rowOf),
    clusterColumn((i) => o.cluster[i]),
    { title: "Angle", kind: "number", note: "Angle to the mean direction of its cluster, and the mean of the rows of the cluster",
      value: (i) => -o.cosine[i],
      cell: (i) => [`${decimal(angleOf(o.cosine[i]), 0)}° `, usualOf(i) === null ? ""
        : make("span", { className: "soft", textContent: `mean ${decimal(usualOf(i), 0)}°` })] },
    { title: "Chance", kind: "number", note: "How often a row of such a cluster is as far away (p-value)",
      value: (i) => -o.minus_log10_p[i], cell: (i) => chance(o.minus_log10_p[i]) },
  ];
  section.append(make("p", { className: "controls" }, downloadButtons("outliers", tableOfOutliers, "all outliers")),
    longTable(columns, o.row.length, "Outliers").element);
}
