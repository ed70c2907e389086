import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type Builder, BuilderSchema, builderName } from '../../../../shared/domain/builder.ts';
import { FarmError } from '../../../../shared/errors.ts';
import type { BuilderControl } from '../../../farm/builder-control.ts';
import { actionRoute } from './action-route.ts';

const URL_PATTERN = '/api/v1/admin/builders/:distro/:version/:target/:subtarget';

interface Params {
  readonly distro: string;
  readonly version: string;
  readonly target: string;
  readonly subtarget: string;
}

const PinnedSchema = Type.Object({
  builder: Type.String({ description: 'for people: 24.10.4 x86/64' }),
  pinned: Type.Boolean(),
  was_pinned: Type.Boolean({ description: 'before' }),
});

/** Which builders are kept warm always. */
export function adminBuilderRoutes(
  app: FastifyInstance,
  deps: { readonly token: string; readonly builders: Pick<BuilderControl, 'pin' | 'unpin'> },
): void {
  const pinning = (verb: 'pin' | 'unpin', summary: string): void =>
    actionRoute<Params>(app, {
      token: deps.token,
      url: `${URL_PATTERN}/${verb}`,
      summary,
      done: PinnedSchema,
      work: async (params) => {
        const builder = builderOf(params);
        const wasPinned = await deps.builders[verb](builder);
        return { builder: builderName(builder), pinned: verb === 'pin', was_pinned: wasPinned };
      },
    });
  pinning('pin', 'Keeps a builder warm always');
  pinning('unpin', 'Keeps a builder warm no longer than it is asked for');
}

function builderOf({ distro, version, target, subtarget }: Params): Builder {
  const builder = { distro, version, target: `${target}/${subtarget}` };
  if (Value.Check(BuilderSchema, builder)) return builder;
  throw new FarmError('not_found', `${builderName(builder).slice(0, 80)} is no builder: 24.10.4 x86/64`);
}
