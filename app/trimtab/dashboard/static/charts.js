// Draws charts with Plotly in place of their SVG, in the page's colours.
"use strict";

(() => {
  const color = (name) => {
    // Plotly wants a colour, the style sheet may hold a function of light and dark.
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  const layout = (spec) => {
    const text = color("--quiet"), line = color("--line");
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true };
    return {
      height: 280,
      margin: { l: 52, r: 12, t: 12, b: 36 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: text },
      legend: { orientation: "h", y: -0.2 },
      hovermode: "x unified",
      hoverlabel: { bgcolor: color("--surface"), bordercolor: line, font: { color: color("--text") } },
      xaxis: axis,
      yaxis: { ...axis, title: spec.y ? { text: spec.y } : undefined },
    };
  };

  const lines = (spec) => {
    const data = spec.lines.map((line, at) => ({
      type: "scatter",
      mode: line.dotted || line.x.length > 60 ? "lines" : "lines+markers",
      name: line.name,
      x: line.x.map((ms) => new Date(ms).toISOString()),
      y: line.y,
      line: { color: color(`--s${at % 8}`), width: 1.8, dash: line.dotted ? "dot" : "solid" },
      marker: { size: 5 },
    }));
    const shown = layout(spec);
    const xs = spec.lines.flatMap((line) => line.x);
    const [first, last] = [xs.reduce((a, b) => Math.min(a, b), Infinity), xs.reduce((a, b) => Math.max(a, b), -Infinity)];
    const marks = spec.marks.filter((mark) => first <= mark.x && mark.x <= last);
    shown.shapes = marks.map((mark) => ({
      type: "line", xref: "x", yref: "paper", y0: 0, y1: 1,
      x0: new Date(mark.x).toISOString(), x1: new Date(mark.x).toISOString(),
      line: { color: color("--accent"), width: 1, dash: "dot" },
    }));
    if (spec.limit !== null) shown.shapes.push({
      type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: spec.limit, y1: spec.limit,
      line: { color: color("--bad"), width: 1, dash: "dash" },
    });
    shown.annotations = marks.map((mark) => ({
      x: new Date(mark.x).toISOString(), y: 1, xref: "x", yref: "paper", text: mark.text, showarrow: false,
      xanchor: "left", yanchor: "top", font: { size: 11, color: color("--accent") },
    }));
    shown.showlegend = data.length > 1;
    return [data, shown];
  };

  const histograms = (spec) => {
    const share = (values) => values.map((value) => value * 100);
    const bar = (name, values, tint) => ({ type: "bar", name, x: spec.labels, y: share(values), marker: { color: color(tint) } });
    const data = [bar("reference", spec.reference, "--ref"), bar("window", spec.window, "--win")];
    const shown = { ...layout({ y: "%" }), barmode: "group", bargap: 0.15, legend: { orientation: "h", y: 1.15 } };
    shown.xaxis.type = "category";
    return [data, shown];
  };

  const kinds = { lines, histograms };

  const draw = (holder) => {
    const spec = JSON.parse(holder.dataset.spec);
    if (spec.lines && !spec.lines.length) return;
    const [data, shown] = kinds[holder.dataset.chart](spec);
    const place = document.createElement("div");
    place.className = "plot";
    const before = holder.querySelector(".plot");
    if (before) { Plotly.purge(before); before.remove(); }
    holder.append(place);
    Plotly.newPlot(place, data, shown, { displayModeBar: false, responsive: true });
    holder.classList.add("drawn");
  };

  const drawAll = (within) => within.querySelectorAll("[data-chart]").forEach(draw);
  document.addEventListener("trimtab:renewed", (event) => drawAll(event.detail));
  document.addEventListener("trimtab:theme", () => drawAll(document));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
  drawAll(document);
})();
