import type { FastifyInstance } from 'fastify';
import type { Chart } from '../../stats/stats-reader.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { type Html, html } from '../html/html.ts';
import { sendPage } from '../html/page.ts';
import { okText, UNAVAILABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const PACKAGES_SHOWN = 30;
/** In units of the drawing. */
const HEIGHT = 100;

const DOC: RouteDoc = {
  summary: 'Statistics, for people',
  tag: 'statistics',
  answers: { ...okText('A page.', 'text/html'), 503: UNAVAILABLE },
};

export function statsPageRoutes(
  app: FastifyInstance,
  deps: Pick<HttpDependencies, 'builds' | 'stats'>,
): void {
  getRoute(app, '/stats', DOC, async (_request, reply) => {
    const [queued, built, perDay, byVersion, packages] = await Promise.all([
      deps.builds.queuedCount(),
      deps.stats.buildsOfLastDay(),
      deps.stats.buildsPerDay(),
      deps.stats.buildsByVersion(undefined),
      deps.stats.topPackages(undefined, PACKAGES_SHOWN),
    ]);
    return sendPage(
      reply,
      'Statistics',
      html`<p>Builds that wait: <b>${queued}</b>. Images built in the last day: <b>${built}</b>.</p>
<h2>The last 30 days</h2>
${perDay.datasets.map(({ label, data }) => bars(label, data, perDay))}
<h2>Images of the last 26 weeks, by branch</h2>
${table(
  byVersion.datasets.map(({ label, data }) => [label, data.reduce((sum, count) => sum + count, 0)] as const),
)}
<h2>Packages asked for most often in the last 30 days</h2>
${table(packages.map(({ name, count }) => [name, count] as const))}
<p><a href="/api/v1/build-errors">The newest builds that failed</a></p>`,
    );
  });
}

function bars(label: string, data: readonly number[], { labels }: Chart): Html {
  const most = Math.max(1, ...data);
  const rects = data.map((count, at) => {
    const height = Math.round((count / most) * HEIGHT);
    return html`<rect x="${at}" y="${HEIGHT - height}" width="0.8" height="${height}" fill="currentColor"><title>${labels[at]}: ${count}</title></rect>`;
  });
  const sum = data.reduce((all, count) => all + count, 0);
  return html`<h3>${label}: ${sum}</h3>
<svg viewBox="0 0 ${data.length} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label} by day, at most ${most}">${rects}</svg>`;
}

function table(rows: readonly (readonly [name: string, count: number])[]): Html {
  if (rows.length === 0) return html`<p>None yet.</p>`;
  const cells = rows.map(
    ([name, count]) => html`<tr><td>${name}</td><td class="number">${count}</td></tr>\n`,
  );
  return html`<table>${cells}</table>`;
}
