// --- a row in a dialog: its image or text at full size, and how well it fits its cluster ---------

// A button that opens a row. Previous and Next go through the rows that are listed with it; without
// a list, through the rows of the table around the button, in their order there.
function rowLink(row, listed = null, content = [rowName(row)]) {
  if (!indexOfRow.has(row)) return make("span", {}, ...content);  // one of a long list
  const title = "Show " + rowName(row);
  return make("button", { type: "button", className: "link row-link", title, "data-row": row,
    ...(content.some((part) => part instanceof HTMLImageElement) ? {} : { ariaLabel: title }),
    onclick: (event) => showRow(row, listed ?? rowsOfTable(event.currentTarget)) }, ...content);
}

function rowsOfTable(button) {
  const buttons = button.closest("tbody")?.querySelectorAll("tr:not([hidden]) .row-link") ?? [button];
  return [...new Set([...buttons].map((other) => Number(other.dataset.row)))];
}

const rowDialog = make("dialog", { id: "row", onkeydown: (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); stepRow(step); }
}, onclick: (event) => {
  const isOutside = event.target === rowDialog;  // the backdrop; what is inside fills the dialog
  if (isOutside || event.target.closest(".link:not(.row-link)")) rowDialog.close();
} });
rowDialog.setAttribute("aria-labelledby", "row-title");
document.body.append(rowDialog);
let stepRow = () => {};

function showRow(row, listed = [row]) {
  const index = indexOfRow.get(row), at = Math.max(listed.indexOf(row), 0);
  stepRow = (step) => {
    const next = listed[at + step];
    if (next !== undefined) showRow(next, listed);
  };
  const arrow = (step, text, label) => make("button", { type: "button", textContent: text, ariaLabel: label,
    disabled: listed[at + step] === undefined, onclick: () => stepRow(step) });
  const k = rows.cluster[index], url = data.images?.[row];
  const image = url ? make("img", { className: "enlarged", src: url, alt: "Image of " + rowName(row),
    onload: () => image.classList.toggle("pixels", image.naturalWidth < 64) }) : null;
  const facts = [
    rows.id ? ["Position", integer(row), null] : null,
    rows.label ? ["Known label", rows.label[index], null] : null,
    k >= 0 ? ["Similarity", decimal(rows.cosine[index]), MEANING.similarity] : null,
    nextCluster(index) >= 0 ? ["Margin", [decimal(rows.margin[index]) + " over cluster ", clusterLink(nextCluster(index))], MEANING.margin] : null,
    rows.typicality ? ["Typicality", shareText(rows.typicality[index]), MEANING.typicality] : null,
    data.comparison ? ["In " + data.comparison.name, otherName(rows.other[index]), null] : null,
  ].filter(Boolean);
  rowDialog.replaceChildren(make("div", { className: "inside" },
    make("div", { className: "top" },
      make("h2", { id: "row-title", dir: "auto", tabIndex: -1, textContent: capitalized(rowName(row)) }),
      make("span", { className: "controls" },
        ...(listed.length > 1 ? [arrow(-1, "‹", "Previous row"),
          make("span", { className: "soft", textContent: `${integer(at + 1)} of ${integer(listed.length)}` }),
          arrow(1, "›", "Next row")] : []),
        make("button", { type: "button", textContent: "Show on map", onclick: () => {
          rowDialog.close();
          byId("cluster").close();
          showRowOnMap(row);
        } }),
        make("button", { type: "button", textContent: "Close", onclick: () => rowDialog.close() }))),
    image, rows.text ? make("p", { className: "full-text", dir: "auto", textContent: rows.text[index] }) : null,
    make("h3", { textContent: "Most likely clusters" }), likelyList(index),
    make("dl", { className: "facts" }, ...facts.flatMap(([name, value, meaning]) => [
      make("dt", { dir: "auto", textContent: name }), make("dd", {}, make("span", { dir: "auto" }, ...[value].flat()),
        meaning ? make("span", { className: "soft meaning", textContent: meaning + "." }) : null)]))));
  if (!rowDialog.open) rowDialog.showModal();
  rowDialog.scrollTop = 0;
  byId("row-title").focus({ preventScroll: true });  // buttons are replaced, so that the focus would be lost
}
