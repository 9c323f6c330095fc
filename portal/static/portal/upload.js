// The New job page: two files go up in parts, then one request makes the job.

import { Deadline } from "./deadline.js";
import { Drop } from "./drop.js";
import { Transfer, post } from "./transfer.js";
import { say } from "./viewer.js";

const form = document.getElementById("new-job");
const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
const drops = [...form.querySelectorAll("[data-drop]")].map((element) => new Drop(element, Number(form.dataset.largest)));
const deadline = new Deadline(document.getElementById("id_deadline"));
const send = document.getElementById("send");
const hold = document.getElementById("hold");
const status = document.getElementById("status");
const sample = document.getElementById("use-sample");
let transfers = [];
const arrived = new Map(); // file -> upload id, so that a second try does not send what is there

function problem(words) {
  const notice = document.getElementById("problem");
  notice.querySelector("p").textContent = words;
  notice.hidden = !words;
  if (words) notice.scrollIntoView({ block: "nearest" });
}

function busy(on) {
  send.disabled = on;
  hold.hidden = !on;
  hold.setAttribute("aria-pressed", false);
  hold.textContent = "Pause upload";
  if (sample) sample.disabled = on;
  for (const drop of drops) drop.lock(on);
  window.onbeforeunload = on ? (event) => event.preventDefault() : null;
}

async function upload(drop) {
  if (arrived.has(drop.file)) return arrived.get(drop.file);
  const transfer = new Transfer(drop.file, drop.kind, { start: form.dataset.start, token, changed: (it) => drop.follow(it) });
  transfers.push(transfer);
  const id = await transfer.run();
  arrived.set(drop.file, id);
  return id;
}

async function submit() {
  problem("");
  busy(true);
  transfers = [];
  try {
    status.textContent = "Uploading…";
    const [video, audio] = await Promise.all(drops.map(upload));
    hold.hidden = true;
    status.textContent = "Starting the job…";
    const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => typeof value === "string"));
    const job = await post(form.dataset.submit, { ...fields, video, audio }, token);
    window.onbeforeunload = null;
    location.assign(job.url);
  } catch (failure) {
    for (const transfer of transfers) transfer.pause("Not all of it is sent");
    busy(false);
    status.textContent = "";
    send.querySelector("[data-label]").textContent = "Try again";
    if (failure.code === "bad_deadline") return deadline.refuse(failure.message);
    problem(failure.message);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem("");
  await Promise.all(drops.map((drop) => drop.checked));
  if (!drops.every((drop) => drop.file)) return problem("Choose a video and a voice first.");
  if (!deadline.check()) return deadline.show();
  submit();
});

hold.addEventListener("click", () => {
  const pausing = hold.getAttribute("aria-pressed") !== "true";
  hold.setAttribute("aria-pressed", pausing);
  hold.textContent = pausing ? "Go on" : "Pause upload";
  status.textContent = pausing ? "Paused" : "Uploading…";
  for (const transfer of transfers) pausing ? transfer.pause() : transfer.resume();
  say(pausing ? "Upload paused" : "Upload goes on");
});

// The sample takes the same way as any other pair.
async function fetchFile(url, fallback) {
  const response = await fetch(url);
  if (!response.ok) throw new Error("The sample could not be fetched.");
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? fallback;
  return new File([await response.blob()], name, { type: response.headers.get("Content-Type") ?? "", lastModified: 0 });
}

async function takeSample(button) {
  button.disabled = true;
  try {
    const pair = await Promise.all([fetchFile(button.dataset.video, "sample.mp4"), fetchFile(button.dataset.audio, "sample.wav")]);
    drops.forEach((drop, place) => drop.take(pair[place]));
    send.focus();
  } catch (failure) {
    problem(failure.message);
  }
  button.disabled = false;
}

if (sample) {
  sample.hidden = false;
  sample.addEventListener("click", () => takeSample(sample));
  if ("useSample" in form.dataset) takeSample(sample);
}
