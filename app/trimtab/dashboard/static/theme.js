// Before anything is drawn: light or dark as it was chosen here; else as the system has it.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("trimtab-theme"); } catch { /* storage may be forbidden */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
