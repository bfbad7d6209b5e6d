// The voices to choose from: each a radio button with a face, a flag and a sample.
const list = element.querySelector(".list");
const group = "voice-" + Math.random().toString(36).slice(2);
const FLAGS = {
  us: '<svg class="flag" viewBox="0 0 30 20" role="img" aria-label="US"><rect width="30" height="20" fill="#fff"/><path stroke="#b22234" stroke-width="1.54" d="M0 .8h30M0 3.9h30M0 7h30M0 10h30M0 13.1h30M0 16.2h30M0 19.2h30"/><rect width="13" height="10.8" fill="#3c3b6e"/></svg>',
  gb: '<svg class="flag" viewBox="0 0 30 20" role="img" aria-label="British"><rect width="30" height="20" fill="#012169"/><path stroke="#fff" stroke-width="4" d="M0 0l30 20M30 0L0 20"/><path stroke="#c8102e" stroke-width="1.5" d="M0 0l30 20M30 0L0 20"/><path stroke="#fff" stroke-width="6.5" d="M15 0v20M0 10h30"/><path stroke="#c8102e" stroke-width="4" d="M15 0v20M0 10h30"/></svg>',
};
const COLOURS = ["#0f766e", "#9a3412", "#1d4ed8", "#7e22ce", "#be123c", "#4d7c0f"];
let drawn, sound, playing;

function face(voice, number) {
  const long = voice.gender === "female";
  const hair = long ? "M10 40V21a14 14 0 0 1 28 0v19h-6V22H16v18z" : "M12 20a12 12 0 0 1 24 0l-3 3H15z";
  return `<svg class="face" viewBox="0 0 48 48" aria-hidden="true"><circle cx="24" cy="24" r="24" fill="${COLOURS[number % COLOURS.length]}"/>
<path d="M8 48c1-9 8-13 16-13s15 4 16 13z" fill="#fff" opacity=".85"/><path d="${hair}" fill="#00000066"/>
<circle cx="24" cy="23" r="9" fill="#ffe3c9"/><path d="M15 20c3-5 12-6 18 0-2-9-16-10-18 0z" fill="#3f2a1d"/></svg>`;
}

function play(voice, button) {
  const same = playing === button;
  if (sound) { sound.pause(); playing.textContent = "▶"; sound = playing = null; }
  if (same) return;
  sound = new Audio(voice.sample);
  playing = button;
  button.textContent = "■";
  sound.addEventListener("playing", () => { element.dataset.played = voice.id; });
  sound.addEventListener("ended", () => { button.textContent = "▶"; sound = playing = null; });
  sound.play();
}

function draw(value) {
  list.textContent = "";
  value.voices.forEach((voice, number) => {
    const row = document.createElement("div");
    row.className = "voice";
    const label = document.createElement("label");
    label.innerHTML = `<input type="radio" name="${group}">${face(voice, number)}<span class="who"><b></b><small></small></span>${FLAGS[voice.country] || ""}`;
    label.querySelector("b").textContent = voice.name;
    label.querySelector("small").textContent = voice.about + (voice.id === value.best ? ", the closest to yours" : "");
    const input = label.querySelector("input");
    input.value = voice.id;
    input.addEventListener("change", () => {
      props.value = { ...props.value, chosen: voice.id };
      trigger("change");
    });
    row.append(label);
    if (voice.sample) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "▶";
      button.setAttribute("aria-label", `Listen to ${voice.name}`);
      button.addEventListener("click", () => play(voice, button));
      row.append(button);
    }
    list.append(row);
  });
}

function sync() {
  const value = props.value || {};
  if (!value.voices) return;
  const key = JSON.stringify([value.voices, value.best]);
  if (key !== drawn || !list.children.length) { drawn = key; draw(value); }
  for (const input of list.querySelectorAll("input")) input.checked = input.value === value.chosen;
  element.dataset.chosen = value.chosen;
}
watch("value", sync);
list.addEventListener("change", () => { element.dataset.chosen = props.value.chosen; });
sync();
