// A terminal's whole state as bytes that make an empty one of the same size continue as it would.
const csi = (...parts) => `\x1b[${parts.join('')}`;
const at = (row, column) => csi(row + 1, ';', column + 1, 'H');

// Charsets are objects without names: each designation is tried once.
const CHARSETS = '0A4C5RQKYE6ZH7=';
const charsetNames = new Map();

function learnCharsets(core) {
  for (const name of CHARSETS) {
    core.writeSync(`\x1b(${name}`);
    const charset = core._charsetService._charsets[0];
    if (charset && !charsetNames.has(charset)) charsetNames.set(charset, name);
  }
}

const charsetName = (charset) => charsetNames.get(charset) ?? 'B';

function tabStops(buffer, cols) {
  const stops = [];
  let usual = true;
  for (let column = 0; column < cols; column++) {
    if (buffer.tabs[column]) stops.push(column);
    if (!!buffer.tabs[column] !== (column % 8 === 0)) usual = false;
  }
  return usual ? '' : csi('3g') + stops.map((column) => `${csi(column + 1, 'G')}\x1bH`).join('');
}

function savedCursor(terminal, buffer) {
  const pen = penOf({ fg: buffer.savedCurAttrData.fg, bg: buffer.savedCurAttrData.bg & ~HAS_EXTENDED });
  const row = Math.min(Math.max(buffer.savedY - buffer.ybase, 0), terminal.rows - 1);
  const column = Math.min(buffer.savedX || 0, terminal.cols - 1);
  const name = charsetName(buffer.savedCharset);
  if (!row && !column && name === 'B' && samePen(pen, DEFAULT_PEN)) return '';
  const writer = new Writer(terminal.links);
  writer.put(at(row, column));
  writer.use(pen);
  writer.put(name === 'B' ? '\x1b7' : `\x1b(${name}\x1b7\x1b(B`);
  writer.use(DEFAULT_PEN);
  return writer.text;
}

function region(buffer, rows) {
  const whole = buffer.scrollTop === 0 && buffer.scrollBottom === rows - 1;
  return whole ? '' : csi(buffer.scrollTop + 1, ';', buffer.scrollBottom + 1, 'r');
}

const MOUSE = { X10: 9, VT200: 1000, DRAG: 1002, ANY: 1003 };
const MOUSE_ENCODING = { SGR: 1006, SGR_PIXELS: 1016 };
const CURSOR_STYLES = { block: 1, underline: 3, bar: 5 };
const NAMED_MODES = [ // name, its private mode
  ['applicationCursorKeys', 'application_cursor_keys', 1], ['reverseWraparound', 'reverse_wraparound', 45],
  ['applicationKeypad', 'application_keypad', 66], ['sendFocus', 'focus_events', 1004],
  ['bracketedPasteMode', 'bracketed_paste', 2004], ['synchronizedOutput', 'synchronized_output', 2026],
];

function modes(terminal) {
  const { core } = terminal;
  const set = core.coreService.decPrivateModes;
  const options = core.optionsService.rawOptions;
  const on = (mode) => csi('?', mode, 'h');
  let text = NAMED_MODES.map(([field, , mode]) => set[field] ? on(mode) : '').join('');
  if (!set.wraparound) text += csi('?7l');
  if (options.convertEol) text += csi('20h');
  if (core.coreService.isCursorHidden) text += csi('?25l');
  if (MOUSE[core.coreMouseService.activeProtocol]) text += on(MOUSE[core.coreMouseService.activeProtocol]);
  const encoding = MOUSE_ENCODING[core.coreMouseService.activeEncoding];
  if (encoding) text += on(encoding);
  if (set.cursorStyle) text += csi(CURSOR_STYLES[set.cursorStyle] + (set.cursorBlink ? 0 : 1), ' q');
  return options.cursorBlink ? text + on(12) : text;
}

function modeNames(terminal) {
  const { core } = terminal;
  const set = core.coreService.decPrivateModes;
  const names = NAMED_MODES.filter(([field]) => set[field]).map(([, name]) => name);
  if (terminal.active === terminal.alternate) names.push('alternate_screen');
  if (core.coreService.modes.insertMode) names.push('insert');
  if (set.origin) names.push('origin');
  if (!set.wraparound) names.push('no_wraparound');
  if (core.coreService.isCursorHidden) names.push('hidden_cursor');
  if (core.coreMouseService.activeProtocol !== 'NONE') names.push('mouse');
  return names.sort();
}

