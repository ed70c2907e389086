import { type Static, Type } from 'typebox';
import {
  environmentName,
  flagName,
  type RawSettings,
  requireUrl,
  SettingsError,
} from '../../../shared/env.ts';
import type { S3Settings } from './s3-settings.ts';

/** The settings of a bucket, as part of a coordinator's. */
export const S3_PROPERTIES = {
  s3Bucket: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
      description: 'name of the S3 bucket that is the artifact store, shared by all coordinators',
    }),
  ),
  s3Endpoint: Type.Optional(
    Type.String({
      pattern: '^https?://[^/?#@\\s]+/?$',
      description: 'URL of the S3 endpoint, without a path; default: the one of AWS for the region',
    }),
  ),
  s3Region: Type.String({
    pattern: '^[a-z0-9-]+$',
    default: 'us-east-1',
    description: 'region of the bucket; endpoints other than AWS mostly take any',
  }),
  s3Prefix: Type.String({
    pattern: '^([A-Za-z0-9._-]+/)*$',
    default: '',
    description: 'what all keys in the bucket begin with, ending in a slash; wrtfarm owns what is below it',
  }),
  s3AccessKey: Type.Optional(
    Type.String({ minLength: 1, secret: true, description: 'access key of the bucket' }),
  ),
  s3SecretKey: Type.Optional(
    Type.String({ minLength: 1, secret: true, description: 'secret key that belongs to the access key' }),
  ),
  s3BucketInHost: Type.Boolean({
    default: false,
    description: 'true where the bucket is part of the host name of its URLs, not of their path',
  }),
  s3Redirect: Type.Boolean({
    default: false,
    description:
      'true to send clients to the bucket for files (302); auc and early versions of owut do not follow',
  }),
  s3PublicUrl: Type.Optional(
    Type.String({
      pattern: '^https?://[^?#@\\s]+$',
      description: 'where clients are sent: a URL at which anybody reads the bucket; default: signed URLs',
    }),
  ),
};
const S3_SCHEMA = Type.Object(S3_PROPERTIES);
type S3Config = Readonly<Static<typeof S3_SCHEMA>>;

/**
 * Throws `SettingsError` when settings of a bucket contradict each other, or would do nothing.
 * @param raw what was given, before defaults.
 */
export function checkS3Settings(raw: RawSettings, config: S3Config): void {
  const isGiven = (setting: string): boolean => raw[setting] !== undefined && raw[setting] !== '';
  const problems: string[] = [];
  const missing = (setting: keyof S3Config, why: string): void => {
    if (!isGiven(setting)) problems.push(`${nameOf(setting)} is required ${why}`);
  };
  const given = Object.keys(S3_PROPERTIES).filter(isGiven);
  if (config.s3Bucket === undefined && given.length > 0) {
    missing('s3Bucket', `when ${given.map(nameOf).join(', ')} is given`);
  }
  if (config.s3Bucket !== undefined) {
    for (const setting of ['s3AccessKey', 's3SecretKey'] as const) {
      missing(setting, `when ${nameOf('s3Bucket')} is given`);
    }
  }
  if (isGiven('s3PublicUrl') && !config.s3Redirect) {
    problems.push(`${nameOf('s3PublicUrl')} does nothing unless ${nameOf('s3Redirect')} is true`);
  }
  if (problems.length > 0) throw new SettingsError(problems);
  for (const setting of ['s3Endpoint', 's3PublicUrl'] as const) {
    const url = config[setting];
    if (url !== undefined) requireUrl(setting, url);
  }
}

/** The bucket that the settings name; undefined when they name none. They were checked. */
export function s3SettingsOf(config: S3Config): S3Settings | undefined {
  const { s3Bucket, s3AccessKey, s3SecretKey, s3PublicUrl } = config;
  if (s3Bucket === undefined || s3AccessKey === undefined || s3SecretKey === undefined) return undefined;
  return {
    endpoint: config.s3Endpoint,
    region: config.s3Region,
    bucket: s3Bucket,
    prefix: config.s3Prefix,
    accessKey: s3AccessKey,
    secretKey: s3SecretKey,
    bucketInHost: config.s3BucketInHost,
    redirect: !config.s3Redirect
      ? 'none'
      : s3PublicUrl === undefined
        ? 'presigned'
        : { publicUrl: s3PublicUrl },
  };
}

function nameOf(setting: string): string {
  return `${environmentName(setting)} (--${flagName(setting)})`;
}
