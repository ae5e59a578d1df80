"use strict";
// What a person does on this page goes to /_sandbox as JSON; what has changed comes back as HTML.
const $ = (id) => document.getElementById(id);
const content = $("content"), modal = $("modal"), confirmBox = $("confirm"), said = $("said");
const person = () => $("person").value;

async function send(what, asked) {
  try {
    const answer = await fetch("/_sandbox/" + what, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({user: person(), ...asked}),
    });
    const body = await answer.json();
    tell(body.error || "");
    return body;
  } catch {
    tell("Slack?");
    return {};
  }
}

function tell(words) {
  said.textContent = words;
  if (words) setTimeout(() => { said.textContent = ""; }, 6000);
}

// What stands in an element now: a text, a list, or null.
function given(element, root) {
  if (element.type === "radio" || element.type === "checkbox") {
    const same = [...root.querySelectorAll("input")].filter((e) => e.name === element.name && e.checked).map((e) => e.value);
    return element.type === "radio" ? same[0] ?? null : same;
  }
  if (element.multiple) return [...element.selectedOptions].map((option) => option.value);
  return element.dataset.value ?? element.value ?? null;
}

function collect(root) {
  const state = {};
  for (const e of root.querySelectorAll("[data-kind]")) {
    if (e.tagName === "BUTTON" || e.tagName === "A") continue;
    (state[e.dataset.block] ??= {})[e.dataset.action] = given(e, root);
  }
  return state;
}

function agreed(words) {
  if (!words) return Promise.resolve(true);
  const {title, text, confirm, deny, style} = JSON.parse(words);
  const [no, yes] = confirmBox.querySelectorAll("button");
  confirmBox.querySelector("h2").textContent = title;
  confirmBox.querySelector("p").textContent = text;
  no.textContent = deny;
  yes.textContent = confirm;
  yes.className = "button " + (style || "primary");
  confirmBox.returnValue = "deny";
  confirmBox.showModal();
  return new Promise((done) => {
    no.onclick = () => confirmBox.close("deny");
    yes.onclick = () => confirmBox.close("confirm");
    confirmBox.onclose = () => done(confirmBox.returnValue === "confirm");
  });
}

async function press(element) {
  if (element.getAttribute("aria-busy") === "true") return;
  const root = element.closest("[data-view],[data-ts]");
  const {ts, channel, view} = root.dataset;
  const at = {block_id: element.dataset.block, action_id: element.dataset.action, value: given(element, root)};
  const state = collect(root);
  if (!await agreed(element.dataset.confirm)) return draw();
  element.setAttribute("aria-busy", "true");
  await send("press", view ? {view_id: view, state, ...at} : {ts, channel, state, ...at});
  element.removeAttribute("aria-busy");
}

async function submit(form) {
  const button = form.querySelector("[type=submit]");
  if (!button || button.disabled) return;
  button.disabled = true;
  const {errors} = await send("submit", {view_id: form.dataset.view, state: collect(form)});
  button.disabled = false;
  for (const error of form.querySelectorAll(".error")) error.textContent = "";
  for (const input of form.querySelectorAll("[data-input]")) {
    const words = errors?.[input.dataset.input] ?? "";
    const field = input.querySelector("[data-kind]");
    input.querySelector(".error").textContent = words;
    field.setAttribute("aria-invalid", words ? "true" : "false");
  }
  form.querySelector("[aria-invalid=true]")?.focus();
}

async function suggest(box) {
  const select = box.nextElementSibling, root = box.closest("[data-view],[data-ts]");
  if (box.value.length < Number(box.dataset.least)) return;
  const {ts, channel, view} = root.dataset;
  const at = {block_id: select.dataset.block, action_id: select.dataset.action, value: box.value};
  const {options} = await send("suggest", view ? {view_id: view, ...at} : {ts, channel, ...at});
  const chosen = select.value;
  while (select.options.length > 1) select.remove(1);
  for (const option of options ?? []) select.add(new Option(option.text.text, option.value));
  select.value = [...select.options].some((option) => option.value === chosen) ? chosen : "";
}

