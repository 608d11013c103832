// What xterm.js expects of its surroundings, and V8 alone has not: timers, and a name for the platform.
globalThis.window = globalThis;
globalThis.navigator = { userAgent: 'gestalt', platform: 'gestalt', language: 'en' };
globalThis.console ??= { log() {}, info() {}, warn() {}, error() {}, debug() {} };

globalThis.performance ??= { now: () => Date.now() };

// The parser uses timers only to tidy up when nothing is written: they run when the host of this script says so.
const due = new Map();
let lastTimer = 0;
globalThis.setTimeout = (act) => {
  due.set(++lastTimer, act);
  return lastTimer;
};
globalThis.clearTimeout = (timer) => due.delete(timer);
globalThis.setInterval = () => 0;
globalThis.clearInterval = () => undefined;

const TIMERS_AT_ONCE = 64; // one may set the next: what is left runs the next time

function runTimers() {
  for (let count = 0; due.size && count < TIMERS_AT_ONCE; count++) {
    const [timer, act] = due.entries().next().value;
    due.delete(timer);
    act();
  }
}
