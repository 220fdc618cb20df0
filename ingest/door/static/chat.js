/* Puts the real address into the line that embeds the chat, and copies that line. */
(() => {
  "use strict";
  const line = document.getElementById("line"), copy = document.getElementById("copy"), status = document.getElementById("copy-status");
  document.getElementById("address").textContent = location.origin;
  const select = () => { const range = document.createRange(); range.selectNodeContents(line); const chosen = getSelection(); chosen.removeAllRanges(); chosen.addRange(range); };
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    select();
    // Without https a page has no clipboard API, so it copies the selection.
    try { await navigator.clipboard.writeText(line.textContent); } catch { document.execCommand("copy"); }
    status.textContent = copy.dataset.copied;
  });
})();