document.addEventListener("click", (event) => {
  const {target} = event;
  const pressed = target.closest("button[data-kind],a[data-kind]");
  if (pressed) { pressed.closest("details")?.removeAttribute("open"); press(pressed); }
  const shortcut = target.closest("[data-shortcut]");
  if (shortcut) send("shortcut", {callback_id: shortcut.dataset.shortcut});
  const close = target.closest("[data-close]");
  if (close) send("close", {all: close.dataset.close === "all"});
  for (const open of document.querySelectorAll("details[open]")) if (!open.contains(target)) open.removeAttribute("open");
});

document.addEventListener("change", (event) => {
  const {target} = event;
  if (target.id === "person") {
    document.cookie = "sandbox_person=" + target.value + ";path=/;SameSite=Strict";
    location.reload();
  } else if (target.dataset.acts && !["text", "number", "email", "url", "textarea"].includes(target.type)) press(target);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input[data-acts]")) { event.preventDefault(); press(event.target); }
});

let waiting;
document.addEventListener("input", (event) => {
  if (!event.target.matches(".search")) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => suggest(event.target), 250);
});

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (event.target.id !== "composer") return submit(event.target);
  const text = $("words").value.trim(), channel = event.target.dataset.channel;
  if (!text) return;
  $("words").value = "";
  await send(text.startsWith("/") ? "command" : "write", {channel, text});
});

modal.addEventListener("cancel", (event) => { event.preventDefault(); send("close", {}); });

// Drawing again keeps place, focus, and what is being typed.
function place(root, html) {
  const focus = document.activeElement, id = root.contains(focus) ? focus.id : "";
  const words = $("words")?.value, at = [focus?.selectionStart, focus?.selectionEnd];
  const box = $("messages"), low = !box || box.scrollHeight - box.scrollTop - box.clientHeight < 40, top = box?.scrollTop;
  root.innerHTML = html;
  if ($("words") && words) $("words").value = words;
  if ($("messages")) $("messages").scrollTop = low ? $("messages").scrollHeight : top;
  const again = id && $(id);
  if (again) {
    again.focus();
    if (typeof at[0] === "number" && again.setSelectionRange && again.type === "text") again.setSelectionRange(...at);
  }
}

function fill(root, state) {
  for (const e of root.querySelectorAll("[data-kind]")) {
    const value = state[e.dataset.block]?.[e.dataset.action];
    if (value === undefined || value === null || e.tagName === "BUTTON") continue;
    if (e.type === "radio" || e.type === "checkbox") e.checked = [].concat(value).includes(e.value);
    else if (e.multiple) for (const option of e.options) option.selected = value.includes(option.value);
    else if (e.tagName !== "SELECT" || [...e.options].some((option) => option.value === value)) e.value = value;
  }
}

let lastContent, drawing = false, again = false;
async function draw() {
  if (drawing) { again = true; return; }
  drawing = true;
  try {
    const [page, dialog] = await Promise.all(["content", "modal"].map(async (what) => {
      const answer = await fetch("/_sandbox/" + what + location.search);
      return answer.ok ? answer.text() : null;
    }));
    if (page !== null && page !== lastContent) { place(content, page); lastContent = page; }
    if (dialog !== null) drawModal(dialog);
  } catch { /* the stream comes back by itself */ }
  drawing = false;
  if (again) { again = false; draw(); }
}

function drawModal(html) {
  if (!html) { modal.close(); modal.replaceChildren(); return; }
  const held = document.createElement("template");
  held.innerHTML = html;
  const [next, now] = [held.content.firstElementChild, modal.querySelector("form")];
  if (now && now.dataset.view === next.dataset.view && now.dataset.hash === next.dataset.hash) return;
  const typed = now && now.dataset.view === next.dataset.view ? collect(now) : null;
  if (typed) fill(next, typed);
  const focus = document.activeElement?.id;
  modal.replaceChildren(next);
  if (!modal.open) modal.showModal();
  const first = typed && focus && $(focus) ? $(focus) : modal.querySelector(".blocks :is(input,select,textarea,button)");
  (first ?? modal.querySelector("[type=submit]"))?.focus();
}

if (location.search === "?channel=home") send("home", {});
if ($("messages")) $("messages").scrollTop = $("messages").scrollHeight;
lastContent = undefined;
new EventSource("/_sandbox/stream").onmessage = draw;
