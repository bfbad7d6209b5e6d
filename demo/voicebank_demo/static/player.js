// Plays the parts of a speech as they are made, without gaps; when all are there, a player of the whole takes over.
const box = element.querySelector(".vb-player");
const button = box.querySelector("button");
const status = box.querySelector(".text");
const bar = box.querySelector(".done");
const whole = box.querySelector("audio");
const wav = box.querySelector(".wav"), mp3 = box.querySelector(".mp3"), link = box.querySelector(".link");
const text = box.querySelector(".lines"), facts = box.querySelector(".facts");
const say = (words) => window.voicebank && window.voicebank.say(words);
const RATE = 24000;
let context = null;
let run;
let state = {};

function unlock() {
  // Browsers let a page make sound only after a click or a key.
  context = context || new AudioContext({ sampleRate: RATE });
  if (context.state === "suspended" && !state.paused) context.resume();
}
document.addEventListener("pointerdown", unlock, true);
document.addEventListener("keydown", unlock, true);

function clock(seconds) {
  return Math.floor(seconds / 60) + ":" + String(Math.floor(seconds % 60)).padStart(2, "0");
}

function reset() {
  for (const source of state.sources || []) source.stop();
  if (state.url) URL.revokeObjectURL(state.url);
  state = { asked: 0, buffers: [], sources: [], begin: 0, seconds: 0, chain: Promise.resolve(), asking: performance.now(), words: [], lines: 0 };
  box.classList.remove("ready");
  whole.pause();
  whole.removeAttribute("src");
  box.removeAttribute("data-seconds");
  box.dataset.state = "idle";
  bar.style.width = "0";
  button.disabled = true;
  button.textContent = "❚❚";
  button.setAttribute("aria-label", "pause");
  text.textContent = facts.textContent = "";
  if (context && context.state === "suspended") context.resume();
}

function schedule(buffer, mine) {
  if (mine !== state || mine.stopped) return;
  mine.buffers.push(buffer);
  const now = context.currentTime + 0.05;
  if (mine.begin < now) mine.begin = now;
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.start(mine.begin);
  mine.sources.push(source);
  mine.begin += buffer.duration;
  mine.seconds += buffer.duration;
  if (mine.buffers.length === 1) {
    mine.first = (performance.now() - mine.asking) / 1000;
    box.dataset.first = mine.first.toFixed(2);
    say("Playing");
  }
  button.disabled = false;
}

async function fetched(url, mine) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error("the speech is gone: speak it again");
  const data = await answer.arrayBuffer();
  unlock();
  schedule(await context.decodeAudioData(data), mine);
}

function joined(buffers) {
  const length = buffers.reduce((sum, b) => sum + b.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * length));
  const text = (at, s) => [...s].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * length, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, 2 * RATE, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * length, true);
  let at = 44, square = 0;
  for (const buffer of buffers) {
    for (const sample of buffer.getChannelData(0)) {
      square += sample * sample;
      view.setInt16(at, Math.max(-1, Math.min(1, sample)) * 32767, true);
      at += 2;
    }
  }
  return { blob: new Blob([view], { type: "audio/wav" }), loudness: Math.sqrt(square / Math.max(1, length)) };
}

function finish(mine) {
  if (mine !== state || !mine.buffers.length || mine.finished) return;
  mine.finished = true;
  const { blob, loudness } = joined(mine.buffers);
  mine.url = URL.createObjectURL(blob);
  whole.src = wav.href = mine.url;
  box.dataset.seconds = mine.seconds.toFixed(2);
  box.dataset.loudness = loudness.toFixed(4);
  mine.complete = true;
}

// The words of the sentences so far, each in a box that is lit while it is spoken.
function write(mine, lines) {
  for (const line of lines.slice(mine.lines)) {
    mine.lines += 1;
    for (const [word, start, end] of line.words) {
      const box = document.createElement("span");
      box.textContent = word;
      text.append(box, " ");
      mine.words.push({ box, start: line.at + start, end: line.at + end });
    }
  }
}

function light(mine, now) {
  const word = mine.words.find(({ start, end }) => now >= start && now < end);
  if (word === mine.lit) return;
  if (mine.lit) mine.lit.box.classList.remove("lit");
  if (word) word.box.classList.add("lit");
  mine.lit = word;
}

function tell(mine, value) {
  const facts_ = [];
  if (mine.first) facts_.push(`first sound after ${mine.first.toFixed(1)} s`);
  if (value.speed) facts_.push(`made ${value.speed} times as fast as it is spoken`);
  facts.textContent = facts_.join(" · ");
  const files = value.files || {};
  if (files.wav && !mine.stopped) wav.href = files.wav;
  if (files.mp3) mp3.href = files.mp3;
  mp3.hidden = !files.mp3 || !!mine.stopped;
  mine.link = value.link;
  link.hidden = !(value.link && value.link.voice);
}

function sync() {
  const value = props.value || {};
  if (value.run !== run) { run = value.run; reset(); }
  const mine = state;
  if (!value.run) { status.textContent = value.message || ""; return; }
  if (value.state === "failed") { mine.asking = 0; status.textContent = ""; return; }
  mine.message = value.message || "";
  write(mine, value.lines || []);
  tell(mine, value);
  mine.fraction = value.fraction || 0;
  for (const url of (value.parts || []).slice(mine.asked)) {
    mine.asked += 1;
    mine.chain = mine.chain.then(() => fetched(url, mine)).catch((error) => { status.textContent = error.message; });
  }
  if (value.state === "done" && !mine.closing) {
    mine.closing = true;
    mine.chain = mine.chain.then(() => { finish(mine); tell(mine, value); });
  }
}
watch("value", sync);

element.addEventListener("voicebank-stop", () => {
  if (!state.asking || state.finished) return;
  state.stopped = true;
  for (const source of state.sources) source.stop();
  state.begin = 0;
  if (state.buffers.length) finish(state);
  else { state.message = "Stopped."; state.fraction = 0; }
});

button.addEventListener("click", () => {
  state.paused = !state.paused;
  if (state.paused) context.suspend(); else context.resume();
  button.textContent = state.paused ? "▶" : "❚❚";
  button.setAttribute("aria-label", state.paused ? "play" : "pause");
});

link.addEventListener("click", async () => {
  const address = new URL(location.pathname, location.href);
  address.search = new URLSearchParams(state.link).toString();
  box.dataset.link = address.href;
  try { await navigator.clipboard.writeText(address.href); say("The link is copied."); link.textContent = "Copied"; }
  catch { prompt("The link:", address.href); }
  setTimeout(() => { link.textContent = "Copy a link"; }, 2000);
});

setInterval(() => {
  if (!state.asking) return;
  const left = context ? Math.max(0, state.begin - context.currentTime) : 0;
  const heard = Math.max(0, state.seconds - left);
  box.dataset.state = state.complete ? "complete" : state.buffers.length ? "playing" : "waiting";
  light(state, box.classList.contains("ready") ? (whole.paused ? -1 : whole.currentTime) : heard);
  if (state.complete && left === 0) {
    if (!box.classList.contains("ready")) say("The speech is complete.");
    box.classList.add("ready");
    return;
  }
  bar.style.width = 100 * (state.complete ? heard / Math.max(0.01, state.seconds) : state.fraction || 0) + "%";
  const time = state.buffers.length ? clock(heard) + " of " + clock(state.seconds) + (state.complete ? "" : " so far") : "";
  status.textContent = [time, state.complete ? "" : state.message].filter(Boolean).join(" · ");
}, 100);
reset();
state = {};
sync();
