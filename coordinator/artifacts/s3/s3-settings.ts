/** Where a bucket is and how it is spoken to. */
export interface S3Settings {
  /** `http://` or `https://` and a host, without a path; undefined for AWS itself. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Put before every key: empty, or ending in a slash. */
  readonly prefix: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** The bucket stands in the host name of URLs, not in their path. */
  readonly bucketInHost: boolean;
  /**
   * `none`: clients get files from the coordinator. `presigned`: they are sent to the bucket with a URL that is good for an hour.
   * `{publicUrl}`: they are sent to that URL with the key behind it, where anybody can read.
   */
  readonly redirect: 'none' | 'presigned' | { readonly publicUrl: string };
}
