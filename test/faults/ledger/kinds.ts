import type { FaultKind } from './fault-kind.ts';
import { agentClock } from './kinds/agent-clock.ts';
import { bucketAway } from './kinds/bucket-away.ts';
import { coordinatorClock } from './kinds/coordinator-clock.ts';
import { cutGrpc } from './kinds/cut-grpc.ts';
import { cutNats } from './kinds/cut-nats.ts';
import { echoMessages } from './kinds/echo-messages.ts';
import { fillArtifactDisk } from './kinds/fill-artifact-disk.ts';
import { freezeAgent } from './kinds/freeze-agent.ts';
import { freezeCoordinator } from './kinds/freeze-coordinator.ts';
import { killAgent } from './kinds/kill-agent.ts';
import { killCoordinator } from './kinds/kill-coordinator.ts';
import { killNats } from './kinds/kill-nats.ts';
import { killRedis } from './kinds/kill-redis.ts';
import { silenceGrpc } from './kinds/silence-grpc.ts';
import { silenceNats } from './kinds/silence-nats.ts';
import { slowGrpc } from './kinds/slow-grpc.ts';
import { slowNats } from './kinds/slow-nats.ts';
import { wipeJetstream } from './kinds/wipe-jetstream.ts';
import { wipeRedis } from './kinds/wipe-redis.ts';

/** Everything that is done to a farm, whose results are in a bucket or in a folder. */
export function allKinds(place: 'bucket' | 'folder'): readonly FaultKind[] {
  return [
    ...(place === 'bucket' ? [bucketAway] : []),
    killAgent,
    freezeAgent,
    killCoordinator,
    freezeCoordinator,
    killNats,
    killRedis,
    wipeJetstream,
    wipeRedis,
    cutGrpc,
    silenceGrpc,
    slowGrpc,
    cutNats,
    silenceNats,
    slowNats,
    fillArtifactDisk,
    agentClock,
    coordinatorClock,
    echoMessages(),
  ];
}
