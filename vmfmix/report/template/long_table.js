// --- a long list of rows: the first 200 as a table, with a button for the others -------------------

// Columns are those of `sortableTable`, where i is the number of a row of the list. show(isListed)
// lists only some of the rows, and returns how many.
function longTable(columns, count, label) {
  let listed = Array.from({ length: count }, (_, i) => i), nShown, table;
  const element = make("div"), more = make("button", { type: "button", textContent: "Show more",
    onclick: () => draw(nShown + 10 * PAGE_SIZE) });
  function draw(n) {
    nShown = n;
    const shown = columns.map((column) => ({ ...column, value: (i) => column.value(listed[i]),
      cell: (i) => column.cell(listed[i]) }));
    table = sortableTable(shown, Math.min(nShown, listed.length), { label });
    more.hidden = nShown >= listed.length;
    element.replaceChildren(table.element, make("p", {}, more));
  }
  draw(4 * PAGE_SIZE);
  document.addEventListener("edits", () => table.refresh());
  return { element, show(isListed) {
    listed = Array.from({ length: count }, (_, i) => i).filter(isListed);
    draw(4 * PAGE_SIZE);
    return listed.length;
  } };
}
