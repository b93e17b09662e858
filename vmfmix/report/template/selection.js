// --- the rows that are selected, by a search, a cluster or a lasso; all sections follow it --------

const selection = {
  query: "", cluster: null,
  lasso: null,  // one number for each row of the report, 1 if it is inside; or null
  matches: [],  // indices of the rows, closest to the mean direction of their cluster first
  listeners: [],
  isActive() { return Boolean(this.query) || this.cluster !== null || this.lasso !== null; },
};
const rowsByCosine = rows.row.map((_, i) => i).sort((a, b) => rows.cosine[b] - rows.cosine[a]);
const searchTexts = rows.text ? rows.text.map((text) => text.toLowerCase()) : null;

// Change the selection, for example select({ cluster: 3 }), and let all sections show it.
function select(changes) {
  Object.assign(selection, changes);
  const { query, cluster, lasso } = selection;
  selection.matches = rowsByCosine.filter((i) => (cluster === null || rows.cluster[i] === cluster)
    && (lasso === null || lasso[i] === 1)
    && (!query || (searchTexts ? searchTexts[i].includes(query) : String(rows.row[i]) === query)));
  for (const listener of selection.listeners) listener();
}
const selectNothing = () => select({ query: "", cluster: null, lasso: null });
