/**
 * The target of a request as routes know it: one slash where there are several, none at the end, no host before it. Old clients
 * and configured addresses bring all of these, also with POST, which cannot be redirected (pitfall 17). The query is kept.
 */
export function normalizeUrl(target: string): string {
  const local = target.replace(/^https?:\/\/[^/?]*/i, '');
  const queryAt = local.indexOf('?');
  const path = queryAt < 0 ? local : local.slice(0, queryAt);
  const query = queryAt < 0 ? '' : local.slice(queryAt);
  const parts = path.split('/').filter((part) => part !== '');
  return `/${parts.join('/')}${query}`;
}
