import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildSpec } from '../../shared/domain/build-spec.ts';
import type { BuilderSource } from '../../shared/domain/builder.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import type { Flavour, WarmBuilder } from '../builders/warm-builder.ts';
import { parseBuilderInfo } from './builder-info.ts';

/** What `make info` of the small builder prints, in the words of a real one. */
export const SMALL_INFO = `Current Target: "ath79/generic"
Current Architecture: "mips"
Current Revision: "r33051-f5dae5ece4"
Default Packages: base-files dnsmasq
Available Profiles:

8dev_carambola2:
    8devices Carambola2
    Packages: kmod-usb-chipidea2
    hasImageMetadata: 1
    SupportedDevices: 8dev,carambola2 carambola2
nameless:
    Packages:
    hasImageMetadata: 0
`;

/**
 * A Makefile that answers as an ImageBuilder does. Package names make it misbehave: it runs `act-<name>` scripts of the
 * tree for each `do-<step>-<name>` in PACKAGES.
 */
const MAKEFILE = `
SHELL = /bin/bash
NAME = openwrt-25.12.5-$(EXTRA_IMAGE_NAME)-ath79-generic-$(PROFILE)
.SILENT:
info:
	cat info.txt
	touch .profiles.mk
manifest:
	for name in $(filter do-manifest-%,$(PACKAGES)); do ./act-$\${name#do-manifest-}; done
	echo some noise of a good build >&2
	echo 'base-files - 1663~f5dae5ece4'
	for name in $(filter-out -% do-%,$(PACKAGES)); do echo "$$name - 1.0-r1"; done
	echo used >>dl
image:
	mkdir -p $(BIN_DIR)
	echo 'Building images for ath79'
	for name in $(filter do-image-%,$(PACKAGES)); do ./act-$\${name#do-image-}; done
	echo image >$(BIN_DIR)/$(NAME)-squashfs-sysupgrade.bin
	if [ -n "$(FILES)" ]; then cp -R $(FILES) $(BIN_DIR)/files; cat $(FILES)/etc/uci-defaults/* >>$(BIN_DIR)/$(NAME)-squashfs-sysupgrade.bin; fi
	ln -s /etc/passwd $(BIN_DIR)/link
	printf '{"arch_packages":"mips_24kc","target":"ath79/generic","version_code":"r33051-f5dae5ece4","version_number":"25.12.5","profiles":{"$(PROFILE)":{"titles":[],"images":[{"name":"$(NAME)-squashfs-sysupgrade.bin","type":"sysupgrade","sha256":"x"}]}}}' >$(BIN_DIR)/profiles.json
	cat repositories* keys/* >$(BIN_DIR)/seen.txt 2>/dev/null || true
	stat -c %a $(BIN_DIR)/profiles.json dl
`;

export interface SmallBuilderOptions {
  readonly flavour?: Flavour;
  /** Scripts of the tree by name: bash, run with `set -e` as `act-<name>`. */
  readonly acts?: Readonly<Record<string, string>>;
}

/** Writes the tree of a small builder into a new folder. */
export function writeSmallTree(
  directory: string,
  { flavour = 'apk', acts = {} }: SmallBuilderOptions = {},
): void {
  mkdirSync(join(directory, 'keys'), { recursive: true });
  writeFileSync(join(directory, 'Makefile'), MAKEFILE);
  writeFileSync(join(directory, 'info.txt'), SMALL_INFO);
  const feed = 'https://downloads.openwrt.org/releases/25.12.5/packages/mips_24kc/base';
  if (flavour === 'apk') writeFileSync(join(directory, 'repositories'), `# feeds\n${feed}/packages.adb\n`);
  else
    writeFileSync(
      join(directory, 'repositories.conf'),
      `src/gz openwrt_base ${feed}\noption check_signature\n`,
    );
  for (const [name, script] of Object.entries(acts)) {
    writeFileSync(join(directory, `act-${name}`), `#!/bin/bash\nset -e\n${script}\n`, { mode: 0o755 });
  }
}

export const SMALL_SOURCE: BuilderSource = {
  distro: 'openwrt',
  version: '25.12.5',
  target: 'ath79/generic',
  versionPath: 'releases/25.12.5',
  digest: 'd'.repeat(64),
};

/** A small builder as the cache would give it. */
export function smallBuilder(directory: string, options: SmallBuilderOptions = {}): WarmBuilder {
  writeSmallTree(directory, options);
  return {
    source: SMALL_SOURCE,
    directory,
    info: parseBuilderInfo(SMALL_INFO),
    flavour: options.flavour ?? 'apk',
  };
}

/** A request for the small builder. */
export function smallSpec(changes: Partial<BuildSpec> = {}): BuildSpec {
  return plainSpec({
    version: '25.12.5',
    target: 'ath79/generic',
    profile: '8dev_carambola2',
    repositoriesMode: 'append',
    ...changes,
  });
}
