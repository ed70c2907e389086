import { type Static, Type } from 'typebox';
import { type Builder, parseBuilderToken } from './builder.ts';

/** What an agent was told to take; absent parts mean everything. A name stands for itself, or ends with `*`. */
export const AcceptsSchema = Type.Object({
  /** Such as `ath79/*`, `x86/64`. */
  targets: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 256 })),
  /** Such as `24.10.*`, `SNAPSHOT`. */
  versions: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 256 })),
});
export type Accepts = Static<typeof AcceptsSchema>;

/** Whether an agent that was told to take this may take work for a builder; what is not mentioned it takes. */
export function doesAccept(accepts: Accepts | undefined, builder: Builder): boolean {
  return isOneOf(accepts?.targets, builder.target) && isOneOf(accepts?.versions, builder.version);
}

/** The same for a builder's token. */
export function doesAcceptToken(accepts: Accepts | undefined, token: string): boolean {
  if (!accepts) return true;
  const builder = parseBuilderToken(token);
  return builder !== undefined && doesAccept(accepts, builder);
}

function isOneOf(names: readonly string[] | undefined, value: string): boolean {
  if (!names) return true;
  return names.some((name) => (name.endsWith('*') ? value.startsWith(name.slice(0, -1)) : value === name));
}
