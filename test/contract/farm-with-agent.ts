import { useFarm } from '../support/use-farm.ts';

/** The mirror it tells its clients of. */
export const PUBLIC_UPSTREAM = 'https://downloads.example';

/** The farm of `with-agent.test.ts`, which builds. */
export const used = useFarm({
  agent: { slots: '2' },
  coordinator: { allowDefaults: 'true', publicUpstream: PUBLIC_UPSTREAM },
});
