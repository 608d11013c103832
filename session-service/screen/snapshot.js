// A terminal's whole state as bytes that make an empty one of the same size continue as it would.
const csi = (...parts) => `\x1b[${parts.join('')}`;
const ANY_LINK = '\x1b]8;;x:\x1b\\', NO_LINK = '\x1b]8;;\x1b\\';
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

// Written before anything is drawn. A stop behind the last column is where the next ones begin when it grows wider.
function tabStops(buffer, cols) {
  const stops = [];
  let usual = !buffer.tabs[cols] || cols % 8 === 0;
  for (let column = 0; column < cols; column++) {
    if (buffer.tabs[column]) stops.push(column);
    if (!!buffer.tabs[column] !== (column % 8 === 0)) usual = false;
  }
  if (usual) return '';
  const beyond = buffer.tabs[cols] ? `${csi(cols, 'G')} \x1bH\r${csi('K')}` : '';
  return csi('3g') + stops.map((column) => `${csi(column + 1, 'G')}\x1bH`).join('') + beyond + '\r';
}

function savedCursor(terminal, buffer) {
  const pen = penOf({ fg: buffer.savedCurAttrData.fg, bg: buffer.savedCurAttrData.bg & ~HAS_EXTENDED });
  const linked = buffer.savedCurAttrData.bg & HAS_EXTENDED && !pen.underline; // to whatever is open when it comes back
  const row = Math.min(Math.max(buffer.savedY - buffer.ybase, 0), terminal.rows - 1);
  const column = Math.min(buffer.savedX || 0, terminal.cols - 1);
  const name = charsetName(buffer.savedCharset);
  if (!row && !column && name === 'B' && samePen(pen, DEFAULT_PEN) && !linked) return '';
  const writer = new Writer(terminal.links);
  writer.put(at(row, column) + (linked ? ANY_LINK : ''));
  writer.use(pen);
  writer.put(name === 'B' ? '\x1b7' : `\x1b(${name}\x1b7\x1b(B`);
  writer.use(DEFAULT_PEN);
  return writer.text + (linked ? NO_LINK : '');
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

const frame = (terminal, buffer) => savedCursor(terminal, buffer) + region(buffer, terminal.rows)
  + keyboard(buffer === terminal.alternate ? terminal.keyboards.alternate : terminal.keyboards.normal);

// One of the two screens: in what is left of `size` bytes, what it shows.
function screenOf(terminal, buffer, size) {
  const stops = tabStops(buffer, terminal.cols);
  const framed = frame(terminal, buffer);
  return stops + drawBuffer(terminal, buffer, Math.max(size - bytesOf(stops + framed), 0)) + framed;
}

// The alternate screen keeps these while nobody is there.
function absent(terminal, buffer) {
  const kept = tabStops(buffer, terminal.cols) + frame(terminal, buffer);
  return kept && `${csi('?47h')}\r${kept}${csi('?47l')}`;
}

function redraw(terminal, limit) {
  const { core, normal, alternate, active } = terminal;
  const title = clean(terminal.title);
  const head = (title ? `\x1b]2;${title}\x1b\\` : '') + (terminal.location ? `\x1b]7;${clean(terminal.location)}\x1b\\` : '');
  const origin = core.coreService.decPrivateModes.origin ? csi('?6h') : '';
  let tail = modes(terminal) + linkInHand(terminal) + origin + cursor(terminal);
  if (active === alternate) {
    const size = limit - bytesOf(head + tail);
    tail = csi('H') + csi('?47h') + csi('H') + screenOf(terminal, alternate, size) + tail;
  } else tail = absent(terminal, alternate) + tail;
  return head + screenOf(terminal, normal, limit - bytesOf(head + tail)) + tail;
}
