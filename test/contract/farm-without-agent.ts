import { useFarm } from '../support/use-farm.ts';

/** The farm of `without-agent.test.ts`: whatever it accepts waits for ever. */
export const used = useFarm({
  agents: 0,
  coordinator: { allowDefaults: 'true', repositoryAllowList: ['https://feeds.example/ok'] },
});