function charsets(core) {
  const service = core._charsetService;
  const designated = [...'()*+'].map((slot, index) => {
    const name = charsetName(service._charsets[index]);
    return name === 'B' ? '' : `\x1b${slot}${name}`;
  });
  return designated.join('') + ['', '\x0e', '\x1bn', '\x1bo'][service.glevel];
}

// The character that a charset turns into this one.
function before(charset, character) {
  const found = charset && Object.entries(charset).find(([, drawn]) => drawn === character);
  return found ? found[0] : character;
}

// The cell that the cursor stands behind, if it has been printed there: {column, cell}.
function lastPrinted(terminal) {
  const buffer = terminal.active;
  const line = buffer.lines.get(buffer.ybase + buffer.y);
  if (!line || buffer.x < 1) return undefined;
  let column = buffer.x - 1;
  if (column > 0 && line.getWidth(column) === 0) column--;
  const cell = line.loadCell(column, terminal.cell);
  return cell.getChars() ? { column, text: cell.getChars(), width: cell.getWidth(), pen: penOf(cell) } : undefined;
}

// Cursor, charsets, insert mode and pen. What was printed last is printed last again where something may follow it
// up: a repeat (REP), a combining character, or the wrap that waits behind the last column.
function cursor(terminal) {
  const { core, active: buffer } = terminal;
  const last = lastPrinted(terminal);
  const row = buffer.y - (core.coreService.decPrivateModes.origin ? buffer.scrollTop : 0);
  const insert = core.coreService.modes.insertMode;
  const pen = penInHand(core._inputHandler._curAttrData);
  const writer = new Writer(terminal.links);
  // A charset that stands in no slot has come back with the saved cursor.
  const recalled = core._charsetService.charset !== core._charsetService._charsets[core._charsetService.glevel];
  if (recalled) writer.put(`${charsets(core)}\x1b8\x1b[m`);
  const joins = last && core._inputHandler._parser.precedingJoinState !== 0;
  if (joins) {
    writer.put((recalled ? '' : charsets(core)) + at(row, last.column));
    if (insert) writer.put(csi(last.width, 'P') + csi('4h'));
    writer.use(pen);
    writer.put(before(core._charsetService.charset, last.text));
    return writer.text;
  }
  const waits = last && buffer.x >= terminal.cols;
  writer.put(at(row, waits ? last.column : Math.min(buffer.x, terminal.cols - 1)));
  if (waits) {
    writer.use(last.pen);
    writer.put(recalled ? before(core._charsetService.charset, last.text) : last.text);
  }
  writer.put((recalled ? '' : charsets(core)) + (insert ? csi('4h') : ''));
  writer.use(pen);
  return waits && samePen(pen, last.pen) ? `${writer.text}${sgr(pen)}` : writer.text;
}

const frame = (terminal, buffer) => tabStops(buffer, terminal.cols) + savedCursor(terminal, buffer)
  + region(buffer, terminal.rows)
  + keyboard(buffer === terminal.alternate ? terminal.keyboards.alternate : terminal.keyboards.normal);

function redraw(terminal, limit) {
  const { core, normal, alternate, active } = terminal;
  const title = clean(terminal.title);
  const head = (title ? `\x1b]2;${title}\x1b\\` : '') + (terminal.location ? `\x1b]7;${clean(terminal.location)}\x1b\\` : '');
  let tail = modes(terminal) + (core.coreService.decPrivateModes.origin ? csi('?6h') : '') + cursor(terminal);
  if (active === alternate) {
    const size = limit - bytesOf(head + tail);
    tail = csi('H') + csi('?47h') + csi('H') + drawBuffer(terminal, alternate, size) + frame(terminal, alternate) + tail;
  }
  const normalFrame = frame(terminal, normal);
  if (active === normal) {
    const saved = savedCursor(terminal, alternate); // it is kept while nobody is there
    if (saved) tail = csi('?47h') + saved + csi('?47l') + tail;
  }
  const left = limit - bytesOf(head + normalFrame + tail);
  return head + drawBuffer(terminal, normal, Math.max(left, 0)) + normalFrame + tail;
}
