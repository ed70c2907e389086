import fc from 'fast-check';
import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import {
  environmentName,
  flagName,
  fromEnvironment,
  parseSettings,
  type RawSettings,
  SettingsError,
  withoutSecrets,
} from './env.ts';

const schema = Type.Object({
  httpPort: Type.Integer({ minimum: 0, maximum: 65_535, default: 8080, description: 'port for clients' }),
  ratio: Type.Number({ default: 0.5, description: 'a share' }),
  isOpen: Type.Boolean({ default: false, description: 'true to let everybody in' }),
  peers: Type.Array(Type.String({ pattern: '^[a-z.:0-9]+$' }), { default: [], description: 'host:port' }),
  level: Type.Enum(['low', 'high'], { default: 'low', description: 'one of low, high' }),
  contact: Type.Optional(Type.String({ description: 'mail address' })),
  farmKey: Type.String({ pattern: '^[0-9a-f]{4}$', secret: true, description: '4 hex digits' }),
});

const parse = (raw: RawSettings) => parseSettings(schema, { farmKey: 'beef', ...raw });

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof SettingsError) return thrown.problems;
    throw thrown;
  }
  return [];
}

describe('a setting', () => {
  test('is named in its own way in the environment and among flags', () => {
    expect(environmentName('catalogFreshMs')).toBe('WRTFARM_CATALOG_FRESH_MS');
    expect(flagName('catalogFreshMs')).toBe('catalog-fresh-ms');
  });

  test('takes its default when it is missing or empty, and stays away when it is optional', () => {
    const defaults = { httpPort: 8080, ratio: 0.5, isOpen: false, peers: [], level: 'low', farmKey: 'beef' };
    expect(parse({})).toEqual(defaults);
    expect(parse({ httpPort: '', contact: '', peers: '' })).toEqual(defaults);
  });

  test.each([
    [{ httpPort: '0' }, { httpPort: 0 }],
    [{ ratio: '-0.25' }, { ratio: -0.25 }],
    [{ isOpen: 'true' }, { isOpen: true }],
    [{ isOpen: '1' }, { isOpen: true }],
    [{ isOpen: true }, { isOpen: true }],
    [{ isOpen: 'false' }, { isOpen: false }],
    [{ isOpen: '0' }, { isOpen: false }],
    [{ peers: 'a:1, b:2,,' }, { peers: ['a:1', 'b:2'] }],
    [{ peers: ['a:1', 'b:2'] }, { peers: ['a:1', 'b:2'] }],
    [{ level: 'high' }, { level: 'high' }],
    [{ httpPort: ['1', '2'] }, { httpPort: 2 }],
  ] as readonly [RawSettings, object][])('is converted to the type it has: %j', (raw, expected) => {
    expect(parse(raw)).toMatchObject(expected);
  });

  test.each([
    ['httpPort', 'port for clients', '80a'],
    ['httpPort', 'port for clients', '1e3'],
    ['httpPort', 'port for clients', '0x50'],
    ['httpPort', 'port for clients', ' 80'],
    ['httpPort', 'port for clients', '8.5'],
    ['httpPort', 'port for clients', '65536'],
    ['httpPort', 'port for clients', '-1'],
    ['isOpen', 'true to let everybody in', 'yes'],
    ['level', 'one of low, high', 'medium'],
    ['peers', 'host:port', 'a:1,b 2'],
  ])('is never guessed: %s (%s) is refused to be %j, with its names and form', (setting, form, value) => {
    const [problem, ...others] = problemsOf(() => parse({ [setting]: value }));
    expect(others).toEqual([]);
    expect(problem).toContain(`${environmentName(setting)} (--${flagName(setting)}) must be ${form}`);
    expect(problem).toContain(JSON.stringify(value));
  });
});

test('any whole number in range survives being written as text', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 65_535 }), (httpPort) => {
      expect(parse({ httpPort: String(httpPort) }).httpPort).toBe(httpPort);
    }),
  );
});

test('all problems are told at once', () => {
  const problems = problemsOf(() => parseSettings(schema, { httpPort: 'x', level: 'y' }));
  expect(problems).toHaveLength(3);
  expect(problems[2]).toBe('WRTFARM_FARM_KEY (--farm-key) is required: 4 hex digits');
  expect(() => parseSettings(schema, { httpPort: 'x', level: 'y' })).toThrow(problems.join('\n'));
});

test('a secret is shown neither when it is wrong nor when settings are', () => {
  const [problem] = problemsOf(() => parse({ farmKey: 'hunter2' }));
  expect(problem).toContain('WRTFARM_FARM_KEY');
  expect(problem).not.toContain('hunter2');
  expect(withoutSecrets(schema, parse({ contact: 'me' }))).toMatchObject({
    farmKey: '[secret]',
    contact: 'me',
  });
  expect(withoutSecrets(schema, { farmKey: undefined })).toEqual({ farmKey: undefined });
});

test('settings cannot be changed, and a default is not shared between two of them', () => {
  const first = parse({});
  expect(Object.isFrozen(first)).toBe(true);
  first.peers.push('a:1');
  expect(parse({}).peers).toEqual([]);
});

describe('the environment', () => {
  test('gives the settings it names and nothing else', () => {
    const env = { WRTFARM_HTTP_PORT: '80', WRTFARM_RATIO: undefined, HTTP_PORT: '1', PATH: '/bin' };
    expect(fromEnvironment(schema, env)).toEqual({ httpPort: '80' });
  });

  test('is refused when it names a setting that is none, without its value', () => {
    const env = { WRTFARM_HTPP_PORT: 'hunter2', WRTFARM_OTHER: '' };
    const problems = problemsOf(() => fromEnvironment(schema, env));
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/^WRTFARM_HTPP_PORT is not a setting .*WRTFARM_HTTP_PORT/);
    expect(problems.join()).not.toContain('hunter2');
  });
});
