import type { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';

/**
 * A request that is signed together with the sha256 of what it carries, which the endpoint then refuses to take otherwise. For a
 * stream the client would sign no sum at all. Source: Amazon S3 API reference, "Authenticating Requests", x-amz-content-sha256.
 */
export function withPayloadSha256<T extends PutObjectCommand | UploadPartCommand>(
  command: T,
  sha256: string,
): T {
  const { middlewareStack } = command as PutObjectCommand;
  middlewareStack.add(
    (next) => async (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] = sha256;
      return await next(args);
    },
    { step: 'build', name: 'payloadSha256' },
  );
  return command;
}
