// What Python calls: many terminals, each by its number. Bytes come through one shared buffer.
const shared = new Uint8Array(256 * 1024);
const LONGEST_TITLE = 4096, LONGEST_LOCATION = 4096;
const MOST_LINKS = 4096; // alive at once: each costs kilobytes, and time whenever a line scrolls
const LARGEST_PARAMETER = 65535; // the largest size a terminal may have
const terminals = new Map();

class Terminal {
  constructor(cols, rows, scrollback) {
    const options = { cols, rows, scrollback, allowProposedApi: true, logLevel: 'off' };
    this.term = new xterm.Terminal(options);
    this.term.loadAddon(new unicode.Unicode11Addon());
    this.term.unicode.activeVersion = '11';
    this.core = this.term._core;
    this.cell = new (this.core._bufferService.buffer.getNullCell().constructor)();
    this.title = this.location = this.prompt = '';
    this.replies = undefined; // what it answers, while somebody wants to know
    this.keyboards = { normal: [0], alternate: [0] };
    this.listen();
    this.bound();
    followKeyboard(this);
    keepQuiet(this);
  }

  get cols() { return this.core.cols; }
  get rows() { return this.core.rows; }
  get normal() { return this.core._bufferService.buffers.normal; }
  get alternate() { return this.core._bufferService.buffers.alt; }
  get active() { return this.core._bufferService.buffers.active; }
  get links() { return this.core._oscLinkService; }

  listen() {
    this.term.onTitleChange((title) => { this.title = title.slice(0, LONGEST_TITLE); });
    this.term.onData((reply) => this.replies?.push(reply));
    this.term.parser.registerOscHandler(7, (location) => {
      this.location = location.slice(0, LONGEST_LOCATION);
      return false;
    });
    this.term.parser.registerOscHandler(133, (mark) => {
      if (/^[ABCD](;|$)/.test(mark)) this.prompt = mark;
      return false;
    });
  }

  // A number beyond the screen does what the screen's size does, but would keep the parser busy for minutes.
  bound() {
    const parser = this.core._inputHandler._parser;
    const params = parser._params;
    const addDigit = params.addDigit.bind(params);
    params.addDigit = (value) => {
      addDigit(value);
      const last = params.length - 1;
      if (params.params[last] > LARGEST_PARAMETER) params.params[last] = LARGEST_PARAMETER;
    };
    const clamp = (finals, most) => [...finals].forEach((final) => parser.registerCsiHandler({ final }, (given) => {
      if (given.params[0] > most()) given.params[0] = most();
      return false; // the built-in one goes on
    }));
    const handler = this.core._inputHandler;
    const eraseInDisplay = handler.eraseInDisplay.bind(handler);
    handler.eraseInDisplay = (...given) => {
      try {
        return eraseInDisplay(...given);
      } catch {
        return true; // it looks for a line below the last one, after all is erased (xterm.js 6.0)
      }
    };
    this.term.parser.registerOscHandler(8, (link) => {
      const beyond = !link.endsWith(';') && this.links._dataByLinkId.size >= MOST_LINKS;
      if (beyond) handler._finishHyperlink(); // what follows is text without one
      return beyond;
    });
    clamp('LMST', () => this.rows);
    clamp('@PXIZ', () => this.cols);
  }

  snapshot(limit) {
    const { active, core } = this;
    return {
      cols: this.cols, rows: this.rows, row: active.y, col: Math.min(active.x, this.cols - 1),
      title: clean(this.title), location: clean(this.location), prompt: clean(this.prompt), modes: modeNames(this),
      redraw: redraw(this, limit),
    };
  }

  lines() {
    const { active } = this;
    return Array.from({ length: this.rows }, (_, row) => active.lines.get(active.ybase + row)?.translateToString(true) ?? '');
  }
}

// -- the calls -------------------------------------------------------------------------------------------------------

function open(number, cols, rows, scrollback) {
  close(number);
  const terminal = new Terminal(cols, rows, scrollback);
  if (!charsetNames.size) learnCharsets(new Terminal(2, 1, 0).core);
  terminals.set(number, terminal);
}

function close(number) {
  terminals.get(number)?.term.dispose();
  terminals.delete(number);
}

// Feeds what of the next `size` bytes of the shared buffer ends between two sequences, so that nothing ever waits in
// the parser; how many bytes that was.
function feed(number, size) {
  const terminal = terminals.get(number);
  const bytes = shared.subarray(0, size);
  const settled = walk(terminal.core, bytes, GROUND).ground;
  if (settled) terminal.core.writeSync(bytes.subarray(0, settled));
  runTimers();
  return settled;
}

// What a terminal answers to a question that it has been fed: asking once more changes nothing.
function ask(number, size) {
  const terminal = terminals.get(number);
  const question = String.fromCharCode(...shared.subarray(0, size));
  return answerOf(terminal, question) ?? repliesTo(terminal, question);
}

// Looks for the end of a sequence that is longer than the shared buffer, without keeping it; 0 while it goes on.
function skim(number, size, first) {
  const terminal = terminals.get(number);
  const { ground, state } = walk(terminal.core, shared.subarray(0, size), first ? GROUND : terminal.state, !first);
  terminal.state = state;
  return first ? 0 : ground;
}

function resize(number, cols, rows) {
  terminals.get(number).term.resize(cols, rows);
  runTimers();
}

const snapshot = (number, limit) => JSON.stringify(terminals.get(number).snapshot(limit));
const lines = (number) => JSON.stringify(terminals.get(number).lines());
const sharedBuffer = () => shared.buffer;
