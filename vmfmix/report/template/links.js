// --- the address of the page says what it shows, so that links and Back work ----------------------

// Parameters after "#": cluster or clusters, row and q (the selection), cut (of the hierarchy), lasso (corners of it), open (the cluster
// of the dialog), map (zoom and center) and section. Those with unknown values are ignored.
const MAX_CORNERS = 60;  // of a lasso in a link
let linkedSection = null;  // the section at the top of the window
const hasAddress = location.protocol !== "about:";  // not in the frame of a notebook

// A lasso with few corners and short coordinates, so that a link to it selects the same rows.
function simplified(polygon) {
  const step = Math.max(1, polygon.length / MAX_CORNERS);
  return Array.from({ length: Math.min(polygon.length, MAX_CORNERS) },
    (_, i) => polygon[Math.floor(i * step)].map((value) => Number(value.toFixed(4))));
}

function shownState() {
  const { cluster, clusters, cut, row, query, lasso, polygon } = selection, { zoom, center } = mapView.state();
  const dialog = byId("cluster");
  return {
    cluster: cluster === null ? null : String(cluster),
    clusters: clusters === null ? null : clusters.join(","),
    cut: cut === null ? null : String(cut),
    row: row === null ? null : String(row),
    q: query || null,
    lasso: lasso === null || !polygon ? null : polygon.flat().join(","),
    open: dialog.open ? dialog.dataset.cluster : null,
    map: zoom === 1 ? null : [zoom.toFixed(2), ...center.map((value) => value.toFixed(4))].join(","),
    section: linkedSection,
  };
}

// The section at the top of the window, or null at the beginning of the page.
function shownSection() {
  if (scrollY < 100) return null;
  const headings = [...document.querySelectorAll("main h2")];
  return headings.filter((each) => each.getBoundingClientRect().top < innerHeight / 3).at(-1)?.id ?? null;
}

function hashOf(state) {
  const given = Object.entries(state).filter(([, value]) => value !== null);
  const encoded = (value) => encodeURIComponent(value).replaceAll("%2C", ",");
  return given.length ? "#" + given.map(([name, value]) => `${name}=${encoded(value)}`).join("&") : "";
}

function stateOf(hash) {
  const parameters = new URLSearchParams(hash.slice(1).replaceAll("+", "%2B"));
  const state = Object.fromEntries(["cluster", "clusters", "cut", "row", "q", "lasso", "open", "map"].map((name) =>
    [name, parameters.get(name) || null]));
  // Links of earlier pages are those of a section alone, such as #rows.
  return { ...state, section: parameters.get("section") || (/^#[\w-]+$/.test(hash) ? hash.slice(1) : null) };
}

// Show what an address says; values that are not valid are left out.
function showState(state) {
  const whole = (text) => text !== null && /^-?\d{1,15}$/.test(text) ? Number(text) : null;
  const numbers = (text) => {
    const values = text === null ? [] : text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
    return values.every(Number.isFinite) ? values : [];
  };
  const isCluster = (k) => k !== null && k >= 0 && k < data.clusters.size.length;
  const cluster = whole(state.cluster), row = whole(state.row), open = whole(state.open);
  const corners = numbers(state.lasso), view = numbers(state.map), clusters = [...new Set(numbers(state.clusters))], dialog = byId("cluster");
  const polygon = corners.length >= 6 && corners.length % 2 === 0
    ? Array.from({ length: Math.min(corners.length / 2, MAX_CORNERS) }, (_, i) => corners.slice(2 * i, 2 * i + 2)) : null;
  const lasso = polygon && mapView.rowsInside(polygon);
  select({ query: (state.q ?? "").trim(), row: indexOfRow.has(row) ? row : null,
    cluster: isCluster(cluster) || cluster === -1 ? cluster : null, cut: whole(state.cut),
    ...(clusters.length && clusters.every((k) => Number.isInteger(k) && isCluster(k))
      ? { clusters: clusters.sort((a, b) => a - b) } : {}),
    lasso: lasso && lasso.includes(1) ? lasso : null, polygon });
  if (view.length === 3) mapView.show(...view); else mapView.show(1, 0, 0);
  if (isCluster(open)) showCluster(open); else if (dialog.open) dialog.close();
}

function scrollToSection(id) {
  const heading = id && document.querySelector(`main h2[id="${CSS.escape(id)}"]`);
  if (heading) heading.scrollIntoView();
}

// A step that Back takes back: typing in a search, moving the map and scrolling are none.
const isStep = (before, after) => ["cluster", "clusters", "row", "lasso", "open"].some((name) => before[name] !== after[name])
  || Boolean(before.q) !== Boolean(after.q);

function startLinks() {
  if (!hasAddress) return;
  let written = stateOf(location.hash), timer = 0, scrolled = 0, isWaiting = false;
  const given = written, isFresh = performance.getEntriesByType("navigation")[0]?.type === "navigate";
  function write() {
    isWaiting = false;
    const state = shownState(), hash = hashOf(state);
    if (hash === hashOf(written)) return;
    const address = location.pathname + location.search + hash;
    try {
      if (isStep(written, state)) history.pushState(null, "", address);
      else history.replaceState(null, "", address);
    } catch { /* browsers limit how often the address changes, and forbid it in some frames */ }
    written = state;
  }
  const writeNow = () => {  // after the changes of this click
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(write);
  };
  const writeLater = () => { clearTimeout(timer); timer = setTimeout(write, 300); };
  function follow() {
    const state = stateOf(location.hash);
    const isSection = location.hash === "#" + state.section && byId(state.section);
    if (isSection) return;  // a link within the page; the browser scrolls there
    show(state);
  }
  // Values that are not valid are not shown, and no step of the user.
  function show(state) {
    showState(state);
    written = shownState();
  }
  selection.listeners.push(() => isStep(written, shownState()) ? writeNow() : writeLater());
  document.addEventListener("dialog", writeNow);
  document.addEventListener("view", writeLater);
  addEventListener("scroll", () => {
    clearTimeout(scrolled);
    scrolled = setTimeout(() => { linkedSection = shownSection(); write(); }, 300);
  }, { passive: true });
  addEventListener("popstate", follow);
  if (Object.values(given).some((value) => value !== null)) {
    show(given);
    if (isFresh) scrollToSection(given.section);
  }
}

// A button that copies the address of what is shown.
function copyLinkButton() {
  const button = make("button", { type: "button", textContent: "Copy link", hidden: !hasAddress,
    onclick: async () => {
      const link = location.href.split("#")[0] + hashOf(shownState());
      try {
        await navigator.clipboard.writeText(link);
        button.textContent = "Copied";
      } catch {  // the clipboard is not allowed here
        const field = make("input", { value: link, readOnly: true, ariaLabel: "Link" });
        button.replaceWith(field);
        field.select();
      }
    } });
  return button;
}
