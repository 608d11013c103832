// The end of a redraw: cursor, charsets, insert mode, pen and link in hand.
// The character that a charset turns into this one.
function before(charset, character) {
  const found = charset && Object.entries(charset).find(([, drawn]) => drawn === character);
  return found ? found[0] : character;
}

// The cell that the cursor stands behind, if it has been printed there; `under`: a wide one that it covers half of.
function lastPrinted(terminal) {
  const { active: buffer, cols } = terminal;
  const line = buffer.lines.get(buffer.ybase + buffer.y);
  if (!line || buffer.x < 1) return undefined;
  let column = buffer.x - 1;
  if (column > 0 && line.getWidth(column) === 0) column--;
  const last = printed(terminal, line, column);
  return last && { ...last, under: column === cols - 1 && halved(line, cols - 2, cols) && printed(terminal, line, cols - 2) };
}

function printed(terminal, line, column) {
  const cell = line.loadCell(column, terminal.cell);
  return cell.getChars() ? { column, text: cell.getChars(), width: cell.getWidth(), pen: penOf(cell) } : undefined;
}

// A row as CUP counts it.
const rowOf = ({ core, active }) => active.y - (core.coreService.decPrivateModes.origin ? active.scrollTop : 0);

// A link that is open while the pen, which came back with the saved cursor, does not show it: the next underline does.
function hiddenLink({ core, active: buffer, cols, links }) {
  const hand = core._inputHandler._curAttrData;
  const saved = buffer.savedCurAttrData;
  const open = linkEntry(links, hand.extended.urlId) && !(hand.bg & HAS_EXTENDED);
  const comesBack = !(saved.bg & HAS_EXTENDED) && !((saved.fg ^ hand.fg) & UNDERLINE) && buffer.x < cols;
  return open && comesBack ? hand.extended.urlId : 0;
}

// The link in hand is opened where it is kept alive, so that it dies when it would have.
function linkInHand(terminal) {
  const { core, active: buffer, links } = terminal;
  const hidden = hiddenLink(terminal);
  const link = hidden || penInHand(core._inputHandler._curAttrData).link;
  const row = rowOfLink(terminal, link);
  if (row < 0 && !hidden) return '';
  return at(row < 0 ? buffer.y : row, 0) + new Writer(links).hyperlink(link);
}

// A pen that came back with the saved cursor, and has changed since.
function changedPen(pen) {
  const set = sgrParameters({ ...pen, underline: 0 }).slice(1);
  const unset = '22;23;25;27;28;29;55;39;49';
  return `${csi([unset, ...set].join(';'), 'm')}${csi(pen.background & PROTECTED ? 1 : 0, '"q')}`;
}

// What was printed last is printed last again where something may follow it up: a repeat (REP), a combining character,
// or the wrap that waits behind the last column.
function cursor(terminal) {
  const { core, cols } = terminal;
  const writer = new Writer(terminal.links);
  const pen = penInHand(core._inputHandler._curAttrData);
  if (rowOfLink(terminal, pen.link) >= 0) writer.pen = { ...DEFAULT_PEN, link: pen.link };
  // A charset that stands in no slot has come back with the saved cursor.
  const recalled = core._charsetService.charset !== core._charsetService._charsets[core._charsetService.glevel];
  const hidden = hiddenLink(terminal);
  if (recalled) writer.put(`${charsets(core)}\x1b8${hidden ? '' : '\x1b[m'}`);
  else writer.put(hidden ? `\x1b8\x0f${charsets(core)}` : '');
  if (hidden) {
    writer.put(changedPen(pen));
    writer.pen = pen;
  }
  const hand = {
    writer, pen, recalled, charsets: recalled || hidden ? '' : charsets(core), insert: core.coreService.modes.insertMode,
  };
  const last = lastPrinted(terminal);
  const joins = core._inputHandler._parser.precedingJoinState !== 0;
  if (joins && hadNoRoom(terminal)) print(terminal, hand, { column: cols - 1, text: WIDE, width: 0, under: last?.width === 2 && last });
  else if (joins && last) print(terminal, hand, last);
  else stand(terminal, hand, last);
  return writer.text;
}

// Whether what came last was wide, found one column left and no way to wrap: it shows nowhere, yet can be joined.
function hadNoRoom({ core, active: buffer, cols }) {
  const wide = (core._inputHandler._parser.precedingJoinState >> 1 & 3) === 2;
  const alone = cols === 1 || buffer.lines.get(buffer.ybase + buffer.y).getWidth(cols - 2) !== 0;
  return wide && alone && buffer.x === cols - 1 && !core.coreService.decPrivateModes.wraparound;
}

// Goes to where a character was printed, over what it was printed on.
function goBack(terminal, writer, { column, under }) {
  writer.put(at(rowOf(terminal), under ? under.column : column));
  if (!under) return;
  writer.use(under.pen);
  writer.put(under.text);
}

// Prints a character (again) with the pen in hand.
function print(terminal, { writer, pen, charsets: designated, insert }, last) {
  const { text, width } = last;
  writer.put(designated);
  goBack(terminal, writer, last);
  if (insert) writer.put((width ? csi(width, 'P') : '') + csi('4h'));
  writer.use(pen);
  writer.put(before(terminal.core._charsetService.charset, text));
}

// Nothing can follow up what was printed: the cursor stands there, or waits behind the last column.
function stand(terminal, { writer, pen, recalled, charsets: designated, insert }, last) {
  const { core, active: buffer, cols } = terminal;
  const waits = buffer.x >= cols;
  if (waits && last) {
    goBack(terminal, writer, last);
    writer.use(last.pen);
    const text = recalled ? before(core._charsetService.charset, last.text) : last.text;
    writer.put(last.under && core.coreService.decPrivateModes.wraparound ? `${csi('?7l')}${text}${csi('?7h')}` : text);
  } else writer.put(at(rowOf(terminal), Math.min(buffer.x, cols - 1)));
  if (waits && !last) waitBehindNothing(terminal, writer);
  writer.put(designated + (insert ? csi('4h') : ''));
  writer.use(pen);
  if (waits) writer.put(rendition(pen)); // ends what could be joined
}

// Only a character makes the cursor wait: one on the other screen, or one that is erased with its row.
function waitBehindNothing(terminal, writer) {
  const { active: buffer, normal, cols, cell } = terminal;
  if (buffer === normal) {
    writer.put(`${csi('?47h')}x${csi('?47l')}`);
    return;
  }
  const line = buffer.lines.get(buffer.ybase + buffer.y);
  const pen = erasedPen(line.loadCell(0, cell));
  for (let column = 0; column < cols; column++) {
    if (!isErased(line.loadCell(column, cell)) || !samePen(erasedPen(cell), pen)) return;
  }
  writer.use({ ...pen, link: writer.pen.link });
  writer.put(`x${csi('1K')}`);
}
