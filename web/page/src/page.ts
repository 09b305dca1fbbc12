/** The page: what arrives goes into the board at once, and is painted when there is time. */

import type { Feed, Listener } from "./feed.ts";
import { Board, SNAPSHOT, SPAN } from "./model/board.ts";
import { aged } from "./model/cards.ts";
import type { Pattern } from "./model/filter.ts";
import * as format from "./model/format.ts";
import type { Hit } from "./model/hit.ts";
import { isObject, serviceOf } from "./model/hit.ts";
import type { Session } from "./server.ts";
import { Bars } from "./view/bars.ts";
import { Cards } from "./view/cards.ts";
import { Chart } from "./view/chart.ts";
import { byId, write } from "./view/dom.ts";
import { Drawer } from "./view/drawer.ts";
import { Empty } from "./view/empty.ts";
import { FilterBar } from "./view/filterbar.ts";
import { BAD_FILTER, StatusLine } from "./view/statusline.ts";
import { Stream } from "./view/stream.ts";
import { watch } from "./view/theme.ts";

/** Milliseconds between two paintings of the stream: more is not read, and the frames stay free. */
const PAINT = 120;

/** Milliseconds between two looks at clock and status, and between two paintings of figures and charts. */
const LOOK = 250;
const FIGURES = 1_000;

/** Attributes that have a column. */
const COLUMNS = 1;

