// What a terminal answers where the browser's parser has no answer, or one that other terminals would not give.
const MOST_KEYBOARDS = 16; // entries of a stack; a program that pushes more loses its first
const KEYBOARD_FLAGS = 31;

const keyboardOf = (terminal) => terminal.active === terminal.alternate ? terminal.keyboards.alternate : terminal.keyboards.normal;

// The flags of the keyboard protocol (kitty's): each screen has a stack of them, the last one holds.
function followKeyboard(terminal) {
  const { parser } = terminal.term;
  const first = (given, otherwise) => (given.length && given[0] ? given[0] : otherwise);
  parser.registerCsiHandler({ prefix: '>', final: 'u' }, (given) => {
    const stack = keyboardOf(terminal);
    if (stack.push(first(given, 0) & KEYBOARD_FLAGS) > MOST_KEYBOARDS) stack.shift();
    return true;
  });
  parser.registerCsiHandler({ prefix: '<', final: 'u' }, (given) => {
    const stack = keyboardOf(terminal);
    stack.splice(Math.max(0, stack.length - first(given, 1)));
    if (!stack.length) stack.push(0);
    return true;
  });
  parser.registerCsiHandler({ prefix: '=', final: 'u' }, (given) => {
    const stack = keyboardOf(terminal), flags = first(given, 0) & KEYBOARD_FLAGS, last = stack.length - 1;
    const how = given.length > 1 ? given[1] : 1;
    stack[last] = how === 2 ? stack[last] | flags : how === 3 ? stack[last] & ~flags : flags;
    return true;
  });
  parser.registerEscHandler({ final: 'c' }, () => {
    terminal.keyboards = { normal: [0], alternate: [0] };
    return false;
  });
}

// What makes the stack of the screen that is shown.
const keyboard = (stack) => stack.map((flags, depth) => depth ? csi('>', flags, 'u') : flags ? csi('=', flags, ';1u') : '').join('');

// The cursor's place as other terminals tell it: within the region in origin mode, and never beyond the last column.
function place(terminal) {
  const { core, active: buffer } = terminal;
  const row = buffer.y - (core.coreService.decPrivateModes.origin ? buffer.scrollTop : 0) + 1;
  return `${row};${Math.min(buffer.x, terminal.cols - 1) + 1}R`;
}

// The parser itself tells the one that the terminal began with.
function cursorStyle({ core }) {
  const set = core.coreService.decPrivateModes, options = core.optionsService.rawOptions;
  const blinks = set.cursorBlink ?? options.cursorBlink;
  return { block: 2, underline: 4, bar: 6 }[set.cursorStyle ?? options.cursorStyle] - (blinks ? 1 : 0);
}

function answerOf(terminal, question) {
  switch (question) {
    case '\x1b[6n': return csi(place(terminal));
    case '\x1b[?6n': return csi('?', place(terminal));
    case '\x1b[?u': return csi('?', keyboardOf(terminal).at(-1), 'u');
    case '\x1bP$q q\x1b\\': return `\x1bP1$r${cursorStyle(terminal)} q\x1b\\`;
    case '\x1bP$qm\x1b\\': return `\x1bP1$r${sgr(penInHand(terminal.core._inputHandler._curAttrData)).slice(2)}\x1b\\`;
    default: return undefined;
  }
}

// What nobody wants to hear is not said: a flood of questions costs a third of the time.
function keepQuiet(terminal) {
  const { parser } = terminal.term;
  const unheard = () => !terminal.replies;
  for (const prefix of ['', '?', '>']) {
    for (const final of 'cn') parser.registerCsiHandler(prefix ? { prefix, final } : { final }, unheard);
  }
}

// What the parser answers by itself.
function repliesTo(terminal, question) {
  terminal.replies = [];
  terminal.core.writeSync(question);
  const said = terminal.replies.join('');
  terminal.replies = undefined;
  return said;
}
