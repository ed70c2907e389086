/** Characters of a URL that mean nothing to make, a shell or a list of feeds (RFC 3986, without quotes, `$` and `;`). */
const PLAIN_URL = /^https?:\/\/[A-Za-z0-9._~:/@!&()*+,=%-]+$/;

/**
 * Whether a client may name this feed: same scheme, host and port as an allowed URL, and its path below that URL's path.
 * Refuses user names and any way to climb out of a folder. An empty list allows none.
 */
export function isRepositoryAllowed(url: string, allowList: readonly string[]): boolean {
  if (!PLAIN_URL.test(url) || !URL.canParse(url)) return false;
  const { protocol, host, pathname, username, password } = new URL(url);
  if (username !== '' || password !== '' || url.includes('@')) return false;
  if (/%(2e|2f|5c|00)/i.test(url) || url.split('/').some((part) => part === '.' || part === '..'))
    return false;
  return allowList.some((allowedUrl) => {
    if (!URL.canParse(allowedUrl)) return false;
    const allowed = new URL(allowedUrl);
    const folder = allowed.pathname.replace(/\/+$/, '');
    return (
      protocol === allowed.protocol &&
      host === allowed.host &&
      (pathname === folder || pathname.startsWith(`${folder}/`))
    );
  });
}
