// More clusters than the fit has; for fewer, the hierarchy joins those of the fit.
function addMergeLevels() {
  const path = data.merge_levels;
  if (!path || path.levels.length === 0 && path.candidates.length < 2) return;
  const levels = path.levels, chart = scoreChart(path);
  if (levels.length === 0) {
    addSection("levels", "Number of clusters").append(chart.element);
    return;
  }
  const hasNatural = levels.some((level) => level.strength);
  const section = addSection("levels", "More clusters",
    `What the ${plural(path.n_components, "cluster")} of this fit were before they were merged: finer clusters from the same `
    + "merge path. For fewer clusters, drag the line in the hierarchy." + (hasNatural
      ? " Marked are natural numbers of clusters." : ""));
  const initial = Math.max(0, levels.findIndex((level) => level.strength));
  const slider = make("input", { type: "range", id: "level", min: 0, max: levels.length - 1, value: initial,
    oninput: () => draw(PAGE_SIZE) });
  const ticks = levelTicks(path, (i) => { slider.value = i; draw(PAGE_SIZE); });
  const output = make("output", { htmlFor: "level", id: "level-value" });
  const cards = make("div", { className: "cards" });
  const more = make("button", { type: "button", textContent: "Show all", onclick: () => draw(Infinity) });
  function draw(maxCards) {
    const level = levels[slider.value];
    output.textContent = levelName(level);
    slider.setAttribute("aria-valuetext", output.textContent);
    chart.mark(level.number);
    const order = level.share.map((_, k) => k).sort((a, b) => level.share[b] - level.share[a]);
    const largest = Math.max(...level.share, 1e-9);
    cards.replaceChildren(...order.slice(0, maxCards).map((k) => {
      const sources = make("p", { className: "soft" }, "In clusters of this fit: ");
      level.sources[k].forEach(([cluster, share], i) =>
        sources.append(i ? ", " : "", clusterLink(cluster), ` (${percent(share)})`));
      return make("div", { className: "card" },
        make("strong", { textContent: percent(level.share[k]) + " of all rows" }),
        make("div", { className: "bar", style: `width:${100 * level.share[k] / largest}%` }),
        level.sources[k].length ? sources : null, rowList(level.exemplars[k]));
    }));
    more.hidden = order.length <= maxCards;
  }
  section.append(make("label", { htmlFor: "level", textContent: "Number of clusters: " }), output,
    slider, ticks, chart.element, cards, make("p", {}, more));
  draw(PAGE_SIZE);
}

const levelName = ({ number, strength }) => plural(number, "cluster")
  + (strength ? ` (natural number, strength ${Math.round(100 * strength)}%)` : "");

// Marks of the natural numbers of clusters at their places on the slider. A number that is near the
// previous one is on a second line.
function levelTicks(path, choose) {
  const last = Math.max(path.levels.length - 1, 1);
  const ticks = make("div", { className: "ticks", role: "group", ariaLabel: "Marked numbers of clusters" });
  let previous = { place: -1, isLower: true };
  path.levels.forEach((level, i) => {
    if (!level.strength) return;
    const place = i / last, isLower = place - previous.place < .08 && !previous.isLower;
    ticks.append(make("button", { type: "button", textContent: integer(level.number),
      className: isLower ? "lower" : "", style: `left:${100 * place}%`,
      title: levelName(level), ariaLabel: levelName(level), onclick: () => choose(i) }));
    previous = { place, isLower };
  });
  ticks.hidden = !ticks.childElementCount;
  return ticks;
}

// A line chart of the scores by which the number of clusters was selected.
function scoreChart(path) {
  const pairs = path.candidates.map((k, i) => [k, path.scores[i]])
    .filter(([, score]) => score !== null).sort((a, b) => a[0] - b[0]);
  if (path.candidates.length < 2) return { element: make("span"), mark: () => {} };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const add = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    svg.append(element);
    return element;
  };
  svg.setAttribute("viewBox", "0 0 800 150");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label",
    "Selection score by number of clusters. Selected: " + plural(path.n_components, "cluster"));
  const scores = pairs.map(([, score]) => score);
  const lowest = Math.min(...scores), highest = Math.max(...scores);
  const largest = Math.max(...path.candidates, path.n_components, ...path.levels.map((level) => level.number));
  const x = (k) => 10 + 780 * (largest > 1 ? Math.log(k) / Math.log(largest) : .5);
  const y = (score) => 120 - 100 * (highest > lowest ? (score - lowest) / (highest - lowest) : .5);
  add("polyline", { points: pairs.map(([k, score]) => `${x(k)},${y(score)}`).join(" "), fill: "none",
    stroke: "var(--accent)", "stroke-width": 2, "vector-effect": "non-scaling-stroke" });
  const line = { y1: 5, y2: 130, stroke: "var(--ink)", "vector-effect": "non-scaling-stroke" };
  add("line", { ...line, x1: x(path.n_components), x2: x(path.n_components) });
  const marker = add("line", { ...line, "stroke-dasharray": "4 3" });
  const caption = "Selection score (higher is better) by number of clusters, from 1 to "
    + `${integer(largest)} on a logarithmic scale. The solid line marks this fit`
    + (path.levels.length ? ", the dashed line the number chosen above." : ".");
  const element = make("figure", { style: "margin:.6rem 0" }, svg,
    make("figcaption", { className: "note", textContent: caption }));
  return { element, mark: (k) => { marker.setAttribute("x1", x(k)); marker.setAttribute("x2", x(k)); } };
}
