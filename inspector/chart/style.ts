/**
 * How a chart looks. A page may set the variables anew, and lights what happens by classes: `active` on a `.state`,
 * `taken` on a `.wire` or on a transition's own text, which flashes once. The five colours are Okabe and Ito's, which
 * differ for the colour-blind too.
 */
export const chartStyle = `
.troupe-chart {
  --chart-paper: #ffffff; --chart-ink: #1c2330; --chart-faint: #5b6577; --chart-line: #7d8798; --chart-edge: #6b7588;
  --chart-box: #f4f6f9; --chart-flash: #c2185b;
  --chart-pending: #e69f00; --chart-scheduled: #56b4e9; --chart-running: #0072b2; --chart-completed: #009e73;
  --chart-failed: #d55e00; --chart-plain: #7d8798;
  --tone: var(--chart-plain); font-family: Helvetica, Arial, 'Liberation Sans', sans-serif; background: var(--chart-paper);
}
@media (prefers-color-scheme: dark) {
  .troupe-chart {
    --chart-paper: #12161d; --chart-ink: #e8ecf3; --chart-faint: #a3adbd; --chart-line: #6f7a8c; --chart-edge: #8a95a8;
    --chart-box: #1c222c; --chart-flash: #ff6fa8;
    --chart-running: #3d9fdc; --chart-completed: #1fbf92; --chart-failed: #f0803c; --chart-plain: #6f7a8c;
  }
}
.troupe-chart .tone-pending { --tone: var(--chart-pending); }
.troupe-chart .tone-scheduled { --tone: var(--chart-scheduled); }
.troupe-chart .tone-running { --tone: var(--chart-running); }
.troupe-chart .tone-completed { --tone: var(--chart-completed); }
.troupe-chart .tone-failed { --tone: var(--chart-failed); }
.troupe-chart .body { fill: var(--chart-box); stroke: var(--tone); stroke-width: 1.5; }
.troupe-chart .holds > .body { fill: none; }
.troupe-chart .machine > .body { stroke: var(--chart-line); stroke-width: 1; fill: none; }
.troupe-chart .region > .body { stroke-dasharray: 5 4; stroke: var(--chart-line); }
.troupe-chart .inner { fill: none; stroke: var(--tone); stroke-width: 1; }
.troupe-chart .lid { fill: var(--chart-paper); }
.troupe-chart .header { fill: var(--tone); opacity: 0.18; }
.troupe-chart .rule { stroke: var(--tone); stroke-width: 1; opacity: 0.6; }
.troupe-chart .name { fill: var(--chart-ink); font-size: 13px; font-weight: 700; }
.troupe-chart .text { fill: var(--chart-ink); font-size: 11px; }
.troupe-chart .guard { fill: var(--chart-faint); font-style: italic; }
.troupe-chart .ignored { fill: var(--chart-faint); font-style: italic; }
.troupe-chart .paper { fill: var(--chart-paper); opacity: 0.88; }
.troupe-chart .path { fill: none; stroke: var(--chart-edge); stroke-width: 1.25; stroke-linejoin: round; }
.troupe-chart .head, .troupe-chart .mark, .troupe-chart .root { fill: var(--chart-edge); }
.troupe-chart .active > .body { fill: var(--tone); fill-opacity: 0.3; stroke-width: 3; }
.troupe-chart .active.holds > .body { fill-opacity: 0.1; }
.troupe-chart .taken > .path { stroke: var(--chart-flash); stroke-width: 2.5; }
.troupe-chart .taken > .head, .troupe-chart .taken > .root, .troupe-chart tspan.taken { fill: var(--chart-flash); font-weight: 700; }
@media (prefers-reduced-motion: no-preference) {
  .troupe-chart .body { transition: fill-opacity 0.2s, stroke-width 0.2s; }
  .troupe-chart .path { transition: stroke 0.6s, stroke-width 0.6s; }
}
`
