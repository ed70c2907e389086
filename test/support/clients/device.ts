/** What a client knows of the router it runs on. */
export interface Device {
  /** Running version: `24.10.4`, `SNAPSHOT`. */
  readonly version: string;
  /** Of the running version: `r34000-0123456789`. */
  readonly revision?: string;
  readonly target: string;
  /** As in `/tmp/sysinfo/board_name`, with its comma; some PCs have none. */
  readonly boardName?: string;
  /** `rootfs_type` of `ubus call system board`. */
  readonly filesystem: string;
  /** Packages that were installed by name. */
  readonly packages: readonly string[];
  /** Whether it was started by UEFI. */
  readonly efi?: boolean;
}

/** What a client ends with when all went well. */
export interface UpgradeResult {
  readonly bytes: Buffer;
  readonly name: string;
  readonly sha256: string;
  /** What the person saw while waiting. */
  readonly shown: readonly string[];
}

/** How a client ends otherwise: its message is what the person sees. */
export class ClientFailure extends Error {
  override readonly name = 'ClientFailure';
}
