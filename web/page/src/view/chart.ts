/** The line chart: hits, problems and late ones by the second, on one time axis. */

import uPlot from "uplot";
import * as format from "../model/format.ts";
import type { Series, Window } from "../model/window.ts";
import { make, write } from "./dom.ts";

const HEIGHT = 176;

export class Chart {
  #plot: uPlot | null = null;
  #data: Series | null = null;
  readonly #reading = make("p", { class: "reading", hidden: true });

  /**
   * @param late The legend's entry of late hits, which is there when they are.
   * @param point Called with the second under the crosshair, or null when there is none.
   */
  constructor(
    readonly place: HTMLElement,
    readonly late: HTMLElement,
    readonly point: (second: number | null) => void,
  ) {
    place.append(this.#reading);
    new ResizeObserver(() => this.#fit()).observe(place);
  }

  paint(window: Window, here: number): void {
    const data = window.series(here);
    this.#data = data;
    const hasLate = data.late.some(value => value !== null && value > 0);
    this.late.hidden = !hasLate;
    // A line along the bottom says nothing, and hides the one beneath it.
    const late = hasLate ? data.late : data.late.map(() => null);
    const columns: uPlot.AlignedData = [data.x, data.hits, data.problems, late];
    if (this.#plot === null) this.#plot = this.#make(columns);
    else this.#plot.setData(columns);
    const known = data.hits.filter(value => value !== null);
    const most = known.length === 0 ? "nothing known yet" : `at most ${Math.max(...known)} in a second`;
    this.place.setAttribute(
      "aria-label",
      `Hits per second, last ${format.plural(window.span, "second")}: ${most}`,
    );
  }

  /** Put the crosshair on a time, in ms since the epoch; null takes it away. */
  show(time: number | null): void {
    if (this.#plot === null) return;
    const left = time === null ? -10 : this.#plot.valToPos(Math.floor(time / 1000), "x");
    this.#plot.setCursor({ left, top: time === null ? -10 : 1 }, false);
    this.#read();
  }

  /** Colours have changed. */
  redress(): void {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #fit(): void {
    this.#plot?.setSize({ width: this.#width(), height: HEIGHT });
  }

  #width(): number {
    return Math.max(160, this.place.clientWidth - 16);
  }

  #make(columns: uPlot.AlignedData): uPlot {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--dim"),
      font: "11px Inter, sans-serif",
      ticks: { show: false },
      grid: { stroke: colour("--line"), width: 1 },
    };
    const series = (label: string, stroke: string, fill?: string): uPlot.Series => ({
      label,
      stroke: colour(stroke),
      width: 1.5,
      points: { show: false },
      spanGaps: false,
      ...(fill === undefined ? {} : { fill: colour(fill) }),
    });
    return new uPlot(
      {
        width: this.#width(),
        height: HEIGHT,
        legend: { show: false },
        padding: [8, 24, 0, 0],
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
        scales: { y: { range: (_, _low, high) => [0, ceiling(high ?? 0)] } },
        axes: [
          { ...axis, grid: { show: false }, size: 24, gap: 4, space: 72, values: (_, at) => at.map(time) },
          { ...axis, size: 40, gap: 6, space: 36, incrs: WHOLE, values: (_, at) => at.map(perSecond) },
        ],
        series: [
          {},
          series("hits", "--accent", "--accent-soft"),
          series("problems", "--bad"),
          series("late", "--warn"),
        ],
        hooks: { setCursor: [() => this.#moved()] },
      },
      columns,
      this.place,
    );
  }

  #moved(): void {
    const place = this.#plot?.cursor.idx;
    this.point(place === null || place === undefined ? null : (this.#data?.x[place] ?? null));
    this.#read();
  }

  #read(): void {
    const place = this.#plot?.cursor.idx;
    const data = this.#data;
    const second = place === null || place === undefined ? undefined : data?.x[place];
    this.#reading.hidden = second === undefined;
    if (second === undefined || data === null || place === null || place === undefined) return;
    const hits = data.hits[place];
    const said =
      hits === null || hits === undefined
        ? "not known"
        : [
            format.plural(hits, "hit"),
            format.plural(data.problems[place] ?? 0, "problem"),
            `${data.late[place] ?? 0} late`,
          ].join(" · ");
    write(this.#reading, `${format.seconds(second * 1000)}  ${said}`);
  }
}

const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000];

/** The top of the scale: a round number with some room, of which a part is a round number too. */
export function ceiling(most: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  const steps = [1, 2, 3, 4, 6, 8, 10, 15, 20];
  return Math.max(4, (steps.find(step => step * unit > most * 1.02) ?? 20) * unit);
}

function time(second: number): string {
  return format.seconds(second * 1000);
}

function perSecond(value: number): string {
  return value === 0 ? "0" : `${format.count(value)}/s`;
}
