// The voices to choose from: each a radio button with a portrait and a sample.
const list = element.querySelector(".list");
const group = "voice-" + Math.random().toString(36).slice(2);
let drawn;

function draw(value) {
  list.textContent = "";
  for (const voice of value.voices) {
    const row = document.createElement("div");
    row.className = "voice";
    const label = document.createElement("label");
    label.innerHTML = `<input type="radio" name="${group}">${voice.portrait}<span class="who"><b></b><small></small></span>`;
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
      button.className = "vb-play";
      button.dataset.address = voice.sample;
      button.textContent = "▶";
      button.setAttribute("aria-label", `Listen to ${voice.name}`);
      row.append(button);
    }
    list.append(row);
  }
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
