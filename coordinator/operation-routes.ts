import type { Clock } from '../shared/clock.ts';
import type { Log } from '../shared/log.ts';
import { AgentControl } from './agents/agent-control.ts';
import type { ArtifactStore } from './artifacts/artifact-store.ts';
import { BuildControl } from './builds/build-control.ts';
import { QueueView } from './builds/queue-view.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { CoordinatorConfig } from './config.ts';
import type { Builds } from './create-builds.ts';
import { BuilderControl } from './farm/builder-control.ts';
import { ShownFarm } from './farm/shown-farm.ts';
import type { RouteModule } from './http/dependencies.ts';
import { type AdminDependencies, adminRoutes } from './http/routes/admin/admin.ts';
import { farmRoutes } from './http/routes/farm.ts';
import { farmPageRoutes } from './http/routes/farm-page.ts';
import type { JobQueue } from './queue/job-queue.ts';

export interface OperationDependencies {
  readonly parts: Builds;
  readonly catalog: Catalog;
  readonly artifacts: ArtifactStore;
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The routes of whoever looks after the farm, over the parts of this coordinator.
 * @param config without an `adminToken` everybody may look, and nobody may do anything.
 */
export function operationRoutes(
  config: Pick<CoordinatorConfig, 'adminToken' | 'maxWarming'>,
  deps: OperationDependencies,
): readonly RouteModule[] {
  const { parts } = deps;
  const view = new ShownFarm({ ...parts, maxFetches: config.maxWarming });
  const looking: RouteModule = (app) => {
    farmRoutes(app, view);
    farmPageRoutes(app, view);
  };
  if (config.adminToken === undefined) return [looking];
  const admin = adminOf(config.adminToken, deps);
  return [looking, (app) => adminRoutes(app, admin)];
}

function adminOf(token: string, deps: OperationDependencies): AdminDependencies {
  const { parts, catalog, artifacts, queue, clock, log } = deps;
  return {
    token,
    builds: new BuildControl({ ...parts, artifacts, queue, log }),
    agents: new AgentControl({ agents: parts.agents, queue, log }),
    builders: new BuilderControl({ ...parts, catalog, log }),
    queue: new QueueView({ ...parts, clock }),
  };
}