export class Page {
  readonly board = new Board();
  readonly #bar = new FilterBar(this.board.seen, pattern => this.follow(pattern));
  readonly #cards = new Cards(byId("cards", HTMLElement));
  readonly #chart = new Chart(byId("plot", HTMLElement), byId("legend-late", HTMLElement), second =>
    this.#stream.mark(second),
  );
  readonly #bars = new Bars(byId("bars", HTMLElement), byId("services-total", HTMLElement), name =>
    this.#only(name),
  );
  readonly #empty = new Empty(byId("empty", HTMLElement), () => this.#bar.clear());
  readonly #status = new StatusLine(() => {
    if (this.board.status.word === "offline") this.#feed?.nudge();
    else location.reload();
  });
  readonly #pause = byId("pause", HTMLButtonElement);
  readonly #stream = new Stream(
    byId("stream", HTMLElement),
    document.querySelector<HTMLElement>(".hits > header") ?? document.body,
    byId("waiting", HTMLButtonElement),
    {
      open: hit => this.#drawer.open(hit),
      point: hit => this.#chart.show(hit === null ? null : hit.ingested),
      changed: () => this.#soon(),
    },
  );
  readonly #drawer = new Drawer(
    byId("drawer", HTMLElement),
    byId("drawer-title", HTMLElement),
    byId("drawer-inside", HTMLElement),
    hit => this.#like(hit),
  );
  readonly toggleTheme: () => void;
  #session: Session | null = null;
  #feed: Feed | null = null;
  #columns: readonly string[] = [];
  #isDue = false;
  #painted = 0;
  #figured = 0;

  constructor() {
    this.toggleTheme = watch(byId("theme", HTMLButtonElement), () => this.#chart.redress());
    this.#pause.addEventListener("click", () => this.pause());
    byId("drawer-close", HTMLButtonElement).addEventListener("click", () => this.close());
    write(byId("span", HTMLElement), `last ${format.duration(SPAN * 1_000).join(" ")}`);
    const bar = document.querySelector<HTMLElement>(".bar") ?? document.body;
    new ResizeObserver(() => {
      document.documentElement.style.setProperty("--bar", `${bar.offsetHeight}px`);
    }).observe(bar);
    setInterval(() => this.#look(), LOOK);
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** Begin: we know who we are, and have somebody to ask. */
  start(session: Session, feed: Feed): void {
    this.#session = session;
    this.#feed = feed;
    this.board.skew = session.skew;
    this.board.seen.declare(session.attributes);
    write(byId("place", HTMLElement), session.place === "" ? "" : ` / ${session.place}`);
    write(byId("tenant", HTMLElement), session.tenant === "" ? "" : `tenant ${session.tenant}`);
    this.#bar.of(session.tenant);
    const kept = decoded(location.hash.slice(1));
    if (kept !== "" && !this.#bar.read(kept)) {
      this.#bar.complain(
        "The filter in the address is none that chips can show; all hits are shown instead.",
      );
    }
    this.follow(this.#bar.pattern);
  }

  /** It cannot begin. */
  fail(why: string): void {
    this.board.become({ word: "refused", why, code: "", retryAt: null }, Date.now());
    this.#look();
  }

  follow(pattern: Pattern): void {
    const text = JSON.stringify(pattern);
    history.replaceState(null, "", text === "{}" ? location.pathname : `#${encodeURIComponent(text)}`);
    this.board.restart(Date.now());
    this.#stream.letGo();
    this.#figured = 0;
    this.#feed?.follow(pattern, SNAPSHOT, this.#listener());
    this.#look();
  }

  focusFilter(): void {
    this.#bar.focus();
  }

  pause(): void {
    const still = this.#pause.getAttribute("aria-pressed") !== "true";
    this.#pause.setAttribute("aria-pressed", String(still));
    write(this.#pause, still ? "Go on" : "Pause");
    this.#stream.pause(still);
  }

  move(by: number): void {
    const hit = this.#stream.move(by);
    if (hit !== null && this.#drawer.isOpen) this.#drawer.open(hit);
  }

  open(): void {
    if (this.#stream.chosen !== null) this.#drawer.open(this.#stream.chosen);
  }

  close(): void {
    if (this.#drawer.isOpen) {
      this.#drawer.close();
      this.#stream.place.focus({ preventScroll: true });
    } else {
      this.#stream.letGo();
    }
  }

  #listener(): Listener {
    const board = this.board;
    return {
      hits: (hits, live) => {
        board.take(hits, live, Date.now());
        document.dispatchEvent(new CustomEvent("livedex:hits", { detail: hits }));
        this.#soon();
      },
      status: status => {
        board.become(status, Date.now());
        this.#bar.complain(status.code === BAD_FILTER ? status.why : "");
        this.#look();
        this.#soon();
      },
      missed: ({ mended, reason }) => {
        board.missed(mended, reason, Date.now());
        this.#soon();
      },
    };
  }

  #only(service: string): void {
    const isDeclared = this.board.seen.values("service").includes(service);
    this.#bar.add(isDeclared ? "service" : "source", service);
  }

  #like(hit: Hit): void {
    const named = hit.attributes.get("service");
    const whose =
      named === undefined ? (["source", hit.source] as const) : (["service", serviceOf(hit)] as const);
    this.close();
    this.#bar.replace([whose, ["eventType", hit.eventType]]);
  }

  /** Paint the stream with one of the next frames; in the background there are none, and none are needed. */
  #soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const wait = Math.max(0, this.#painted + PAINT - performance.now());
    setTimeout(() => requestAnimationFrame(() => this.#paint()), wait);
  }

  #paint(): void {
    this.#isDue = false;
    this.#painted = performance.now();
    this.#stream.paint(this.board.rows, this.#columns, Date.now());
    const isEmpty = this.board.rows.shown === 0;
    const { word } = this.board.status;
    const why = { word, isFiltered: !this.#bar.isEmpty, emit: this.#session?.emit ?? "" };
    this.#empty.paint(isEmpty ? why : null);
  }

  /** What time alone changes: the pill, ages, countdowns; and once a second the figures. */
  #look(): void {
    const now = Date.now();
    this.board.tick(now);
    if (document.hidden) return;
    this.#status.paint(this.board, now);
    if (now - this.#figured < FIGURES) return;
    this.#figured = now - (now % FIGURES);
    const here = now - this.board.skew;
    this.#columns = this.board.seen.columns(COLUMNS);
    this.#cards.paint(this.board, this.#feed?.duplicates ?? 0, this.#session?.doubt ?? 0, now);
    this.#chart.paint(this.board.window, here);
    const counted = this.board.counted(now) - this.board.skew;
    this.#bars.paint(this.board.window.services(counted), aged(this.board.asOf, now, "as of"));
    this.#soon();
  }
}

function decoded(text: string): string {
  try {
    const plain = decodeURIComponent(text);
    return isObject(JSON.parse(plain || "{}")) ? plain : "";
  } catch (trouble) {
    if (!(trouble instanceof URIError) && !(trouble instanceof SyntaxError)) throw trouble;
    return "-"; // nobody's filter: the bar says so
  }
}
