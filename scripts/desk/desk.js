"use strict";
// Loads each panel, and asks for it again when the server says so. A hidden page asks for nothing.

const announcements = document.getElementById("announcements");
const GONE = "The desk does not answer. Is reindex desk still running?";
const RETRY_SECONDS = 15;

function announce(text) {
  announcements.textContent = text;
}

// Replaces content. The focus stays where it was, and what was unfolded stays unfolded.
function show(body, html) {
  if (body.dataset.shown === html) return;
  const focused = body.contains(document.activeElement) ? document.activeElement.id : "";
  const unfolded = Array.from(body.querySelectorAll("[open] > summary"), (s) => s.textContent);
  body.innerHTML = html;
  body.dataset.shown = html;
  for (const summary of body.querySelectorAll("summary")) {
    summary.parentElement.open = unfolded.includes(summary.textContent);
  }
  if (focused) document.getElementById(focused)?.focus();
}

function showGone(body) {
  const text = document.createElement("p");
  text.textContent = GONE;
  const box = document.createElement("div");
  box.className = "notice bad";
  box.append(text);
  body.replaceChildren(box);
  body.dataset.shown = "";
}

class Panel {
  constructor(section) {
    this.source = section.dataset.src;
    this.title = section.querySelector("h2").textContent;
    this.body = section.querySelector(".body");
    this.readAt = section.querySelector(".read-at");
    this.button = section.querySelector(".refresh");
    this.timer = 0;
    this.isLate = false;
    this.button?.addEventListener("click", () => this.refresh());
  }

  async refresh() {
    this.button.disabled = true;
    await this.load("?refresh=1");
    this.button.disabled = false;
    this.button.focus();
    announce(`${this.title} is refreshed.`);
  }

  async load(query = "") {
    clearTimeout(this.timer);
    this.isLate = false;
    let seconds = RETRY_SECONDS;
    try {
      const answer = await fetch(this.source + query);
      show(this.body, await answer.text());
      if (answer.ok) seconds = Number(answer.headers.get("Poll-Seconds"));
      if (this.readAt) this.readAt.textContent = `${new Date().toISOString().slice(11, 19)} UTC`;
    } catch {
      showGone(this.body);
    }
    // A refresh may have overtaken a poll.
    clearTimeout(this.timer);
    if (seconds > 0) this.timer = setTimeout(() => this.poll(), 1000 * seconds);
  }

  poll() {
    if (document.hidden) this.isLate = true;
    else this.load();
  }
}

const panels = Array.from(document.querySelectorAll("[data-src]"), (section) => new Panel(section));
for (const panel of panels) panel.load();
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const panel of panels) if (panel.isLate) panel.load();
});

const form = document.getElementById("explain");
const answerBox = document.getElementById("explanation");

let asked = 0;

async function explain(imageId) {
  const mine = ++asked;
  const button = form.querySelector("button");
  button.disabled = true;
  announce("Looking: this takes up to ten seconds.");
  answerBox.replaceChildren("Looking: this takes up to ten seconds.");
  try {
    const answer = await fetch("explanation?" + new URLSearchParams({ id: imageId }));
    const html = await answer.text();
    if (mine !== asked) return;
    show(answerBox, html);
    announce(answerBox.querySelector(".notice")?.textContent ?? "Done.");
  } catch {
    showGone(answerBox);
  }
  button.disabled = false;
  answerBox.focus();
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  explain(form.elements.id.value);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-explain]");
  if (!link || !form || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  form.elements.id.value = link.dataset.explain;
  form.scrollIntoView();
  explain(link.dataset.explain);
});
if (form?.elements.id.value) explain(form.elements.id.value);
