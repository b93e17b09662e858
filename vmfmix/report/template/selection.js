// --- the rows that are selected, by a search, a cluster or a lasso; all sections follow it --------

const selection = {
  query: "", cluster: null,
  lasso: null,  // one number for each row of the report, 1 if it is inside; or null
  polygon: null,  // the corners of the lasso
  row: null,  // a single row; other changes of the selection remove it
  isSelected: null,  // one number for each row, 1 if all of these hold
  matches: [],  // indices of these rows, closest to the mean direction of their cluster first
  listeners: [],
  isActive() { return Boolean(this.query) || this.cluster !== null || this.lasso !== null || this.row !== null; },
};
const rowsByCosine = rows.row.map((_, i) => i).sort((a, b) => rows.cosine[b] - rows.cosine[a]);
const searchTexts = rows.text ? rows.text.map((text) => text.toLowerCase()) : null;

// Change the selection, for example select({ cluster: 3 }), and let all sections show it.
function select(changes) {
  Object.assign(selection, { row: null }, changes);
  const { query, cluster, lasso, row } = selection, isSelected = new Uint8Array(rows.row.length);
  for (let i = 0; i < isSelected.length; i++) {
    isSelected[i] = (cluster === null || rows.cluster[i] === cluster) && (lasso === null || lasso[i] === 1) && (row === null || rows.row[i] === row)
      && (!query || (searchTexts ? searchTexts[i].includes(query) : String(rows.row[i]) === query)) ? 1 : 0;
  }
  selection.isSelected = isSelected;
  selection.matches = rowsByCosine.filter((i) => isSelected[i]);
  for (const listener of selection.listeners) listener();
}
const selectNothing = () => select({ query: "", cluster: null, lasso: null });
