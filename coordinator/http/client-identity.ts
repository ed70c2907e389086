import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { BlockList } from 'node:net';
import type { BuildOwner } from '../builds/build-owner.ts';
import { type ApiKey, parseApiKeys } from './api-keys.ts';
import { clientAddress, clientNetwork, parseNetworks } from './client-address.ts';

export interface ClientIdentityConfig {
  /** 64 hex digits, so that all coordinators know a client by the same name. */
  readonly farmKey: string;
  /** As `parseApiKeys` takes them. */
  readonly apiKeys: readonly string[];
  /** As `parseNetworks` takes them. */
  readonly trustedProxies: readonly string[];
}

/** Tells for whom a request asks: the owner of an API key, or whoever is at an address. */
export class ClientIdentity {
  readonly #secret: Buffer;
  /** By `#sum` of the key: how long looking one up takes tells nothing of the keys there are. */
  readonly #keys: ReadonlyMap<string, ApiKey>;
  readonly #trusted: BlockList;

  constructor(config: ClientIdentityConfig) {
    this.#secret = createHmac('sha256', Buffer.from(config.farmKey, 'hex'))
      .update('client identity')
      .digest();
    this.#keys = new Map(parseApiKeys(config.apiKeys).map((key) => [this.#sum(key.key), key]));
    this.#trusted = parseNetworks(config.trustedProxies);
  }

  /**
   * On whose account the build of a request waits. Who has no key is told from others by a keyed sum of its network, so that
   * nothing the farm keeps or says names an address. A key that is none of ours counts for nothing: old clients and proxies
   * send headers of their own, and must be served.
   */
  ownerOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): BuildOwner {
    const key = this.#keyOf(headers);
    if (key) return { priority: 'bulk', client: `key:${key.name}`, weight: key.weight };
    const address = clientAddress(socket.remoteAddress, headers['x-forwarded-for'], this.#trusted);
    const client = address === undefined ? 'local' : `net:${this.#sum(clientNetwork(address)).slice(0, 16)}`;
    return { priority: 'device', client, weight: 1 };
  }

  #keyOf(headers: IncomingHttpHeaders): ApiKey | undefined {
    if (this.#keys.size === 0) return undefined;
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    const given = [bearer, headers['x-api-key']].filter((text) => typeof text === 'string');
    return given.map((text) => this.#keys.get(this.#sum(text))).find((key) => key !== undefined);
  }

  #sum(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}
