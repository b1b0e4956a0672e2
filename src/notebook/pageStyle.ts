/** The style of exported pages: one column, light or dark as the reader's system says, plots on their own paper, usable in print. */
export const pageStyle = `
:root { color-scheme: light dark; --page: #ffffff; --ink: #1c1e21; --muted: #667085; --rule: #e4e7ec; --code: #f6f8fa; --link: #0b62c4;
  --red: #b42318; --green: #05752a; --yellow: #8a6100; --blue: #1d4ed8; --magenta: #a21caf; --cyan: #0e7490; }
@media (prefers-color-scheme: dark) { :root { --page: #14171c; --ink: #e6e8eb; --muted: #98a2b3; --rule: #2c323a; --code: #1c2128; --link: #6cb2ff;
  --red: #ff8a7a; --green: #6ddf94; --yellow: #e8c268; --blue: #8ab4ff; --magenta: #e69bf0; --cyan: #67d5e8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.6 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1, h2, h3 { line-height: 1.25; margin: 1.6em 0 .5em; }
h1 { font-size: 1.9rem; margin-top: .4em; }
h2 { font-size: 1.4rem; border-bottom: 1px solid var(--rule); padding-bottom: .2em; }
a { color: var(--link); }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .86em; }
:not(pre) > code { background: var(--code); border-radius: 4px; padding: .1em .3em; }
pre { margin: 0; overflow-x: auto; line-height: 1.5; }
pre.code { background: var(--code); border: 1px solid var(--rule); border-radius: 8px; padding: .8rem 1rem; }
.cell { margin: 1.1rem 0; }
.output { margin: .6rem 0 0; overflow-x: auto; }
pre.output { padding: .2rem 1rem; border-left: 3px solid var(--rule); max-height: 30rem; overflow: auto; }
pre.stderr { border-left-color: var(--yellow); }
pre.error { border-left-color: var(--red); color: var(--red); }
.output img, .output svg { max-width: 100%; height: auto; }
.plot { display: inline-block; border-radius: 8px; overflow: hidden; background: #fff; }
table { border-collapse: collapse; font-size: .92em; }
th { border-bottom: 1px solid var(--muted); }
td, th { padding: 2px 10px; }
tbody tr:nth-child(even) { background: var(--code); }
blockquote { margin: 0; padding-left: 1rem; border-left: 3px solid var(--rule); color: var(--muted); }
summary { cursor: pointer; color: var(--muted); }
.ansi-bold { font-weight: 600; } .ansi-black, .ansi-white { color: var(--ink); } .ansi-red { color: var(--red); } .ansi-green { color: var(--green); }
.ansi-yellow { color: var(--yellow); } .ansi-blue { color: var(--blue); } .ansi-magenta { color: var(--magenta); } .ansi-cyan { color: var(--cyan); }
.hljs-keyword, .hljs-literal { color: var(--magenta); } .hljs-string, .hljs-regexp { color: var(--green); } .hljs-comment { color: var(--muted); font-style: italic; }
.hljs-number { color: var(--blue); } .hljs-title, .hljs-built_in, .hljs-title.function_ { color: var(--cyan); } .hljs-attr, .hljs-property { color: var(--blue); }
@media print { main { max-width: none; } pre { white-space: pre-wrap; } pre.output { max-height: none; } .cell, .plot { break-inside: avoid; } }
`;
