// The clips that a voice learns from: played, their words corrected, ticked or not.
const list = element.querySelector(".list"), summary = element.querySelector(".summary"), guesses = element.querySelector(".guesses");
let run, seen;

function row(clip, number) {
  const item = document.createElement("li");
  item.dataset.id = clip.id;
  item.innerHTML = `<input type="checkbox" class="use"><button type="button" class="vb-play">▶</button>
<textarea rows="1" maxlength="400"></textarea><span class="seconds"></span><p class="problem"></p><button type="button" class="right">It is right</button>`;
  const use = item.querySelector(".use"), text = item.querySelector("textarea");
  use.setAttribute("aria-label", `learn from clip ${number + 1}`);
  text.setAttribute("aria-label", `words of clip ${number + 1}`);
  item.querySelector(".vb-play").setAttribute("aria-label", `Listen to clip ${number + 1}`);
  item.querySelector(".vb-play").addEventListener("click", (event) => window.voicebank.play(current(clip.id).audio, event.target));
  item.querySelector(".vb-play").disabled = !clip.audio;
  text.value = clip.text;
  use.addEventListener("change", () => trigger("edited", { id: clip.id, used: use.checked }));
  text.addEventListener("change", () => trigger("edited", { id: clip.id, text: text.value }));
  text.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); text.blur(); } });
  item.querySelector(".right").addEventListener("click", () => trigger("edited", { id: clip.id, text: text.value, used: true }));
  return item;
}

function current(id) { return ((props.value || {}).clips || []).find((clip) => clip.id === id) || {}; }

function sync() {
  const value = props.value || {};
  if (!value.clips) return;
  if (value.run !== run || list.children.length !== value.clips.length) {
    run = value.run;
    list.replaceChildren(...value.clips.map(row));
  }
  const items = [...list.children];
  value.clips.forEach((clip, i) => {
    const item = items[i];
    item.classList.toggle("out", !clip.used);
    item.querySelector(".use").checked = clip.used;
    item.querySelector(".use").disabled = !clip.possible;
    item.querySelector(".seconds").textContent = `${clip.seconds.toFixed(1)} s`;
    const why = clip.used && clip.guessed ? ["guessed from the sound", ...clip.problems] : clip.problems;
    const problem = item.querySelector(".problem");
    problem.textContent = why.join("; ");
    problem.title = clip.reasons;
    item.querySelector(".right").hidden = !(clip.possible && clip.text && (clip.guessed || !clip.used));
  });
  summary.textContent = `${value.used} of ${value.clips.length} clips, ${value.minutes.toFixed(1)} minutes`;
  guesses.textContent = [
    value.guessed ? `The words of ${value.guessed} were guessed from the sound: read them, and correct what is wrong.` : "",
    value.listened ? "" : "Nobody compared the words with the sound.",
  ].filter(Boolean).join(" ");
  guesses.classList.toggle("vb-bad", !!value.message);
  if (value.message && value.at !== seen) { seen = value.at; guesses.textContent = value.message; }
  element.dataset.used = value.used;
}
watch("value", sync);
sync();
