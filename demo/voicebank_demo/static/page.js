// What concerns the page as a whole: keys, messages for screen readers, notifications, the length of texts.
const live = () => document.querySelector(".vb-live");
let sound = null, playing = null;
function silent() {
  if (playing) {
    playing.textContent = playing.textContent.replace("■", "▶");
    playing.setAttribute("aria-pressed", "false");
  }
  if (sound) sound.pause();
  sound = playing = null;
}
window.voicebank = {
  say(words) { if (live()) live().textContent = words; },
  // One sound at a time, begun and ended by the button that has a ▶.
  play(address, button) {
    const same = playing === button;
    silent();
    if (same) return;
    const mine = sound = new Audio(address);
    playing = button;
    button.textContent = button.textContent.replace("▶", "■");
    button.setAttribute("aria-pressed", "true");
    mine.addEventListener("playing", () => { button.dataset.played = "yes"; });
    for (const end of ["ended", "error"]) mine.addEventListener(end, () => { if (sound === mine) silent(); });
    mine.play().catch(() => { if (sound === mine) silent(); });
  },
  show(name) {
    for (const tab of document.querySelectorAll("button[role=tab]")) if (tab.textContent.trim() === name) { tab.click(); return; }
  },
};

const STARTS = { "speak-text": "speak-start", "difference-text": "difference-start" };
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    for (const [text, start] of Object.entries(STARTS)) {
      if (event.target.closest && event.target.closest("#" + text)) {
        event.preventDefault();
        event.stopPropagation();
        // Gradio takes what is written when the field is left, or a moment after it was written.
        event.target.dispatchEvent(new Event("input", { bubbles: true }));
        setTimeout(() => document.querySelector("#" + start).click(), 60);
      }
    }
  }
  if (event.target.getAttribute && event.target.getAttribute("role") === "tab") {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const tabs = [...event.target.parentElement.querySelectorAll("[role=tab]")].filter((tab) => tab.offsetParent);
    const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
    next.click();
    next.focus();
  }
}, true);

function count() {
  for (const note of document.querySelectorAll(".vb-count")) {
    const field = document.querySelector("#" + note.dataset.for + " textarea");
    const longest = Number(note.dataset.longest);
    const over = field && field.value.length > longest;
    const words = over ? `${field.value.length.toLocaleString("en")} characters: ${longest.toLocaleString("en")} is the most that is spoken here. Shorten it.` : "";
    if (note.textContent !== words) { note.textContent = words; if (words) window.voicebank.say(words); }
  }
}

// How many files were chosen: their list scrolls.
function total() {
  for (const note of document.querySelectorAll(".vb-files")) {
    const rows = document.querySelectorAll("#" + note.dataset.for + " .file-preview tr").length;
    const words = rows === 1 ? "1 file" : `${rows} files`, span = note.querySelector("span");
    if (span.textContent === words) continue;
    span.textContent = words;
    note.hidden = !rows;
    if (rows) window.voicebank.say(words);
  }
}
document.addEventListener("click", ({ target }) => {
  if (!target.closest) return;
  const sample = target.closest(".vb-play[data-address]"), more = target.closest(".vb-files button");
  if (sample) window.voicebank.play(sample.dataset.address, sample);
  if (more) document.querySelector("#" + more.parentElement.dataset.for + " input[type=file]").click();
});

let before = "", stage = "", wanted = false;
function follow() {
  const banner = document.querySelector(".vb-banner");
  const state = banner ? banner.dataset.state : "";
  if (banner && state !== before) {
    window.voicebank.say(banner.textContent.trim());
    if (before === "working" && wanted && Notification.permission === "granted") new Notification("voicebank", { body: banner.textContent.trim() });
  }
  if (!banner && before === "working") {
    const words = "The work has ended.";
    window.voicebank.say(words);
    if (wanted && Notification.permission === "granted") new Notification("voicebank", { body: words });
  }
  before = state;
  const title = document.querySelector("#make-progress h2");
  const now = title ? title.textContent : "";
  if (now && now !== stage) window.voicebank.say(now);
  stage = now;
  const button = document.querySelector(".vb-notify");
  if (button) { button.hidden = !("Notification" in window); if (wanted) button.textContent = "You will be told"; }
}
document.addEventListener("click", async (event) => {
  if (!event.target.classList || !event.target.classList.contains("vb-notify")) return;
  wanted = (await Notification.requestPermission()) === "granted";
  event.target.textContent = wanted ? "You will be told" : "The browser does not allow it";
});

// What Gradio's own components lack for screen readers.
function mend() {
  document.documentElement.lang = "en";
  for (const field of document.querySelectorAll("input[type=file]:not([aria-label])")) field.setAttribute("aria-label", "files");
  for (const slider of document.querySelectorAll("input[type=range]:not([aria-label]), input[type=number]:not([aria-label])")) {
    const block = slider.closest(".block");
    const label = block && block.querySelector("[data-testid=block-info], label span");
    slider.setAttribute("aria-label", label ? label.textContent.trim() : "value");
  }
}
// Gradio's messages are a button, to fold them, with a button in it, to close them: people who hear the page would find
// one of the two. The one that closes stays.
new MutationObserver(() => {
  for (const head of document.querySelectorAll(".toast-header[role]")) { head.removeAttribute("role"); head.removeAttribute("tabindex"); }
}).observe(document.body, { childList: true, subtree: true });
setInterval(() => { count(); total(); follow(); mend(); }, 400);
