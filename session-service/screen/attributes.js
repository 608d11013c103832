// The attributes of a cell or of the pen as SGR: semicolons only, so that simple terminals read it too.
const COLOUR_MODE = 0x3000000, PALETTE_16 = 0x1000000, PALETTE_256 = 0x2000000;
const COLOUR = COLOUR_MODE | 0xffffff;
const PROTECTED = 0x20000000;
const DEFAULT_PEN = { foreground: 0, background: 0, underline: 0, underlineColour: 0, link: 0 };
const FLAGS = [ // field, bit, SGR code
  ['fg', 0x8000000, 1], ['bg', 0x8000000, 2], ['bg', 0x4000000, 3], ['fg', 0x20000000, 5],
  ['fg', 0x4000000, 7], ['fg', 0x40000000, 8], ['fg', 0x80000000, 9], ['bg', 0x40000000, 53],
];
const UNDERLINE = 0x10000000, HAS_EXTENDED = 0x10000000;
const UNDERLINE_STYLE = 0x1c000000; // of the raw value: a link's own style, dashes, is how it is drawn

// The colour that a value holds, without what is left of the one before.
function shown(value) {
  const mode = value & COLOUR_MODE;
  return mode === 0 ? 0 : mode === COLOUR_MODE ? value & COLOUR : mode | value & 0xff;
}

// What of `attributes` shows: `link` is the number of its hyperlink, 0 without one.
function penOf(attributes) {
  const extended = attributes.bg & HAS_EXTENDED ? attributes.extended : undefined;
  const underlined = attributes.fg & UNDERLINE;
  return {
    foreground: (attributes.fg & ~UNDERLINE & ~COLOUR | shown(attributes.fg)) >>> 0,
    background: (attributes.bg & ~HAS_EXTENDED & ~COLOUR | shown(attributes.bg)) >>> 0,
    underline: underlined ? ((extended?._ext & UNDERLINE_STYLE) >>> 26 || 1) : 0,
    underlineColour: underlined && extended ? shown(extended.underlineColor) : 0,
    link: extended?.urlId ?? 0,
  };
}

// The pen itself keeps the colour of underlines while it draws none.
const penInHand = (attributes) => ({
  ...penOf(attributes), underlineColour: shown(attributes.extended.underlineColor),
});

const samePen = (a, b) => a.foreground === b.foreground && a.background === b.background
  && a.underline === b.underline && a.underlineColour === b.underlineColour && a.link === b.link;

function colour(value, base, parameters) {
  const mode = value & COLOUR_MODE;
  if (!mode) return;
  const index = value & 0xff;
  if (mode === PALETTE_16 && base < 58) parameters.push(index < 8 ? base - 8 + index : base + 52 + index - 8);
  else if (mode === PALETTE_16 || mode === PALETTE_256) parameters.push(base, 5, index);
  else parameters.push(base, 2, value >>> 16 & 0xff, value >>> 8 & 0xff, index);
}

// The parameters of the SGR that makes `pen` of any other; hyperlinks and protection apart.
function sgrParameters(pen) {
  const parameters = [0];
  for (const [field, bit, code] of FLAGS) {
    if ((field === 'fg' ? pen.foreground : pen.background) & bit) parameters.push(code);
  }
  if (pen.underline) parameters.push(pen.underline === 1 ? 4 : pen.underline === 2 ? 21 : `4:${pen.underline}`);
  colour(pen.foreground, 38, parameters);
  colour(pen.background, 48, parameters);
  colour(pen.underlineColour, 58, parameters);
  return parameters;
}

function sgr(pen) {
  const parameters = sgrParameters(pen);
  return `\x1b[${parameters.length > 1 ? parameters.join(';') : ''}m`;
}

// Only the background of an erased cell shows.
const erasedPen = (attributes) => ({ ...DEFAULT_PEN, background: shown(attributes.bg) });
