/* Conveniences of the pages. Everything works without this script; it takes no decision. */
(() => {
  "use strict";
  const find = (selector, root = document) => root.querySelector(selector);
  const findAll = (selector, root = document) => root.querySelectorAll(selector);
  const on = (type, listener, options) => document.addEventListener(type, listener, options);

  /* Composer: Enter sends, Shift+Enter starts a line, the field grows with the text. */
  const grow = (field) => {
    if (CSS.supports("field-sizing", "content")) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };
  on("keydown", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLTextAreaElement) || !field.form?.matches("[data-composer]")) return;
    // While an input method composes a word, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (field.value.trim()) field.form.requestSubmit();
  });
  on("input", (event) => event.target.closest("[data-composer] textarea") && grow(event.target));

  /* Example questions go into the composer, to be read before they are sent. */
  on("click", (event) => {
    const example = event.target.closest("[data-ask]");
    const field = example && find("[data-composer] textarea");
    if (!field) return;
    event.preventDefault();
    field.value = example.dataset.ask;
    field.focus();
    grow(field);
  });

  /* Screen readers read an answer block by block, from one element that is never replaced. */
  const announcer = find("#announcer");
  const announced = { answer: "", status: "", blocks: 0 };
  const say = (words) => {
    const line = document.createElement("p");
    line.textContent = words;
    announcer.append(line);
    if (announcer.childElementCount > 20) announcer.firstElementChild.remove();
  };
  const sayBlocks = (prose) => {
    while (prose && announced.blocks < prose.childElementCount) say(prose.children[announced.blocks++].textContent);
  };
  const announce = () => {
    const writing = [...findAll('.message[aria-busy="true"]', messages)].at(-1);
    if (writing && writing.id !== announced.answer) Object.assign(announced, { answer: writing.id, status: "", blocks: 0 });
    if (!announced.answer) return;
    if (!writing) {
      const answer = document.getElementById(announced.answer);
      if (answer) {
        sayBlocks(find(".prose", answer));
        if (!find("[role=alert]", answer)) say("End of the answer.");
      }
      announced.answer = "";
      return;
    }
    sayBlocks(find(".blocks", writing));
    const status = find(".message__status", writing)?.textContent ?? announced.status;
    if (status !== announced.status) say(announced.status = status);
  };

  /* Following: stay at the end while the reader is there; never scroll back to it otherwise. */
  const nearEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 160;
  let following = true;
  addEventListener("scroll", () => { following = nearEnd(); }, { passive: true });
  const toEnd = () => scrollTo({ top: document.documentElement.scrollHeight });
  const messages = find("#messages");
  if (messages) {
    new MutationObserver(() => {
      if (following) toEnd();
      announce();
    }).observe(messages, { childList: true, subtree: true, characterData: true });
    if (!location.hash) toEnd();
  }
  const followed = new WeakSet();
  const watchLogs = (root) => findAll("[data-follow]", root).forEach((log) => {
    if (followed.has(log)) return;
    followed.add(log);
    let atEnd = true;
    log.addEventListener("scroll", () => { atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40; });
    new MutationObserver(() => { if (atEnd) log.scrollTop = log.scrollHeight; }).observe(log, { childList: true, subtree: true });
    log.scrollTop = log.scrollHeight;
  });

  /* Files: dropped anywhere on the form, sent at once, with progress. */
  const drop = (event) => event.target instanceof Element && event.target.closest("[data-drop]");
  for (const type of ["dragenter", "dragover"]) {
    on(type, (event) => {
      const form = drop(event);
      if (!form || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      form.classList.add("drop--over");
    });
  }
  on("dragleave", (event) => {
    const form = drop(event);
    if (form && !form.contains(event.relatedTarget)) form.classList.remove("drop--over");
  });
  /* Browsers list a folder among the dropped files, but cannot read it: the whole upload would fail. */
  const dropped = (transfer) => {
    const items = [...transfer.items].filter((item) => item.kind === "file");
    const isFolder = (item) => item.webkitGetAsEntry()?.isDirectory;
    const kept = new DataTransfer();
    items.filter((item) => !isFolder(item)).forEach((item) => kept.items.add(item.getAsFile()));
    return { files: kept.files, hasFolder: items.some(isFolder) };
  };
  on("drop", (event) => {
    const form = drop(event);
    const input = form && find("input[type=file]", form);
    if (!input || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    form.classList.remove("drop--over");
    const { files, hasFolder } = dropped(event.dataTransfer);
    if (hasFolder) tell("Folders cannot be added. Open the folder, and drop the files that are in it.");
    if (!files.length) return;
    input.files = files;
    form.requestSubmit();
  });
  on("change", (event) => {
    if (event.target.matches?.("[data-drop] input[type=file]") && event.target.files.length) event.target.form.requestSubmit();
  });
  const progress = (event, shown, amount) => {
    const box = event.target.matches?.("[data-drop]") && find("[data-progress]", event.target);
    if (!box) return;
    box.hidden = !shown;
    const bar = find("progress", box);
    if (amount === undefined || amount >= 1) bar.removeAttribute("value");
    else Object.assign(bar, { max: 1, value: amount });
  };
  on("htmx:beforeRequest", (event) => progress(event, true, 0));
  on("htmx:xhr:progress", (event) => event.detail.lengthComputable && progress(event, true, event.detail.loaded / event.detail.total));
  on("htmx:afterRequest", (event) => {
    progress(event, false);
    const form = event.target;
    // The button disappears with the answer, so the composer takes the focus.
    if (form.matches?.(".message__work form")) find("[data-composer] textarea")?.focus();
    if (event.detail.successful && form.matches?.("form[data-reset]")) {
      // The choice of readers stays for the next files; only the file list is cleared.
      findAll("input[type=file]", form).forEach((input) => { input.value = ""; });
      if (!form.matches("[data-composer]")) return;
      form.reset();
      findAll("textarea", form).forEach(grow);
      find("textarea", form)?.focus();
      following = true;
      toEnd();
    }
  });

  /* The source beside the answer takes the focus, and returns it to the citation. */
  let opener = null;
  const closeSource = () => {
    const source = find("#source");
    if (!source?.childElementCount) return;
    source.replaceChildren();
    if (opener?.isConnected) opener.focus();
    opener = null;
  };
  on("htmx:afterSwap", (event) => {
    if (event.target.id !== "source") return;
    opener = event.detail.requestConfig?.elt ?? opener;
    find(".passage", event.target)?.scrollIntoView();
    find("[data-empty]", event.target)?.focus({ preventScroll: true });
  });

  /* Copy, close, theme. */
  on("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    const words = button && find("span", button);
    if (!words) return;
    const before = words.textContent;
    try {
      await navigator.clipboard.writeText(find(button.dataset.copy).innerText.trim());
      words.textContent = "Copied";
    } catch {
      // Without TLS, browsers give no access to the clipboard: select the text instead.
      getSelection().selectAllChildren(find(button.dataset.copy));
      words.textContent = "Selected";
    }
    setTimeout(() => { words.textContent = before; }, 1600);
  });
  on("click", (event) => {
    const button = event.target.closest("[data-close]");
    if (button) button.closest(button.dataset.close)?.remove();
    if (event.target.closest("[data-empty]")) closeSource();
    if (event.target.closest("[data-print]")) print();
  });
  on("keydown", (event) => {
    // An open menu or dialog handles the key itself.
    if (event.key !== "Escape" || find(":popover-open")) return;
    closeSource();
    const drawer = find(".drawer-toggle");
    if (drawer) drawer.checked = false;
  });
  /* A question keeps the focus until it is answered: a popover alone lets Tab leave it. */
  on("keydown", (event) => {
    const dialog = event.key === "Tab" && find(".dialog:popover-open");
    if (!dialog) return;
    const stops = [...findAll("button, input:not([type=hidden]), select, textarea, a[href]", dialog)];
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if (document.activeElement !== edge && dialog.contains(document.activeElement)) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
  });
  find("[data-theme-switch]")?.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* The choice then lasts for this page only. */ }
  });

  /* What a person has opened stays open while a stream renews the page around it. */
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) => name !== "open" || !element.matches("details");

  /* Times: the exact one in the reader's own time zone. */
  const localTimes = (root) => findAll("time[datetime]:not([data-local])", root).forEach((time) => {
    time.dataset.local = "";
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) time.title += `, here ${moment.toLocaleString()}`;
  });
  const fadeToasts = (root) => findAll(".toast[data-passing]", root).forEach((toast) => setTimeout(() => toast.remove(), 6000));

  /* Errors that Cloister did not write (a proxy's page, no answer at all) become one sentence. */
  const tell = (sentence, { stays = false } = {}) => {
    const place = find("#toasts");
    const box = document.createElement("div");
    box.className = "toast alert alert--bad";
    box.setAttribute("role", "alert");
    box.textContent = sentence;
    place.append(box);
    if (!stays) setTimeout(() => box.remove(), 8000);
  };
  on("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status < 400 || xhr.status === 422 || xhr.getResponseHeader("HX-Retarget")) return;
    event.detail.shouldSwap = false;
    tell("Cloister does not answer at the moment. Try again in a few seconds.");
  });
  on("htmx:sendError", () => tell("There is no connection to Cloister. Nothing was sent; try again."));

  /* The page says that a stream lost its connection until it is back. */
  const connection = find("#connection");
  const lost = new Set();
  const mark = (event, isLost) => {
    lost[isLost ? "add" : "delete"](event.target);
    for (const element of lost) if (!element.isConnected) lost.delete(element);
    connection.hidden = lost.size === 0;
  };
  on("htmx:wsOpen", (event) => mark(event, false));
  on("htmx:wsClose", (event) => {
    const code = event.detail.event?.code;
    // 1000 is the end of an answer; after 1008 htmx must not reconnect, and does not.
    mark(event, event.target.isConnected && ![1000, 1008].includes(code));
    if (code === 1008 && event.target.isConnected) tell("You were signed out somewhere, so this page is not updated any more. Reload it to go on.", { stays: true });
  });
  on("htmx:sseOpen", (event) => mark(event, false));
  on("htmx:sseError", (event) => mark(event, event.target.isConnected));

  /* The code of a link is behind #, so that no server logs it; the script removes it from the address. */
  const takeCode = () => {
    const coded = document.querySelectorAll("[data-code-from-hash] [name=code]");
    if (!coded.length || location.hash.length < 2) return;
    for (const field of coded) {
      field.value = decodeURIComponent(location.hash.slice(1));
      field.closest(".field").hidden = true;
    }
    history.replaceState(null, "", location.pathname);
  };
  takeCode();
  /* Opening the link in a tab that shows the page already loads no new page. */
  addEventListener("hashchange", takeCode);

  /* How much time a change on trial has left. */
  const countDown = (root) => findAll("[data-seconds-left]:not([data-counting])", root).forEach((place) => {
    place.dataset.counting = "";
    const end = performance.now() + 1000 * Number(place.dataset.secondsLeft);
    const timer = setInterval(() => {
      const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      place.textContent = `${left} s`;
      if (left === 0 || !place.isConnected) clearInterval(timer);
    }, 500);
  });

  const prepare = (root) => { watchLogs(root); localTimes(root); countDown(root); fadeToasts(root); };
  on("htmx:load", (event) => prepare(event.detail.elt.parentElement ?? document));
  prepare(document);
})();
