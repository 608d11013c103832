// Where the parser would stand between two sequences, told by its own table without feeding it.
const GROUND = 0, ESCAPE = 1, NON_ASCII = 0xa0, ESC = 0x1b;

// `ground`: the end of the last stretch (or of the first one) that leaves it between sequences and characters.
function walk(core, bytes, from, stopAtFirst = false) {
  const { table } = core._inputHandler._parser._transitions;
  let state = from, ground = 0, missing = 0, lead = 0;
  for (let index = 0; index < bytes.length; index++) {
    let code = bytes[index];
    if (code >= 0x80) {
      if (code >= 0xc0) { [lead, missing] = [code, code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : 1]; continue; }
      if (!missing) continue; // a stray byte is dropped
      if (--missing) continue;
      if (lead !== 0xc2 || code >= NON_ASCII) code = NON_ASCII;
    } else missing = 0;
    state = code === ESC ? ESCAPE : table[state << 8 | code] & 15; // the table ends a string there, the parser goes on
    if (state !== GROUND) continue;
    ground = index + 1;
    if (stopAtFirst) break;
  }
  return { ground, state };
}
