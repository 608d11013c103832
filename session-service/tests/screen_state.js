// Everything of a terminal that shows, or decides what it will show: compared between two ways to the same moment.
function cellsOf(terminal, line) {
  const { cols, cell } = terminal;
  const cells = [];
  for (let column = 0; column < cols; column++) {
    line.loadCell(column, cell);
    const pen = isErased(cell) ? erasedPen(cell) : penOf(cell);
    cells.push([cell.getChars(), cell.getWidth(), pen.foreground, pen.background, pen.underline, pen.underlineColour,
      linked(pen, terminal.links)].join(','));
  }
  return cells.join('|');
}

// A link whose lines are gone is none: nothing can be clicked, and none comes back.
function linked(pen, links) {
  return pen.link && links.getLinkData(pen.link) ? 1 : 0;
}

function bufferState(terminal, buffer, withCursor) {
  const { cols, rows } = terminal;
  const lines = [];
  for (let index = 0; index < buffer.lines.length; index++) {
    const line = buffer.lines.get(index);
    lines.push(`${line.isWrapped ? 'w' : ' '}${cellsOf(terminal, line)}`);
  }
  const stops = [];
  for (let column = 0; column < cols; column++) if (buffer.tabs[column]) stops.push(column);
  const saved = penOf({ fg: buffer.savedCurAttrData.fg, bg: buffer.savedCurAttrData.bg & ~HAS_EXTENDED });
  return {
    scrollback: lines.slice(0, buffer.ybase), screen: lines.slice(buffer.ybase), stops,
    region: [buffer.scrollTop, buffer.scrollBottom], cursor: withCursor ? [buffer.x, buffer.y] : null,
    saved: [Math.min(buffer.savedX || 0, cols - 1), Math.min(Math.max(buffer.savedY - buffer.ybase, 0), rows - 1),
      saved.foreground, saved.background, charsetName(buffer.savedCharset)],
  };
}

function stateOf(number) {
  const terminal = terminals.get(number);
  const { core, normal, alternate, active } = terminal;
  const pen = penInHand(core._inputHandler._curAttrData);
  const service = core._charsetService;
  return JSON.stringify({
    normal: bufferState(terminal, normal, active === normal),
    alternate: bufferState(terminal, alternate, active === alternate),
    pen: [pen.foreground, pen.background, pen.underline, pen.underlineColour],
    modes: modeNames(terminal).concat(modes(terminal)),
    charsets: [0, 1, 2, 3].map((slot) => charsetName(service._charsets[slot])), level: service.glevel,
    charset: charsetName(service.charset),
    joins: core._inputHandler._parser.precedingJoinState,
    title: clean(terminal.title), location: clean(terminal.location), keyboard: terminal.keyboards,
  });
}
