import { EnvHttpProxyAgent } from 'undici';

/** Proxies as the environment names them; empty where there is none. */
export interface ProxySettings {
  readonly http: string;
  readonly https: string;
  /** Hosts that are reached directly, separated by commas. */
  readonly no: string;
}

export const NO_PROXIES: ProxySettings = { http: '', https: '', no: '' };

/** Reads `http_proxy`, `https_proxy` and `no_proxy` in either case, lower case first, as wget and curl do. */
export function proxiesFrom(env: Readonly<Record<string, string | undefined>>): ProxySettings {
  const read = (name: string): string => env[name] || env[name.toUpperCase()] || '';
  return { http: read('http_proxy'), https: read('https_proxy'), no: read('no_proxy') };
}

/** The same as variables for a child process, in both cases, because programs differ in which they read. */
export function proxyVariables(proxies: ProxySettings): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of [
    ['http_proxy', proxies.http],
    ['https_proxy', proxies.https],
    ['no_proxy', proxies.no],
  ] as const) {
    if (value === '') continue;
    variables[name] = value;
    variables[name.toUpperCase()] = value;
  }
  return variables;
}

/**
 * Outgoing HTTP connections that go through the proxies which are set. Node's own fetch knows none, so requests use
 * undici's fetch with this dispatcher. The caller destroys it.
 * @param idleTimeoutMs a connection that brings no byte for so long has failed.
 */
export function createDispatcher(proxies: ProxySettings, idleTimeoutMs: number): EnvHttpProxyAgent {
  return new EnvHttpProxyAgent({
    httpProxy: proxies.http,
    httpsProxy: proxies.https,
    noProxy: proxies.no,
    // Plain HTTP is asked of the proxy as wget does it; many proxies refuse a tunnel to port 80.
    proxyTunnel: false,
    headersTimeout: idleTimeoutMs,
    bodyTimeout: idleTimeoutMs,
    connect: { timeout: idleTimeoutMs },
  });
}
