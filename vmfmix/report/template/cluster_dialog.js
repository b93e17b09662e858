function showCluster(k) {
  const c = data.clusters, dialog = byId("cluster");
  const outliers = data.outliers.row.filter((_, i) => data.outliers.cluster[i] === k).slice(0, 5);
  const neighbors = data.neighbors[k];
  const subtitle = nameOf(k) || wordsOf(k);
  const facts = [nameOf(k) && wordsOf(k) ? "typical words: " + wordsOf(k) : null, plural(c.size[k], "row"), percent(c.share[k]) + " of all rows",
    "concentration " + decimal(c.concentration[k], 1),
    c.radius[k] === null ? null : "radius " + decimal(c.radius[k], 0) + "°",
    c.label ? `most frequent label: ${c.label[k]} (${percent(c.purity[k] ?? 0)})` : null];
  dialog.replaceChildren(
    make("div", { className: "top" }, make("h2", { id: "cluster-name", style: "margin:0",
      textContent: "Cluster " + k + (subtitle ? ": " + subtitle : "") }),
      make("button", { type: "button", textContent: "Close", onclick: () => dialog.close() })),
    make("p", { className: "soft", textContent: facts.filter(Boolean).join(" · ") }),
    make("h3", { textContent: "Typical rows" }), rowList(c.exemplars[k]));
  if (outliers.length) dialog.append(make("h3", { textContent: "Outliers" }), rowList(outliers));
  if (neighbors.length) {
    dialog.append(make("h3", { textContent: "Nearest clusters" }),
      make("ul", { className: "texts" }, ...neighbors.map(([other, cosine]) => make("li", {},
        clusterLink(other), ` cosine ${decimal(cosine)} `,
        make("span", { className: "soft", textContent: nameOf(other) || wordsOf(other) })))));
  }
  dialog.append(make("p", { className: "controls" },
    make("button", { type: "button", textContent: "Show on map",
      onclick: () => { dialog.close(); showOnMap(k); } }),
    make("button", { type: "button", textContent: "Show all rows of this cluster",
      onclick: () => { dialog.close(); select({ query: "", lasso: null, cluster: k });
        byId("rows").scrollIntoView(); byId("query").focus({ preventScroll: true }); } })));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
