import type { FastifyInstance } from 'fastify';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { html } from '../html/html.ts';
import { sendPage } from '../html/page.ts';
import { okText } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const DOC: RouteDoc = {
  summary: 'What this server is, for people',
  tag: 'operation',
  answers: okText('A page.', 'text/html'),
};

/** For whoever opens the server's address in a browser. */
export function homeRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'builds' | 'version'>): void {
  getRoute(app, '/', DOC, async (_request, reply) => {
    // The page is of use also while the queue cannot be asked.
    const queued = await deps.builds.queuedCount().catch(() => undefined);
    const waiting =
      queued === undefined
        ? 'How many builds wait cannot be told at the moment.'
        : `${queued} ${queued === 1 ? 'build waits' : 'builds wait'} at the moment.`;
    return sendPage(
      reply,
      'wrtfarm',
      html`<p>This server builds OpenWrt firmware images on demand, with the packages you want in them. Routers ask it
by themselves: owut, the attended sysupgrade of LuCI and auc know how to, and so does the Firmware Selector. Put the
address of this page where they want that of a sysupgrade server.</p>
<p>${waiting}</p>
<ul>
<li><a href="/json/v1/overview.json">What can be built here</a></li>
<li><a href="/stats">Statistics</a></li>
<li><a href="/docs">The API</a> (<a href="/openapi.json">openapi.json</a>)</li>
<li><a href="/readyz">Whether all is well</a></li>
</ul>
<p>wrtfarm ${deps.version}</p>`,
    );
  });
}
