/**
 * What lets browsers of any origin use the client API; on every response, exactly once (contract 2.13, pitfall 2). No
 * credentials are ever involved.
 */
export const CORS_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'X-Imagebuilder-Status, X-Queue-Position, X-Eta-Seconds, X-Unknown-Package, Retry-After',
};

/** What a preflight gets besides. */
export const PREFLIGHT_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-methods': 'GET, HEAD, POST, OPTIONS',
  'access-control-allow-headers': 'Content-Type, X-API-Key',
  /** Seconds. */
  'access-control-max-age': '86400',
};
