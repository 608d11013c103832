// Lines of a buffer as bytes that draw them again in an empty terminal of the same size.
const clean = (text) => text.replace(/[\x00-\x1f\x7f-\x9f]/g, '');

// Writes with a pen, and changes it only where the next thing needs another.
class Writer {
  constructor(links) {
    this.links = links;
    this.text = '';
    this.pen = DEFAULT_PEN;
    this.linked = new Set();
  }

  put(text) {
    this.text += text;
  }

  use(wanted) {
    const pen = wanted.link && !this.links.getLinkData(wanted.link) ? { ...wanted, link: 0 } : wanted;
    if (samePen(pen, this.pen)) return;
    this.follow(pen.link);
    if (!samePen(pen, this.pen)) this.put(rendition(pen));
    this.pen = pen;
  }

  // From here on all is part of this link, of none if it is 0.
  follow(link) {
    if (link === this.pen.link) return;
    this.put(this.hyperlink(link));
    this.linked.add(link);
    this.pen = { ...this.pen, link };
  }

  hyperlink(number) {
    const link = number ? this.links.getLinkData(number) : undefined;
    if (!link) return '\x1b]8;;\x1b\\';
    return `\x1b]8;${link.id ? `id=${clean(link.id)}` : ''};${clean(link.uri)}\x1b\\`;
  }
}

// The SGR of a pen; it ends protection, which therefore comes after it.
const rendition = (pen) => sgr(pen) + (pen.background & PROTECTED ? '\x1b[1"q' : '');

// One row from its first column on; `dirty`: a blank stands in that column.
function drawRow(writer, line, cols, cell, plain, dirty) {
  let column = 0;
  while (column < cols) {
    line.loadCell(column, cell);
    if (isErased(cell)) column = skip(writer, line, cols, cell, column, plain, dirty);
    else {
      writer.use(plain ? DEFAULT_PEN : penOf(cell));
      const width = Math.max(1, cell.getWidth());
      if (column + width > cols) writer.put('\x1b[X'); // a narrower screen has cut it in half
      else writer.put(cell.getChars() || ' ');
      if (halved(line, column, cols)) overprint(writer, line.loadCell(cols - 1, cell), plain);
      column += width;
    }
  }
}

const WIDE = '\u4e2d';

// Whether what is in the last column stands on half of a wide character: it came when nothing wrapped.
const halved = (line, column, cols) => cols > 1 && column === cols - 2 && line.getWidth(column) === 2
  && line.getWidth(cols - 1) === 1;

function overprint(writer, cell, plain) {
  writer.use(plain ? DEFAULT_PEN : penOf(cell));
  writer.put(`\x1b[?7l${cell.getChars() || WIDE}\x1b[?7h`); // a wide one finds no room, and erases that half
}

const isErased = (cell) => !cell.getChars() && cell.getWidth() <= 1;

// A stretch of erased cells of one background: where it ends.
function skip(writer, line, cols, cell, start, plain, dirty) {
  const pen = plain ? DEFAULT_PEN : erasedPen(cell);
  let end = start + 1;
  while (end < cols && isErased(line.loadCell(end, cell)) && (plain || samePen(erasedPen(cell), pen))) end++;
  const coloured = pen.background !== 0;
  if (coloured || (dirty && start === 0)) {
    writer.use(pen);
    writer.put(`\x1b[${coloured ? end - start : 1}X`);
  }
  if (end < cols) writer.put(`\x1b[${end - start}C`);
  return end;
}

// What leads from the end of the row before to the beginning of this one.
function enter(writer, line, before, cols, rows, cell) {
  if (!line.isWrapped) {
    writer.put('\r\n');
    return;
  }
  before.loadCell(cols - 1, cell);
  const half = cols > 1 && before.getWidth(cols - 2) === 2;
  const open = isErased(cell) && !half; // its last column is empty: it is written to wrap, and erased again
  const pen = erasedPen(cell);
  if (open) writer.put(`\x1b[${cols}G `);
  writer.put(' \r');
  if (!open || rows === 1) return;
  writer.put(`\x1b[A\x1b[${cols}G`);
  writer.use(pen);
  writer.put('\x1b[X\x1b[B\r');
  writer.use(DEFAULT_PEN);
}

// Each line from `first` on by itself: it begins and ends with the default pen, so any number of the last can be taken.
function drawLines(terminal, buffer, first, plain) {
  const { cols, rows, links, cell } = terminal;
  const named = plain ? new Map() : namedLinks(links, buffer);
  const drawn = [];
  for (let index = first; index < buffer.lines.length; index++) {
    const writer = new Writer(links);
    const line = buffer.lines.get(index);
    // Its beginning is gone: what it wraps from is written, and deleted.
    const orphan = index === first && line.isWrapped;
    if (orphan) writer.put(`\x1b[${cols}G  \r${rows > 1 ? '\x1b[A\x1b[M' : '\x1b[3J'}`);
    if (index > first) enter(writer, line, buffer.lines.get(index - 1), cols, rows, cell);
    drawRow(writer, line, cols, cell, plain, orphan || (index > first && line.isWrapped));
    for (const link of named.get(index) ?? []) if (!writer.linked.has(link)) writer.follow(link);
    writer.use(DEFAULT_PEN);
    drawn.push(writer.text);
  }
  return drawn;
}

// Bytes that a text has in UTF-8, at most.
function bytesOf(text) {
  let size = text.length;
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) size += 2;
  return size;
}

// The last lines of a buffer that fit into `budget` bytes: the screen itself first, without colours if need be.
function drawBuffer(terminal, buffer, budget) {
  let drawn = drawLines(terminal, buffer, buffer.ybase, false);
  if (bytesOf(drawn.join('')) > budget) drawn = drawLines(terminal, buffer, buffer.ybase, true);
  let left = budget - bytesOf(drawn.join(''));
  while (left < 0) {
    left += bytesOf(drawn[drawn.length - 1]); // a screen of hundreds of kilobytes of text: its first rows only
    drawn.pop();
  }
  const first = scrollbackFrom(terminal, buffer, left);
  return first === buffer.ybase ? drawn.join('') : drawLines(terminal, buffer, first, false).join('');
}

// The first line of the scrollback that still fits, at the beginning of a line that the program wrote.
function scrollbackFrom(terminal, buffer, budget) {
  const drawn = drawLines(terminal, buffer, 0, false);
  let first = buffer.ybase;
  let left = budget;
  while (first > 0 && left >= bytesOf(drawn[first])) left -= bytesOf(drawn[first--]);
  while (first < buffer.ybase && (buffer.lines.get(first).isWrapped || bytesOf(drawn[first]) > left)) first++;
  return first;
}
