function addOutliers() {
  const o = data.outliers;
  const section = addSection("outliers", "Outliers", o.row.length
    ? `Rows unexpectedly far from the mean direction of their cluster, most extreme first (${data.outlier_note}).`
    : "No row is unexpectedly far from the mean direction of its cluster.");
  if (!o.row.length) return;
  const rowOf = (i) => o.row[i];
  const columns = [
    rowColumn(rowOf),
    ...contentColumns(rowOf),
    clusterColumn((i) => o.cluster[i]),
    cosineColumn((i) => o.cosine[i]),
    { title: "p-value", kind: "number", value: (i) => -o.minus_log10_p[i],
      cell: (i) => chance(o.minus_log10_p[i]) },
  ];
  addLongTable(section, (count) => sortableTable(columns, count, { label: "Outliers" }), o.row.length,
    downloadButtons("outliers", tableOfOutliers, "all outliers"));
}
