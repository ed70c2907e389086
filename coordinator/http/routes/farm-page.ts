import type { FastifyInstance } from 'fastify';
import type { ShownAgent, ShownBuilder, ShownFarm } from '../../farm/shown-farm.ts';
import { getRoute } from '../get-route.ts';
import { type Html, html } from '../html/html.ts';
import { sendPage } from '../html/page.ts';
import { okText, UNAVAILABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

/** How often the page is loaded anew by itself, seconds. */
const REFRESH_SECONDS = 5;
/** Builders shown; a large farm has hundreds of which nobody waits for most. */
const MAX_BUILDERS = 200;

const DOC: RouteDoc = {
  summary: 'The farm at work, for people',
  tag: 'operation',
  answers: { ...okText('A page.', 'text/html'), 503: UNAVAILABLE },
};

/** What waits, what runs, and who is there, on one page that stays up to date. */
export function farmPageRoutes(app: FastifyInstance, view: Pick<ShownFarm, 'agents' | 'builders'>): void {
  getRoute(app, '/farm', DOC, async (_request, reply) => {
    const [agents, builders] = await Promise.all([view.agents(), view.builders()]);
    const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
    const waiting = sum(builders.map((builder) => builder.waiting));
    const running = sum(agents.map((agent) => agent.running));
    const working = agents.filter(({ state }) => state === 'working');
    const slots = sum(working.map((agent) => agent.slots));
    return sendPage(
      reply,
      'Farm',
      html`<p><b>${waiting}</b> ${waiting === 1 ? 'build waits' : 'builds wait'}, <b>${running}</b> ${running === 1 ? 'is' : 'are'} being made.
<b>${working.length}</b> of ${agents.length} agents take work, with ${slots} ${slots === 1 ? 'slot' : 'slots'}.</p>
<h2>Builders</h2>
${buildersTable(builders.slice(0, MAX_BUILDERS))}
${builders.length > MAX_BUILDERS ? html`<p class="muted">and ${builders.length - MAX_BUILDERS} more that nobody waits for</p>` : undefined}
<h2>Agents</h2>
${agentsTable(agents)}`,
      REFRESH_SECONDS,
    );
  });
}

function buildersTable(builders: readonly ShownBuilder[]): Html {
  if (builders.length === 0) return html`<p>None is ready, and no build waits for one.</p>`;
  return html`<table>
<tr><th>Builder</th><th>Waiting</th><th>Running</th><th>Ready on</th><th>Fetched by</th><th>A build takes</th><th>Asked now, done in</th></tr>
${builders.map(
  (
    each,
  ) => html`<tr><td>${each.name}${each.pinned ? ' (pinned)' : ''}</td><td class="number">${each.waiting}</td>
<td class="number">${each.running}</td><td>${namesOf(each.warm_on)}</td><td>${namesOf(each.warming_on)}</td>
<td class="number">${duration(each.median_seconds)}</td><td class="number">${duration(each.eta_seconds)}</td></tr>
`,
)}</table>`;
}

function agentsTable(agents: readonly ShownAgent[]): Html {
  if (agents.length === 0) return html`<p>No agent is there: nothing can be built.</p>`;
  return html`<table>
<tr><th>Agent</th><th>State</th><th>Builds</th><th>Ready</th><th>Fetches</th><th>Load per core</th><th>Disk free</th><th>Version</th></tr>
${agents.map(
  (
    each,
  ) => html`<tr><td>${each.id}</td><td>${stateOf(each)}</td><td class="number">${each.running} of ${each.slots}</td>
<td class="number">${each.warm.length}</td><td>${namesOf(each.warming)}</td>
<td class="number">${each.load_per_core.toFixed(2)}</td><td class="number">${gigabytes(each.disk_free_bytes)}</td><td>${each.software}</td></tr>
`,
)}</table>`;
}

function stateOf({ state, slots }: ShownAgent): string {
  return state === 'working' && slots === 0 ? 'takes no work' : state;
}

/** The first three, and how many more. */
function namesOf(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return names.slice(0, 3).join(', ') + more;
}

function duration(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 90 * 60 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3_600)} h`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
