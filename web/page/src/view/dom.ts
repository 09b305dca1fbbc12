/** The only ways in which the page makes and fills elements: what comes from outside is always text. */

type Attributes = Record<string, string | number | boolean | null>;

/** Make an element. Attributes that are null or false are left out; children that are texts stay texts. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/** The element of index.html with this id. */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`index.html has no ${kind.name} #${id}`);
  return found;
}

/** Write a text, if it is another one: an unchanged text costs no layout and says nothing twice. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Copy a text and say so on the button that was pressed. */
export async function copy(text: string, button: HTMLElement): Promise<void> {
  const label = button.textContent ?? "";
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch (trouble) {
    if (!(trouble instanceof DOMException) && !(trouble instanceof TypeError)) throw trouble;
    said = "Select and copy it";
  }
  button.textContent = said;
  setTimeout(() => {
    button.textContent = label;
  }, 1_500);
}

/** Whether a key that was pressed belongs to what has the focus. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null
  );
}
