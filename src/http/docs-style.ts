/** The look of `/docs`: no script, no font and no picture from anywhere. */
export const docsStyle = `
:root { color-scheme: light dark; --ink: #1c2024; --dim: #60646c; --line: #d9dce1; --paper: #fcfcfd; --tint: #f0f2f5; --blue: #0b62c4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #edeef0; --dim: #a0a4ac; --line: #363a3f; --paper: #111315; --tint: #1c1f22; --blue: #70b8ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 0 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; display: grid; grid-template-columns: 19rem minmax(0, 1fr); gap: 0 3rem; }
header { grid-column: 1 / -1; padding: 2.5rem 0 1.5rem; border-bottom: 1px solid var(--line); }
h1, h2, h3 { line-height: 1.25; margin: 0; text-wrap: balance; }
header p, section > p { margin: .4rem 0 0; color: var(--dim); max-width: 68ch; }
nav { position: sticky; top: 0; max-height: 100vh; overflow-y: auto; padding: 1.5rem 0; font-size: .85rem; }
nav a { display: block; padding: .15rem 0; color: inherit; text-decoration: none; overflow-wrap: anywhere; }
nav a:hover, nav a:focus-visible { color: var(--blue); text-decoration: underline; }
section { padding: 2rem 0 1rem; border-bottom: 1px solid var(--line); scroll-margin-top: 1rem; }
h2 { font-size: 1.15rem; overflow-wrap: anywhere; }
h3 { font-size: .8rem; margin: 1.2rem 0 .3rem; color: var(--dim); font-weight: 600; }
code, .path { font: .9em ui-monospace, monospace; }
code { background: var(--tint); border-radius: 3px; padding: .05em .3em; }
.method { display: inline-block; min-width: 3.6em; font: 600 .8em ui-monospace, monospace; color: var(--blue); }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
td { padding: .35rem .8rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td:first-child { width: 13rem; } tr:first-child td { border-top: 0; }
a { color: var(--blue); }
.dim { color: var(--dim); }
@media (max-width: 52rem) { body { display: block; } nav { position: static; max-height: none; } td:first-child { width: 40%; } }
`;
