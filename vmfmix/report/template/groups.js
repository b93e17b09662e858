// --- groups: clusters that are joined where the hierarchy is cut; without a cut, each one by itself -

// The nodes of the hierarchy: clusters, then the union made by each merge. Clusters without rows are
// in no merge.
const hierarchy = (() => {
  const { children = [], heights = [] } = data.tree ?? {}, first = data.clusters.size.length;
  const size = [...data.clusters.size], members = size.map((_, k) => [k]), parent = [];
  children.forEach(([a, b], m) => {
    parent[a] = parent[b] = first + m;
    size.push(size[a] + size[b]);
    members.push([...members[a], ...members[b]]);
  });
  return { first, children, heights, size, members, parent, root: first + children.length - 1,
    most: children.length + 1,  // groups without a cut
    childrenOf: (node) => node < first ? [] : children[node - first],
    // The number of groups after the merge that makes this node.
    numberAt: (node) => children.length - (node - first) };
})();
let groupOfCluster = hierarchy.members.slice(0, hierarchy.first).map((_, k) => k);
const groupOf = (cluster) => cluster < 0 ? cluster : groupOfCluster[cluster];
const isUnion = (node) => node >= hierarchy.first;

// The nodes that are groups at a cut, from the first cluster of the hierarchy to the last.
function groupsAt(cut) {
  const groups = [], pending = hierarchy.children.length ? [hierarchy.root] : [];
  while (pending.length) {
    const node = pending.pop();
    if (!isUnion(node) || cut !== null && hierarchy.numberAt(node) >= cut) groups.push(node);
    else pending.push(...hierarchy.childrenOf(node).toReversed());
  }
  return groups;
}
// Let groups follow a cut, and return it: null if it is none, or joins nothing.
function cutGroups(cut) {
  const isCut = Number.isInteger(cut) && cut >= 1 && cut < hierarchy.most;
  groupOfCluster = groupOfCluster.map((_, k) => k);
  for (const group of groupsAt(isCut ? cut : null)) {
    for (const k of hierarchy.members[group]) groupOfCluster[k] = group;
  }
  return isCut ? cut : null;
}

// The name of a group: its words, or the names of its two largest clusters.
function groupName(group) {
  const { first, members, size } = hierarchy;
  if (!isUnion(group)) {
    const words = data.clusters.words ? data.clusters.words[group].slice(0, 3).join(", ") : "";
    return nameOf(group) || words || (data.clusters.label && data.clusters.label[group]) || "cluster " + group;
  }
  const words = data.tree.words && data.tree.words[group - first];
  if (words && words.length) return words.slice(0, 3).join(", ");
  const isNamed = data.clusters.name || data.clusters.words || data.clusters.label;
  if (!isNamed) return plural(members[group].length, "cluster");
  const largest = [...members[group]].sort((a, b) => size[b] - size[a] || a - b);
  const names = [...new Set(largest.map((k) => groupName(k).split(", ")[0]))];
  return names.slice(0, 2).join(", ") + (names.length > 2 ? ", …" : "");
}
const colorOfNode = (node) => isUnion(node) ? data.tree.color[isDark() ? "dark" : "light"][node - hierarchy.first]
  : data.clusters.color[isDark() ? "dark" : "light"][node];

// The node that consists of these clusters, or -1.
function nodeOf(clusters) {
  let node = clusters[0];
  while (hierarchy.members[node].length < clusters.length && node !== hierarchy.root) node = hierarchy.parent[node] ?? hierarchy.root;
  const isSame = hierarchy.members[node].length === clusters.length
    && clusters.every((k) => hierarchy.members[node].includes(k));
  return isSame ? node : -1;
}
function selectNode(node) {
  select(isUnion(node) ? { query: "", lasso: null, clusters: [...hierarchy.members[node]].sort((a, b) => a - b) }
    : { query: "", lasso: null, cluster: node });
}

// A dot in the color of a cluster, or of a node; its color follows the cut and the theme.
function dot(cluster, node = null) {
  const element = make("span", { className: "dot", ariaHidden: "true" });
  if (node !== null) element.dataset.node = node; else element.dataset.cluster = cluster;
  element.style.background = node !== null ? colorOfNode(node) : colorOf(cluster);
  return element;
}
function recolorDots() {
  for (const element of document.querySelectorAll(".dot[data-cluster], .dot[data-node]")) {
    const { cluster, node } = element.dataset;
    element.style.background = node !== undefined ? colorOfNode(Number(node)) : colorOf(Number(cluster));
  }
}
selection.listeners.push(() => { if (selection.hasNewCut) recolorDots(); });
document.addEventListener("theme", recolorDots);
