// Hyperlinks as xterm.js keeps them: one lives as long as any line that it was opened or written on, whatever stands
// there now. One with a name (`id`) is joined by whoever opens it again.
function linkEntry(links, number) {
  return number ? links._dataByLinkId.get(number) : undefined;
}

// The lines of `buffer` that keep each named link alive: line -> numbers.
function namedLinks(links, buffer) {
  const here = new Set(buffer.markers);
  const lines = new Map();
  for (const [number, { data, lines: markers }] of links._dataByLinkId) {
    if (data.id === undefined) continue;
    for (const marker of markers) {
      if (here.has(marker)) lines.set(marker.line, [...lines.get(marker.line) ?? [], number]);
    }
  }
  return lines;
}

// A row of the screen that keeps the link alive, the cursor's if it does; -1 if none does.
function rowOfLink(terminal, number) {
  const { active: buffer, links, rows } = terminal;
  const here = new Set(buffer.markers);
  const kept = (linkEntry(links, number)?.lines ?? []).filter((marker) => here.has(marker))
    .map(({ line }) => line - buffer.ybase).filter((row) => row >= 0 && row < rows);
  return kept.includes(buffer.y) ? buffer.y : kept[0] ?? -1;
}
