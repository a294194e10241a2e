"use strict";
// The behaviour of the page: filters, language, theme, and putting the chosen rows into the charts.
// Values reach the document as text only (textContent, attributes), never as markup.
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const { meta, words, codes, filters, sections, data } = content;
  const page = document.getElementById("page");
  const narrow = () => window.innerWidth < 720;
  const state = {
    language: (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en",
    theme: window.matchMedia && window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
    tier: "", channel: "", region: "",
  };
  readHash();
  let drawn = []; // what a change of filters updates: [{update(), ...}]
  let drawing = 0;

  // ---- words and numbers -----------------------------------------------------------------------------------------
  function say(key) {
    const word = words[key];
    return word ? (state.language === "zh" && word[1]) || word[0] : key.slice(key.indexOf(".") + 1);
  }
  // A text that comes from a policy in English is translated only where it is still the text that was translated.
  const translated = new Map(
    Object.entries(words).filter(([key]) => key.startsWith("action.")).map(([, [english, chinese]]) => [english, chinese])
  );
  const sayText = (text) => (state.language === "zh" && translated.get(text)) || text;
  const locale = () => (state.language === "zh" ? "zh-CN" : "en-GB");
  const number = (value, options) => new Intl.NumberFormat(locale(), options).format(value);
  function figure(value, unit) {
    if (value === null || value === undefined) return "–";
    if (unit === "share") return number(value, { style: "percent", maximumFractionDigits: 1 });
    const size = Math.abs(value);
    const digits = size >= 100 ? 0 : 1;
    if (unit === "CNY") return "¥" + number(value, size >= 1e6 ? { notation: "compact", maximumFractionDigits: 1 } : { maximumFractionDigits: 0 });
    const said = number(value, { maximumFractionDigits: digits });
    return unit ? said + " " + say("unit." + unit) : said;
  }

  // ---- the rows of a dataset -------------------------------------------------------------------------------------
  const unpacked = new Map();
  function records(name) {
    if (unpacked.has(name)) return unpacked.get(name);
    const columns = Object.entries(data[name].columns).map(([column, values]) =>
      Array.isArray(values) ? [column, values] : [column, values.at.map((place) => values.of[place])]);
    const rows = Array.from({ length: columns.length ? columns[0][1].length : 0 }, () => ({}));
    for (const [column, values] of columns) {
      const domain = data[name].domains[column];
      const places = domain && new Map(codes[domain].map((code, place) => [code, place]));
      const isDay = column === "day" || column === "cohort" || column.endsWith("_day");
      values.forEach((value, index) => {
        const row = rows[index];
        row[column] = value;
        if (places) {
          row[column + "_order"] = places.get(value);
          row[column + "_label"] = value === null ? null : say(domain + "." + value);
        }
        if (isDay && value) row[column + "_label"] = value.slice(0, 7);
      });
    }
    unpacked.set(name, rows);
    return rows;
  }
  function chosenRows(name, where) {
    let rows = records(name);
    if (where) rows = rows.filter((row) => Object.entries(where).every(([column, value]) => row[column] === value));
    if (data[name].columns.part) {
      const answered = data[name].filters.find((filter) => state[filter]);
      return rows.filter((row) => answered
        ? row.dimension === answered && row.part === state[answered]
        : row.dimension === "all");
    }
    const active = data[name].filters.filter((filter) => state[filter]);
    return active.length ? rows.filter((row) => active.every((filter) => row[filter] === state[filter])) : rows;
  }
  // The chosen filters that a dataset cannot answer to, so that nobody takes its figures for the chosen part.
  function unanswered(name) {
    const able = data[name].filters;
    if (data[name].columns.part) {
      const answered = able.find((filter) => state[filter]);
      return Object.keys(filters).filter((filter) => state[filter] && filter !== answered);
    }
    return Object.keys(filters).filter((filter) => state[filter] && !able.includes(filter));
  }
  const sum = (rows, column) => rows.reduce((total, row) => total + (row[column] || 0), 0);

  // ---- small helpers for the document ----------------------------------------------------------------------------
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "class") element.className = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }
  function shape(tag, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }
  function readHash() {
    for (const [name, value] of new URLSearchParams(location.hash.slice(1)))
      if (name in state) state[name] = value;
    if (!["en", "zh"].includes(state.language)) state.language = "en";
    for (const name of Object.keys(filters)) if (!filters[name].includes(state[name])) state[name] = "";
  }
  function writeHash() {
    const kept = Object.entries(state).filter(([, value]) => value);
    try { history.replaceState(null, "", "#" + new URLSearchParams(kept)); } catch { /* a page without history still works */ }
  }

  // ---- header and filters ----------------------------------------------------------------------------------------
  function header() {
    const passed = meta.checks_passed === meta.checks;
    const fact = (key, value, look) => make("li", { class: look || "" }, make("span", {}, say(key)), make("b", {}, value));
    return make("header", {},
      make("div", { class: "title" }, make("h1", {}, say("page.title")), make("p", {}, say("page.lead"))),
      make("ul", { class: "facts" },
        fact("page.as_of", meta.as_of),
        fact("page.version", meta.version),
        fact("page.gates", `${meta.gates_passed}/${meta.gates} · ${meta.checks_passed}/${meta.checks} ${say("page.checks")}`, passed ? "passed" : "failed"),
        fact("page.built", meta.created_at)));
  }
  function filterBar() {
    const picks = Object.entries(filters).map(([name, choices]) => {
      const select = make("select", {
        id: "filter-" + name, class: state[name] ? "chosen" : "",
        onchange: () => { state[name] = select.value; select.className = select.value ? "chosen" : ""; writeHash(); update(); },
      }, make("option", { value: "" }, say("page.all")),
        ...choices.map((code) => make("option", { value: code }, say(name + "." + code))));
      select.value = state[name];
      return make("label", {}, say("filter." + name), select);
    });
    const button = (id, text, act) => make("button", { id, type: "button", onclick: act }, text);
    return make("div", { class: "bar", role: "toolbar", "aria-label": say("page.filters") }, ...picks,
      button("clear", say("page.reset"), () => { state.tier = state.channel = state.region = ""; writeHash(); draw(); }),
      make("span", { class: "room" }),
      button("language", say("page.language"), () => { state.language = state.language === "en" ? "zh" : "en"; unpacked.clear(); writeHash(); draw(); }),
      button("theme", say(state.theme === "dark" ? "page.theme_light" : "page.theme"), () => { state.theme = state.theme === "dark" ? "light" : "dark"; writeHash(); draw(); }),
      button("print", say("page.print"), () => window.print()));
  }
  function headline() {
    const box = make("div", { class: "headline" });
    const show = () => {
      const rows = chosenRows("headline");
      const revenue = sum(rows, "revenue"), orders = sum(rows, "orders");
      const tiles = [
        ["customers", number(sum(rows, "customers"))],
        ["buyers", number(sum(rows, "buyers"))],
        ["revenue", figure(revenue, "CNY")],
        ["aov", orders ? figure(revenue / orders, "CNY") : "–"],
        ["clv", figure(sum(rows, "clv"), "CNY")],
        ["at_risk", number(sum(rows, "at_risk"))],
      ];
      box.replaceChildren(...tiles.map(([key, value]) =>
        make("div", {}, make("span", {}, say("headline." + key)), make("b", {}, value))));
    };
    show();
    drawn.push({ update: show });
    return box;
  }

  // ---- panels ----------------------------------------------------------------------------------------------------
  function chips(name) {
    return unanswered(name).map((filter) =>
      make("span", { class: "chip" }, `${say("page.not_filtered")} ${say("filter." + filter).toLowerCase()}`));
  }
  function chartPanel(panel) {
    const note = words["note." + panel.id] ? make("p", { class: "note" }, say("note." + panel.id)) : null;
    const title = make("h3", {});
    const place = make("div", { class: "chart", id: "chart-" + panel.id, role: "img", "aria-label": say("chart." + panel.id), style: `min-height:${panel.height}px` });
    const box = make("figure", { class: "panel", style: `--span: ${panel.span}`, "data-empty": say("page.nothing") }, title, place, note);
    const item = {
      view: null,
      async draw(mine) {
        const rows = item.choose();
        if (!rows.length) return; // nothing to scale by: the box says so, and a wider choice draws it
        const spec = worded(panel.spec);
        spec.datasets = { ...spec.datasets, rows };
        const result = await window.vegaEmbed(place, spec, {
          actions: false, renderer: "svg", ast: true, mode: "vega-lite", config: look(), tooltip: { theme: "custom" },
          logLevel: 1, // errors: a step of a chart may end without rows, which is no fault
        });
        if (mine !== drawing) result.finalize(); else item.view = result.view;
      },
      choose() {
        const rows = chosenRows(panel.dataset, panel.where);
        title.replaceChildren(say("chart." + panel.id), ...chips(panel.dataset));
        box.classList.toggle("empty", rows.length === 0);
        return rows;
      },
      update() {
        const rows = item.choose();
        if (!rows.length) return null;
        if (!item.view) return item.draw(drawing);
        return item.view.data("rows", rows.map((row) => ({ ...row }))).resize().runAsync();
      },
    };
    drawn.push(item);
    return box;
  }
  // Puts words where a spec names them (`@key`), and shortens labels on a phone.
  function worded(part) {
    if (typeof part === "string") return part.startsWith("@") ? say(part.slice(1)) : part;
    if (Array.isArray(part)) return part.map(worded);
    if (part === null || typeof part !== "object") return part;
    return Object.fromEntries(Object.entries(part).map(([name, value]) =>
      [name, name === "labelLimit" && narrow() ? Math.min(value, 116) : worded(value)]));
  }
  function look() {
    const dark = state.theme === "dark";
    const ink = dark ? "#e6ebf1" : "#1c2733", soft = dark ? "#9aa8b7" : "#5d6b7b", line = dark ? "#2c3641" : "#e8ebf0";
    return {
      background: null, font: getComputedStyle(document.body).fontFamily,
      autosize: { type: "fit", contains: "padding" }, view: { stroke: null },
      axis: { labelColor: soft, titleColor: soft, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 11, titleFontSize: 11, titleFontWeight: 400, titlePadding: 8, labelPadding: 5 },
      axisY: { domain: false, ticks: false }, axisX: { ticks: false }, axisQuantitative: { tickCount: narrow() ? 4 : 6 },
      legend: { orient: "top", labelColor: soft, titleColor: soft, labelFontSize: 11, titleFontSize: 11, titleFontWeight: 400, symbolType: "circle", symbolSize: 70, offset: 8, columns: narrow() ? 3 : 0, gradientThickness: 8 },
      text: { color: ink, font: "inherit" }, title: { color: ink },
      scale: { bandPaddingInner: 0.22 },
    };
  }

  function cardPanel() {
    const box = make("div", { class: "panel bare", style: "--span: 12" });
    const remedies = new Map(records("remediations").map((row) => [row.kpi, row]));
    const rank = { red: 0, yellow: 1, green: 2 };
    const show = () => {
      const all = new Map();
      for (const row of records("kpis")) {
        const key = row.kpi;
        if (!all.has(key)) all.set(key, []);
        all.get(key).push(row);
      }
      const asked = data.kpis.filters.find((filter) => state[filter]);
      const cards = [...all.values()].map((rows) => {
        const of = (dimension, part) => rows.filter((row) => row.dimension === dimension && row.part === part);
        const mine = asked ? of(asked, state[asked]) : [];
        const shown = mine.length ? mine : of("all", "all");
        const now = shown.find((row) => row.is_as_of) || null;
        return { shown, now, whole: asked && !mine.length };
      }).filter((card) => card.now);
      cards.sort((a, b) => (rank[a.now.status] ?? 3) - (rank[b.now.status] ?? 3) || a.now.kpi_order - b.now.kpi_order);
      box.replaceChildren(make("div", { class: "cards" }, ...cards.map((card) => kpiCard(card, remedies.get(card.now.kpi)))));
    };
    show();
    drawn.push({ update: show });
    return box;
  }
  function kpiCard({ shown, now, whole }, remedy) {
    const status = now.status || "none";
    const aim = now.target === null ? say("kpi.no_target")
      : `${say("kpi.target")} ${now.direction === "lower" ? "≤" : "≥"} ${figure(now.target, ["share", "CNY"].includes(now.unit) ? now.unit : "")}`;
    const red = status === "red" || (remedy && !whole && status !== "green" && now.dimension === "all");
    return make("article", { class: "card " + status },
      make("div", { class: "top" }, make("h3", {}, now.kpi_label), make("span", { class: "status" }, say("status." + status))),
      make("div", { class: "figure" }, make("b", {}, now.value === null ? say("kpi.no_value") : figure(now.value, now.unit)), make("span", {}, aim),
        whole ? make("span", { class: "chip" }, say("kpi.everybody")) : null),
      spark(shown, now),
      red ? make("p", { class: "who" }, `${say("owner." + now.owner)}`,
        remedy && remedy.due_on ? make("span", { class: remedy.is_overdue ? "late" : "" },
          `${say(remedy.is_overdue ? "kpi.overdue" : "kpi.due")} ${remedy.due_on}`) : null) : null,
      red && remedy && remedy.action ? make("p", { class: "action" }, sayText(remedy.action)) : null);
  }
  // Thirteen months as a line over the dashed target; the axis holds both, so a distance is a distance to the target.
  function spark(rows, now) {
    const points = rows.slice().sort((a, b) => (a.day < b.day ? -1 : 1)).filter((row) => row.value !== null);
    const svg = shape("svg", { class: "spark", viewBox: "0 0 200 40", preserveAspectRatio: "none", role: "img", "aria-label": now.kpi_label });
    if (points.length < 2) return make("p", { class: "spark first" }, say("kpi.no_history"));
    const values = points.map((row) => row.value).concat(now.target === null ? [] : [now.target]);
    const low = Math.min(...values), high = Math.max(...values), reach = high - low || 1;
    const y = (value) => (37 - ((value - low) / reach) * 34).toFixed(1);
    const x = (place) => ((place / (points.length - 1)) * 200).toFixed(1);
    const path = points.map((row, place) => `${place ? "L" : "M"}${x(place)},${y(row.value)}`).join("");
    svg.append(shape("path", { class: "under", d: `${path}L200,40L0,40Z` }), shape("path", { class: "line", d: path }));
    if (now.target !== null) svg.append(shape("line", { class: "aim", x1: 0, x2: 200, y1: y(now.target), y2: y(now.target) }));
    const told = document.createElementNS("http://www.w3.org/2000/svg", "title");
    told.textContent = points.map((row) => `${row.day}: ${figure(row.value, row.unit)}`).join("\n");
    svg.append(told);
    return svg;
  }

  function tablePanel(panel, head, rowOf) {
    return make("div", { class: "panel", style: `--span: ${panel.span}` }, make("h3", {}, say("chart." + panel.id)),
      make("div", { class: "scroll" }, make("table", {},
        make("thead", {}, make("tr", {}, ...head.map((key) => make("th", { scope: "col" }, say("table." + key))))),
        make("tbody", {}, ...inOrder(records(panel.dataset), Object.keys(data[panel.dataset].domains)[0]).map((row) => make("tr", {}, ...rowOf(row)))))));
  }
  // The rows of a table stand in the order of the words of their first column of codes.
  const inOrder = (rows, column) => rows.slice().sort((a, b) => a[column + "_order"] - b[column + "_order"]);
  const cell = (text, look) => make("td", { class: look || "" }, text);
  const builders = {
    chart: chartPanel,
    kpis: cardPanel,
    conservation: (panel) => tablePanel(panel, ["hop", "rows_in", "rows_out", "balances", "unbalanced"], (row) => [
      cell(row.hop_label), cell(row.rows_in ? number(row.rows_in) : ""), cell(row.rows_in ? number(row.rows_out) : ""),
      cell(number(row.balances)), row.unbalanced ? cell("✗ " + number(row.unbalanced), "bad") : cell("✓ 0", "ok")]),
    gates: (panel) => tablePanel(panel, ["stage", "checks", "passed", "blocking"], (row) => [
      cell(row.stage_label), cell(number(row.checks)), cell(number(row.passed), row.passed === row.checks ? "ok" : "bad"),
      cell(number(row.blocking), row.blocking ? "bad" : "")]),
  };

  // ---- drawing ---------------------------------------------------------------------------------------------------
  async function draw() {
    const mine = ++drawing;
    for (const item of drawn) if (item.view) item.view.finalize();
    drawn = [];
    document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
    document.documentElement.dataset.theme = state.theme;
    delete document.documentElement.dataset.ready;
    document.title = `${say("page.title")} · ${meta.as_of}`;
    const scrolled = window.scrollY;
    page.replaceChildren(
      header(),
      filterBar(),
      make("nav", {}, ...sections.map(({ id }) => make("a", { href: "#" + id, onclick: (event) => {
        event.preventDefault(); // the part after # holds the choices
        document.getElementById(id).scrollIntoView();
      } }, say("section." + id)))),
      headline(),
      ...sections.map(({ id, panels }) => make("section", { id },
        make("h2", {}, say("section." + id)), make("p", {}, say("intro." + id)),
        make("div", { class: "grid" }, ...panels.map((panel) => builders[panel.kind](panel))))),
      make("footer", {}, say("page.footer")));
    window.scrollTo(0, scrolled);
    for (const item of drawn) {
      if (mine !== drawing) return;
      if (item.draw) await item.draw(mine);
    }
    document.documentElement.dataset.ready = "yes";
  }
  async function update() {
    delete document.documentElement.dataset.ready;
    await Promise.all(drawn.map((item) => item.update()));
    document.documentElement.dataset.ready = "yes";
  }
  draw();
})();
