import type { FastifyInstance } from 'fastify';
import { getRoute } from '../get-route.ts';
import { type Html, html } from '../html/html.ts';
import { sendPage } from '../html/page.ts';
import { okText } from '../openapi/answers.ts';
import { type DocumentedRoute, openApiPath } from '../openapi/openapi-document.ts';
import { type AnswerDoc, type RouteDoc, TAGS } from '../openapi/route-doc.ts';

const DOC: RouteDoc = {
  summary: 'This API, for people',
  tag: 'operation',
  answers: okText('A page.', 'text/html'),
};

/** What can be asked of this server, from what `/openapi.json` is made of. */
export function docsRoutes(app: FastifyInstance, routes: readonly DocumentedRoute[]): void {
  for (const url of ['/docs', '/redoc']) {
    getRoute(app, url, DOC, (_request, reply) => {
      const told = routes.filter(({ method }) => method !== 'head');
      return sendPage(
        reply,
        'The API',
        html`<p>For programs: <a href="/openapi.json">openapi.json</a>. Every answer may be read from any origin, errors are
JSON with <code>detail</code> and <code>status</code>, and unknown query parameters are ignored. What is read with GET
also answers HEAD.</p>
${TAGS.map((tag) =>
  section(
    tag,
    told.filter(({ doc }) => doc.tag === tag),
  ),
)}`,
      );
    });
  }
}

function section(tag: string, routes: readonly DocumentedRoute[]): Html {
  return html`<h2>${tag}</h2>\n${routes.map(operation)}`;
}

function operation({ method, url, doc }: DocumentedRoute): Html {
  return html`<details><summary><code>${method.toUpperCase()} ${openApiPath(url)}</code> ${doc.summary}</summary>
${doc.query ? html`<p>Query</p>${schema(doc.query.properties)}` : undefined}
${doc.body ? html`<p>Body</p>${schema(doc.body)}` : undefined}
<table>${Object.entries(doc.answers).map(([status, each]) => answer(status, each))}</table>
</details>
`;
}

function answer(status: string, { description, headers, type, schema: body }: AnswerDoc): Html {
  const names = Object.entries(headers ?? {}).map(([name, text]) => html`<br><code>${name}</code> ${text}`);
  return html`<tr><td>${status}</td><td>${description} ${type}${names}${body ? schema(body) : undefined}</td></tr>
`;
}

function schema(value: unknown): Html {
  return html`<details><summary>schema</summary><pre>${JSON.stringify(value, null, 2)}</pre></details>`;
}
