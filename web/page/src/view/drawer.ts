/** The drawer: one hit's whole document, fetched from the index when asked for. */

import * as format from "../model/format.ts";
import type { Hit } from "../model/hit.ts";
import { document as fetchDocument, Trouble } from "../server.ts";
import { copy, make, write } from "./dom.ts";

/** Characters of a document that are shown; the copy button gives all of it. */
const SHOWN = 100_000;

export class Drawer {
  #asking: AbortController | null = null;

  constructor(
    readonly place: HTMLElement,
    readonly title: HTMLElement,
    readonly inside: HTMLElement,
    readonly similar: (hit: Hit) => void,
  ) {}

  get isOpen(): boolean {
    return !this.place.hidden;
  }

  open(hit: Hit): void {
    this.#asking?.abort();
    this.place.hidden = false;
    write(this.title, hit.eventType || "Document");
    const body = make("div", { "aria-live": "off" });
    const facts = make("dl", {});
    for (const [name, value, kind] of this.#facts(hit)) {
      facts.append(make("dt", {}, name), make("dd", { class: kind }, value));
    }
    this.inside.replaceChildren(...(hit.message ? [make("p", {}, hit.message)] : []), facts, body);
    this.inside.scrollTop = 0;
    this.title.focus({ preventScroll: true });
    void this.#fill(hit, body);
  }

  close(): void {
    this.#asking?.abort();
    this.place.hidden = true;
  }

  #facts(hit: Hit): [string, string, string][] {
    const occurred = `${format.day(hit.occurred)} ${format.clock(hit.occurred)}`;
    const took = format.duration(hit.ingested - hit.occurred).join(" ");
    return [
      ["occurred", occurred, ""],
      ["stored", `${format.clock(hit.ingested)}, ${took} later`, ""],
      ["index", hit.index, "id"],
      ["id", hit.id, "id"],
    ];
  }

  async #fill(hit: Hit, body: HTMLElement): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    body.replaceChildren(make("p", { class: "dim" }, "Fetching the document…"));
    try {
      const found = await fetchDocument(hit.id, asking.signal);
      if (found === null) {
        body.replaceChildren(
          make("p", {}, "The index no longer has this document: its retention is over, or it was deleted."),
        );
        return;
      }
      body.replaceChildren(this.#actions(hit, found), printed(found));
    } catch (trouble) {
      if (trouble instanceof DOMException && trouble.name === "AbortError") return;
      if (!(trouble instanceof Trouble)) throw trouble;
      const again = make("button", { type: "button" }, "Try again");
      again.addEventListener("click", () => void this.#fill(hit, body));
      body.replaceChildren(make("p", {}, trouble.message), again);
    }
  }

  #actions(hit: Hit, found: object): HTMLElement {
    const copying = make("button", { type: "button" }, "Copy");
    copying.addEventListener("click", () => void copy(JSON.stringify(found, null, 2), copying));
    const similar = make("button", { type: "button" }, "Hits like this");
    similar.addEventListener("click", () => this.similar(hit));
    return make("p", { class: "row actions" }, copying, similar);
  }
}

/** A document as JSON, keys and texts told apart. */
function printed(found: object): HTMLElement {
  const text = JSON.stringify(found, null, 2);
  const block = make("pre", { tabindex: 0, "aria-label": "The document as JSON" });
  for (const line of text.slice(0, SHOWN).split("\n")) {
    const parts = /^(\s*)("(?:[^"\\]|\\.)*")(: )(.*)$/u.exec(line);
    if (parts === null) {
      block.append(...value(line), "\n");
      continue;
    }
    const [, indent, key, colon, rest] = parts;
    block.append(
      indent ?? "",
      make("span", { class: "key" }, key ?? ""),
      colon ?? "",
      ...value(rest ?? ""),
      "\n",
    );
  }
  if (text.length > SHOWN) block.append("… the rest is in the copy");
  return block;
}

function value(text: string): (Node | string)[] {
  const trimmed = text.trimStart();
  if (!trimmed.startsWith('"')) return [text];
  const comma = trimmed.endsWith(",") ? "," : "";
  const said = comma ? trimmed.slice(0, -1) : trimmed;
  return [text.slice(0, text.length - trimmed.length), make("span", { class: "text" }, said), comma];
}
