/** Numbers made of other numbers. */

/** The value below which this share of sorted values lies; null for none. */
export function quantile(sorted: readonly number[], share: number): number | null {
  if (sorted.length === 0) return null;
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
}

/** By how much it grew, as a share of what it was; null where that says nothing. */
export function trend(now: number, before: number): number | null {
  if (!Number.isFinite(now) || !Number.isFinite(before) || before <= 0) return null;
  return now / before - 1;
}

/** Points of a polyline through the values, in a box; a null leaves a hole. */
export function line(values: readonly (number | null)[], width: number, height: number): string {
  const top = Math.max(...values.map(value => value ?? 0), 0);
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  let path = "";
  let pen = "M";
  values.forEach((value, place) => {
    if (value === null) {
      pen = "M";
      return;
    }
    const y = top === 0 ? height : height - (value / top) * height;
    path += `${pen}${round(place * step)} ${round(y)}`;
    pen = "L";
  });
  return path;
}

/** Sums of so many neighbours each; null where one of them is. */
export function fold(values: readonly (number | null)[], size: number): (number | null)[] {
  const out: (number | null)[] = [];
  for (let start = values.length % size; start < values.length; start += size) {
    const part = values.slice(start, start + size);
    out.push(part.includes(null) ? null : part.reduce<number>((sum, value) => sum + (value ?? 0), 0));
  }
  return out;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
