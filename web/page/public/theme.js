// Before anything is painted, so that nobody who chose dark sees a flash of light.
try {
  const kept = localStorage.getItem("livedex-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
} catch {
  // Storage is closed to us: the system's preference holds.
}
