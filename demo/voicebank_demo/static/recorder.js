// Records one prompt after another as plain samples, shows how loud it is, and hands each to the server as a WAV.
const find = (name) => element.querySelector("." + name);
const prompt = find("prompt"), count = find("count"), message = find("message"), meter = find("meter-fill");
const record = find("record"), again = find("again"), next = find("next"), skip = find("skip"), listen = find("listen");
const RATE = 24000, LONGEST = 25;
const PROBLEMS = {
  NotAllowedError: "The browser does not let this page use the microphone: allow it in the address bar.",
  NotFoundError: "No microphone was found: plug one in, or upload clips instead.",
  NotReadableError: "Another program uses the microphone: close it, and try again.",
};
const WORKLET = `registerProcessor("tap", class extends AudioWorkletProcessor {
  process(inputs) { const data = inputs[0][0]; if (data) this.port.postMessage(data.slice(0)); return true; } });`;
let stream, context, blocks = [], recording = false, taken = null, url = null, level = 0, index = 0, seen, used = 0;

function say(text, bad) { message.textContent = text; message.classList.toggle("vb-bad", !!bad); }

function close() {
  // Nobody likes a microphone that stays on.
  if (!stream || recording) return;
  for (const track of stream.getTracks()) track.stop();
  context.close();
  stream = context = null;
  meter.style.width = "0";
}
document.addEventListener("visibilitychange", () => { if (document.hidden) close(); });

async function open() {
  used = performance.now();
  if (stream) return;
  if (!navigator.mediaDevices) throw Object.assign(new Error("This page may not use the microphone: open it with https, or on this machine."), { plain: true });
  stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  context = new AudioContext();
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" })));
  const source = context.createMediaStreamSource(stream);
  const tap = new AudioWorkletNode(context, "tap");
  tap.port.onmessage = ({ data }) => {
    let peak = 0;
    for (const sample of data) peak = Math.max(peak, Math.abs(sample));
    level = Math.max(peak, level * 0.93);
    if (!recording) return;
    blocks.push(data);
    if (blocks.length * data.length > LONGEST * context.sampleRate) stop();
  };
  source.connect(tap);
}

function show() {
  const value = props.value || {};
  const prompts = value.prompts || [];
  const done = value.done || {};
  index = Math.min(index, Math.max(0, prompts.length - 1));
  prompt.textContent = prompts.length ? prompts[index] : "";
  const minutes = (value.seconds || 0) / 60;
  const goal = value.goal || 5;
  count.textContent = `Sentence ${index + 1} · ${Object.keys(done).length} recorded, ${minutes.toFixed(1)} of ${goal} minutes`;
  find("goal-fill").style.width = Math.min(100, (100 * minutes) / goal) + "%";
  element.dataset.recorded = Object.keys(done).length;
  element.dataset.seconds = (value.seconds || 0).toFixed(2);
  record.textContent = recording ? "■ Stop" : "● Record";
  record.classList.toggle("on", recording);
  again.disabled = recording || !(taken || done[index]);
  listen.disabled = recording || !(taken || done[index]);
  next.disabled = recording || !(taken || done[index]);
  skip.disabled = recording;
  if (value.message && value.message !== seen) { seen = value.message; say(value.message, value.bad); }
}

async function start() {
  try {
    await open();
    await context.resume();
  } catch (error) {
    say(PROBLEMS[error.name] || (error.plain ? error.message : "The microphone cannot be used. You can upload clips instead."), true);
    return;
  }
  blocks = []; taken = null; recording = true;
  say("Read the sentence, then press Stop.");
  show();
}

async function stop() {
  if (!recording) return;
  recording = false;
  const length = blocks.reduce((sum, b) => sum + b.length, 0);
  const samples = new Float32Array(length);
  let at = 0;
  for (const block of blocks) { samples.set(block, at); at += block.length; }
  blocks = [];
  if (length < context.sampleRate * 0.5) { say("That was too short: hold on until the sentence is said.", true); show(); return; }
  const offline = new OfflineAudioContext(1, Math.ceil((length * RATE) / context.sampleRate), RATE);
  const buffer = offline.createBuffer(1, length, context.sampleRate);
  buffer.copyToChannel(samples, 0);
  const source = offline.createBufferSource();
  source.buffer = buffer; source.connect(offline.destination); source.start();
  taken = (await offline.startRendering()).getChannelData(0);
  let peak = 0, square = 0;
  for (const s of taken) { peak = Math.max(peak, Math.abs(s)); square += s * s; }
  const loudness = 20 * Math.log10(Math.sqrt(square / taken.length) + 1e-9);
  if (peak > 0.99) say("Too loud: step back from the microphone, and record it again.", true);
  else if (loudness < -50) say("Hardly anything was heard: is it the right microphone?", true);
  else say(`${(taken.length / RATE).toFixed(1)} seconds, kept. Listen to it, record it again, or go on.`);
  trigger("recorded", { number: index, wav: base64(wav(taken)) });
  show();
}

function wav(samples) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, s) => [...s].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, 2 * RATE, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((s, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, s)) * 32767, true));
  return view.buffer;
}

function base64(buffer) {
  const bytes = new Uint8Array(buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}

function move(to) {
  index = Math.max(0, Math.min(((props.value || {}).prompts || []).length - 1, to));
  taken = null;
  show();
}

record.addEventListener("click", () => (recording ? stop() : start()));
again.addEventListener("click", start);
skip.addEventListener("click", () => { move(index + 1); say(""); });
find("back").addEventListener("click", () => { if (!recording) { move(index - 1); say(""); } });
listen.addEventListener("click", () => {
  if (url) URL.revokeObjectURL(url);
  url = taken ? URL.createObjectURL(new Blob([wav(taken)], { type: "audio/wav" })) : null;
  window.voicebank.play(url || ((props.value || {}).done || {})[index], listen);
});
next.addEventListener("click", () => { move(index + 1); say(""); });
watch("value", () => {
  const value = props.value || {};
  if (!taken && !recording && value.at !== undefined && value.at !== element.dataset.at) {
    element.dataset.at = value.at;
    index = value.index || 0;
  }
  show();
});
setInterval(() => {
  if (!stream) return;
  if (recording) used = performance.now();
  else if (performance.now() - used > 60000) return close();
  meter.style.width = Math.min(100, Math.max(0, 100 + (100 / 50) * 20 * Math.log10(level + 1e-6))) + "%";
  meter.classList.toggle("hot", level > 0.95);
  level *= 0.9;
}, 60);
index = (props.value || {}).index || 0;
show();
