// Copyright 2026 the swagpu authors. MIT license.

// The style sheet of the page: light, dark and print; narrow and wide.

import { DARK, FONT, LIGHT, variables } from "./palette.ts";

/** The style sheet. */
export const STYLE = `
:root{color-scheme:light;${variables(LIGHT)}}
@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;${
  variables(DARK)
}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 ${FONT};font-variant-numeric:tabular-nums}
header,main,footer{max-width:70rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem)}
header{padding-top:clamp(1.5rem,5vw,3.5rem)}
h1{font-size:clamp(1.6rem,4vw,2.2rem);line-height:1.2;font-weight:650;letter-spacing:-.01em;margin:0 0 .5rem;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.25rem;font-weight:650;margin:3.5rem 0 0;padding-top:1rem;border-top:1px solid var(--grid)}
h3{font-size:1rem;font-weight:650;margin:0}
h4{font-size:.9rem;font-weight:600;margin:0;overflow-wrap:anywhere}
p{margin:.3rem 0 0;max-width:46rem;overflow-wrap:anywhere}
header p,figcaption p,section.table>p,footer,.note{color:var(--quiet)}
figcaption p,section.table>p{font-size:.9rem}
.label{color:var(--quiet);font-weight:500;margin-right:.35em}
nav{margin:1.5rem 0 0;font-size:.9rem}
nav ul{list-style:none;margin:.4rem 0 0;padding:0;columns:17rem;column-gap:2rem}
nav .label{display:inline-block}
nav li{break-inside:avoid;padding:.1rem 0}
a{color:var(--first);text-decoration-thickness:1px;text-underline-offset:.15em}
a:focus-visible,.scroll:focus-visible{outline:2px solid var(--first);outline-offset:2px}
figure,section.table{margin:2.5rem 0 0}
h2+figure,h2+section.table,h2+div>section.table:first-child{margin-top:1.25rem}
.panels{display:flex;flex-wrap:wrap;gap:1.5rem;margin-top:1rem}
.panel{max-width:100%}
.panel svg{display:block;max-width:100%;height:auto;margin-top:.5rem}
.panel h4+svg{margin-top:.75rem}
.note{font-size:.8rem;line-height:1.4;margin:.1rem 0 0}
.key{display:inline-block;width:.7em;height:.7em;border-radius:.1em;background:var(--ink)}
.key.first{background:var(--first)}
.key.second{background:var(--second)}
.key.line{background:var(--line)}
.scroll{overflow-x:auto;margin-top:.75rem}
table{border-collapse:collapse;font-size:.85rem;line-height:1.4}
th,td{padding:.3rem .9rem .3rem 0;text-align:right;vertical-align:top;font-weight:400;white-space:nowrap}
thead th{vertical-align:bottom;white-space:normal;color:var(--quiet);border-bottom:1px solid var(--line)}
tbody tr+tr>*{border-top:1px solid var(--grid)}
tbody th{color:var(--ink)}
th.name,td.name,th.text,td.text{text-align:left}
th.name,td.name{white-space:normal;max-width:18rem;overflow-wrap:break-word}
th.text,td.text{white-space:normal;min-width:14rem;max-width:34rem;overflow-wrap:break-word}
code{font:.9em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.none{font-style:italic}
footer{margin-top:4rem;padding-bottom:3rem;font-size:.85rem}
@media print{
@page{margin:16mm}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
html{font-size:10pt}
header,main,footer{max-width:none;padding:0}
nav{display:none}
h2,h3,h4,figcaption{break-after:avoid}
figure,figcaption,.panel,tr{break-inside:avoid}
p{orphans:3;widows:3}
thead{display:table-header-group}
.scroll{overflow:visible}
.panels{gap:1rem 1.25rem;zoom:.78}
table{font-size:.75rem}
th,td{padding-right:.7rem;white-space:normal}
td.number{white-space:nowrap}
th.text,td.text{min-width:0}
}
`;
