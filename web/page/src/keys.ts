/** The keys: what each does, where nothing else wants it. */

import type { Page } from "./page.ts";
import { byId, isTyping } from "./view/dom.ts";

export function listen(page: Page): void {
  const help = byId("help", HTMLDialogElement);
  const showHelp = () => help.showModal();
  const deeds: Readonly<Record<string, () => void>> = {
    "/": () => page.focusFilter(),
    " ": () => page.pause(),
    j: () => page.move(1),
    k: () => page.move(-1),
    Enter: () => page.open(),
    Escape: () => page.close(),
    t: () => page.toggleTheme(),
    "?": showHelp,
  };
  const inStream: Readonly<Record<string, () => void>> = {
    ArrowDown: () => page.move(1),
    ArrowUp: () => page.move(-1),
    PageDown: () => page.move(10),
    PageUp: () => page.move(-10),
  };
  byId("keys", HTMLButtonElement).addEventListener("click", showHelp);
  const stream = byId("stream", HTMLElement);
  document.addEventListener("keydown", event => {
    if (help.open || isSpokenFor(event)) return;
    const deed = deeds[event.key] ?? (event.target === stream ? inStream[event.key] : undefined);
    if (deed === undefined) return;
    event.preventDefault();
    deed();
  });
}

/** Whether a key belongs to what has the focus, or to the browser. */
function isSpokenFor(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  if (isTyping(event.target)) return event.key !== "Escape";
  const isButton = event.target instanceof HTMLElement && event.target.closest("button, a") !== null;
  return isButton && (event.key === " " || event.key === "Enter");
}
