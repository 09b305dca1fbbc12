/** Light and dark: as the system says, until somebody says otherwise. */

const KEPT = "livedex-theme";

export function watch(button: HTMLButtonElement, changed: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () =>
    (document.documentElement.dataset["theme"] ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.title = isDark() ? "Use light colours" : "Use dark colours";
    changed();
  };
  const toggle = () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset["theme"] = next;
    keep(next);
    show();
  };
  button.addEventListener("click", toggle);
  system.addEventListener("change", show);
  show();
  return toggle;
}

function keep(theme: string): void {
  try {
    localStorage.setItem(KEPT, theme);
  } catch (trouble) {
    if (!(trouble instanceof DOMException)) throw trouble; // storage is closed to us: it lasts until the reload
  }
}
