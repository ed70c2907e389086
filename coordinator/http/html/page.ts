import type { FastifyReply } from 'fastify';
import { type Html, html } from './html.ts';

/** Nothing is loaded from anywhere, and no script runs. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const STYLE = `
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #222; background: #fff; }
nav a { margin-right: 1rem; }
a { color: #00568c; }
code, pre { font: 0.9rem/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; background: #f3f4f6; border-radius: 4px; }
table { border-collapse: collapse; }
td, th { padding: 0.15rem 1rem 0.15rem 0; text-align: left; vertical-align: top; }
td:first-child { white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; }
.muted { color: #666; }
svg { width: 100%; height: 8rem; background: #f3f4f6; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #16181c; } .muted { color: #999; } a { color: #7cc4f0; } pre, svg { background: #22262c; }
}
`;

/**
 * Sends a page that needs nothing but itself.
 * @param refreshSeconds after which the browser loads it anew; absent for never.
 */
export function sendPage(
  reply: FastifyReply,
  title: string,
  body: Html,
  refreshSeconds?: number,
): FastifyReply {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refreshSeconds === undefined ? undefined : html`<meta http-equiv="refresh" content="${refreshSeconds}">`}
<title>${title}</title>
<style>${{ html: STYLE }}</style>
</head>
<body>
<nav><a href="/">wrtfarm</a><a href="/farm">Farm</a><a href="/stats">Statistics</a><a href="/docs">API</a></nav>
<h1>${title}</h1>
${body}
</body>
</html>
`;
  return reply
    .headers({
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
    .type('text/html; charset=utf-8')
    .send(page.html);
}
