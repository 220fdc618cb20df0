/* Santral web chat. Embed: <script src="https://door/widget.js" data-account="default" data-language="tr" defer></script>
   A line counts as sent only after the door has Kafka's acknowledgement; until then it is kept in
   the browser and sent again under the same id. */
(() => {
  "use strict";
  const script = document.currentScript;
  const base = new URL(script.src).origin;
  const account = script.dataset.account || "default";
  const language = (script.dataset.language || document.documentElement.lang || navigator.language || "en").slice(0, 2);
  const words = {
    tr: { open: "Sohbeti aç", close: "Sohbeti kapat", title: "Bize yazın", line: "İletiniz", send: "Gönder", waiting: "gönderiliyor…", sent: "alındı", away: "Bağlantı koptu, yeniden bağlanılıyor…", back: "Bağlantı kuruldu.", you: "Siz", we: "Temsilci", refused: "gönderilemedi" },
    en: { open: "Open chat", close: "Close chat", title: "Write to us", line: "Your message", send: "Send", waiting: "sending…", sent: "received", away: "Connection lost, trying again…", back: "Connected.", you: "You", we: "Agent", refused: "could not be sent" },
  }[language === "tr" ? "tr" : "en"];
  const slot = "santral-chat-" + account;
  let kept = { session: null, key: null, after: null, lines: [] };
  try { kept = Object.assign(kept, JSON.parse(localStorage.getItem(slot) || "{}")); } catch { /* a new session */ }
  const keep = () => { try { localStorage.setItem(slot, JSON.stringify({ ...kept, lines: kept.lines.slice(-200) })); } catch { /* private mode: this page only */ } };

  const host = document.createElement("div");
  document.body.append(host);
  const root = host.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = `:host{all:initial}*{box-sizing:border-box;font:16px/1.45 system-ui,sans-serif}
  .open{position:fixed;right:16px;bottom:16px;padding:12px 20px;border:0;border-radius:24px;background:#0b57d0;color:#fff;cursor:pointer;z-index:2147483000}
  .box{position:fixed;right:16px;bottom:16px;width:min(380px,calc(100vw - 32px));height:min(560px,calc(100vh - 32px));display:flex;flex-direction:column;background:#fff;color:#1b1d22;border:1px solid #767b86;border-radius:12px;z-index:2147483001;overflow:hidden}
  .box[hidden],.open[hidden]{display:none}.head{display:flex;justify-content:space-between;align-items:center;padding:10px 14px;background:#0b57d0;color:#fff}h2{margin:0;font-size:17px;font-weight:600}
  .head button{background:none;border:1px solid #fff;color:#fff;border-radius:6px;padding:2px 10px;cursor:pointer}
  .log{margin:0;padding:12px;flex:1;overflow-y:auto;display:flex;flex-direction:column;gap:8px}.line{margin:0;max-width:85%;padding:8px 12px;border-radius:12px;background:#eceff5;white-space:pre-wrap;overflow-wrap:anywhere}
  .line.you{align-self:flex-end;background:#d3e3fd}small{display:block;font-size:12px;color:#454a54}form{display:flex;gap:8px;padding:10px;border-top:1px solid #cfd3db}
  textarea{flex:1;resize:none;border:1px solid #767b86;border-radius:8px;padding:8px;background:#fff;color:#1b1d22}.send{border:0;border-radius:8px;background:#0b57d0;color:#fff;padding:0 16px;cursor:pointer}
  .note{min-height:1.4em;margin:0;padding:0 14px;font-size:13px;color:#454a54}:focus-visible{outline:3px solid #0b57d0;outline-offset:2px}.head :focus-visible{outline-color:#fff}.name{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
  @media (prefers-color-scheme:dark){.box{background:#14161a;color:#e8eaee}.line{background:#272b33}.line.you{background:#1f3a63}small,.note{color:#b4bac6}textarea{background:#14161a;color:#e8eaee}}`;
  const make = (tag, set = {}, ...children) => { const e = document.createElement(tag); for (const [k, v] of Object.entries(set)) k in e ? (e[k] = v) : e.setAttribute(k, v); e.append(...children); return e; };
  const list = make("div", { className: "log", role: "log", "aria-live": "polite", "aria-label": words.title, tabIndex: 0 });
  const field = make("textarea", { rows: 2, id: "line", maxLength: 8000 });
  const send = make("button", { className: "send", textContent: words.send });
  const form = make("form", {}, make("label", { className: "name", htmlFor: "line", textContent: words.line }), field, send);
  const note = make("p", { className: "note", role: "status" });
  const shut = make("button", { textContent: "×", "aria-label": words.close });
  const box = make("section", { className: "box", hidden: true, role: "dialog", "aria-label": words.title }, make("div", { className: "head" }, make("h2", { textContent: words.title }), shut), list, note, form);
  const open = make("button", { className: "open", textContent: words.open, "aria-haspopup": "dialog" });
  root.append(style, open, box);

  const shown = new Map();
  const show = (line) => {
    const state = line.who === "you" ? (line.state === "sent" ? words.sent : line.state === "refused" ? words.refused : words.waiting) : "";
    if (!shown.has(line.id)) {
      const small = make("small");
      const item = make("p", { className: "line " + (line.who === "you" ? "you" : "we") }, make("span", { className: "name", textContent: (line.who === "you" ? words.you : words.we) + ": " }), document.createTextNode(line.text), small);
      shown.set(line.id, small); list.append(item); list.scrollTop = list.scrollHeight;
    }
    shown.get(line.id).textContent = state;
  };
  kept.lines.forEach(show);

  let socket = null, delay = 500, timer = null, ready = false;
  const say = (frame) => { if (socket && socket.readyState === 1) socket.send(JSON.stringify(frame)); };
  const flush = () => { if (ready) kept.lines.filter((l) => l.who === "you" && l.state === "waiting").forEach((l) => say({ type: "message", id: l.id, text: l.text })); };
  const connect = () => {
    socket = new WebSocket(base.replace(/^http/, "ws") + "/v1/chat?account=" + encodeURIComponent(account));
    socket.onopen = () => say(kept.session ? { type: "hello", session: kept.session, key: kept.key, after: kept.after } : { type: "hello" });
    socket.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      if (frame.type === "session") { kept.session = frame.session; kept.key = frame.key; delay = 500; ready = true; note.textContent = ""; keep(); flush(); }
      else if (frame.type === "reply") {
        if (!kept.lines.some((l) => l.id === frame.id)) { const line = { id: frame.id, who: "we", text: frame.text }; kept.lines.push(line); show(line); }
        kept.after = frame.id; keep(); say({ type: "seen", id: frame.id });
      } else if (frame.type === "accepted" || frame.type === "error" || frame.type === "retry") {
        const line = kept.lines.find((l) => l.id === frame.id); if (!line) return;
        if (frame.type === "retry") { setTimeout(flush, 1000 * (frame.after || 2)); return; }
        line.state = frame.type === "accepted" ? "sent" : "refused"; show(line); keep();
      }
    };
    socket.onclose = () => { ready = false; note.textContent = words.away; clearTimeout(timer); timer = setTimeout(connect, delay); delay = Math.min(delay * 2, 15000); };
  };
  const toggle = (on) => { box.hidden = !on; open.hidden = on; if (on) { if (!socket) connect(); field.focus(); } else open.focus(); };
  open.onclick = () => toggle(true); shut.onclick = () => toggle(false);
  box.onkeydown = (e) => { if (e.key === "Escape") toggle(false); };
  field.onkeydown = (e) => { if (e.key === "Enter" && !e.shiftKey) { e.preventDefault(); form.requestSubmit(); } };
  form.onsubmit = (e) => {
    e.preventDefault(); const text = field.value.trim(); if (!text) return;
    const line = { id: crypto.randomUUID ? crypto.randomUUID() : String(Date.now()) + Math.random().toString(36).slice(2), who: "you", text, state: "waiting" };
    kept.lines.push(line); show(line); keep(); field.value = ""; flush(); field.focus();
  };
  if (kept.session && kept.lines.length) connect();
})();
