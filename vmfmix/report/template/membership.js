// --- how well rows fit their clusters: figures that can be read, and columns of tables ----------

const MEANING = {
  probability: "Chance that the row belongs to this cluster, calibrated to how much information rows hold",
  margin: "Cosine with the mean direction of its cluster, minus that with the next cluster: near 0 between two clusters",
  next: "The cluster with the nearest other mean direction",
  typicality: "Share of the rows of the fit that are at most as typical: below 1% for rows unlike all clusters",
  similarity: "Cosine with the mean direction of its cluster",
};
// A share that is rounded to 0% or 100% only if it is, and a probability, which never is.
const shareText = (value) => value === null ? "–" : value === 1 ? "100%" : value === 0 ? "0%" : probabilityText(value);
const probabilityText = (value) => value >= .995 ? ">99%" : value < .0005 ? "<0.1%" : percent(value);
const angleOf = (cosine) => 180 / Math.PI * Math.acos(Math.min(Math.max(cosine, -1), 1));

// Columns of a table of rows; indexOf(i) is the index in the report of row i of the table.
function membershipColumns(indexOf) {
  const column = (title, name, text, minor) => ({ title, note: MEANING[name], kind: "number", minor,
    value: (i) => rows[name][indexOf(i)], cell: (i) => text(rows[name][indexOf(i)]) });
  const several = data.clusters.size.length > 1;
  return [column("Probability", "probability", probabilityText),
    ...(several ? [{ title: "Next", note: MEANING.next, kind: "number",
      value: (i) => nextCluster(indexOf(i)), cell: (i) => nextCluster(indexOf(i)) < 0 ? "–" : clusterLink(nextCluster(indexOf(i))) },
      column("Margin", "margin", decimal)] : []),
    ...(rows.typicality ? [column("Typicality", "typicality", shareText, true)] : [])];
}

// The cluster with the nearest other mean direction, or -1: none, or one of the same union.
const nextCluster = (index) => unionOf(rows.next[index]) === rows.cluster[index] ? -1 : unionOf(rows.next[index]);

// The most likely clusters of a row, as pairs of a cluster and its probability.
function likelyClusters(index) {
  const others = rows.likely[index] || [], shares = new Map([[rows.cluster[index], rows.probability[index]]]);
  for (let i = 0; i < others.length; i += 2) {
    const k = unionOf(others[i]);
    shares.set(k, (shares.get(k) ?? 0) + others[i + 1] / 100);
  }
  return [...shares];
}

function likelyList(index) {
  return make("ul", { className: "likely" }, ...likelyClusters(index).map(([k, share]) => make("li", {},
    make("span", { className: "figure", textContent: probabilityText(share) }),
    make("div", { className: "bar", style: `width:${Math.max(100 * share, 1)}%;background:${colorOf(k)}` }),
    make("span", {}, clusterLink(k), " ", make("span", { className: "soft", dir: "auto",
      textContent: k < 0 ? "" : nameOf(k) || wordsOf(k) })))));
}
