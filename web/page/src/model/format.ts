/** Numbers and times as people read them. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const FINE = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export function count(value: number): string {
  return WHOLE.format(value);
}

/** One decimal below a hundred, none above. */
export function rate(value: number): string {
  return value >= 100 ? WHOLE.format(value) : FINE.format(value);
}

export function plural(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? "" : "s"}`;
}

/** A duration and its unit: `58` `ms`, `1.2` `s`, `3` `min`. */
export function duration(ms: number): [string, string] {
  const size = Math.abs(ms);
  if (size < 1_000) return [WHOLE.format(ms), "ms"];
  if (size < 60_000) return [FINE.format(ms / 1_000), "s"];
  if (size < 3_600_000) return [WHOLE.format(ms / 60_000), "min"];
  if (size < 172_800_000) return [WHOLE.format(ms / 3_600_000), "h"];
  return [WHOLE.format(ms / 86_400_000), "days"];
}

/** `▲ 4 %`, `▼ 12 %`, `± 0 %`. */
export function trend(share: number): string {
  const percent = Math.round(Math.abs(share) * 100);
  if (percent === 0) return "± 0 %";
  const shown = percent > 999 ? "> 999" : WHOLE.format(percent);
  return `${share > 0 ? "▲" : "▼"} ${shown} %`;
}

/** The time of day in milliseconds: `14:32:41.828`. */
export function clock(ms: number): string {
  return `${seconds(ms)}.${pad(new Date(ms).getMilliseconds(), 3)}`;
}

/** `14:32:41`. */
export function seconds(ms: number): string {
  const at = new Date(ms);
  return `${pad(at.getHours(), 2)}:${pad(at.getMinutes(), 2)}:${pad(at.getSeconds(), 2)}`;
}

/** `14:32`. */
export function minutes(ms: number): string {
  return seconds(ms).slice(0, 5);
}

/** `14:32:41.8`; the day before it where it is not today. */
export function tenths(ms: number, now: number): string {
  const text = `${seconds(ms)}.${Math.floor(new Date(ms).getMilliseconds() / 100)}`;
  return sameDay(ms, now) ? text : `${day(ms)} ${text}`;
}

/** `2026-11-22`, in the reader's own time zone, as the clock is. */
export function day(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1, 2)}-${pad(at.getDate(), 2)}`;
}

export function sameDay(one: number, other: number): boolean {
  return day(one) === day(other);
}

/** How long ago: `12 s`, `3 min`, `2 h`. */
export function age(ms: number): string {
  const at_least = Math.max(0, ms);
  if (at_least < 60_000) return `${Math.floor(at_least / 1000)} s`;
  if (at_least < 3_600_000) return `${Math.floor(at_least / 60_000)} min`;
  return `${Math.floor(at_least / 3_600_000)} h`;
}

/** An attribute's value: a number short, and with the unit that its name ends in. */
export function value(name: string, given: string | number | boolean | null): string {
  if (typeof given !== "number") return given === null ? "" : String(given);
  if (name.endsWith("Ms")) return duration(given).join(" ");
  return Number.isInteger(given) ? WHOLE.format(given) : String(Math.round(given * 100) / 100);
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
