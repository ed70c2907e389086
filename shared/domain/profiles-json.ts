import { type Static, Type } from 'typebox';

/*
 * profiles.json as OpenWrt publishes it for a target and as `make image` writes it for one profile.
 * Source: openwrt, scripts/make-index and scripts/json_overview_image_info.py. Unknown fields are kept: clients get them.
 */

export const ImageSchema = Type.Object({
  name: Type.String(),
  type: Type.String(),
  filesystem: Type.Optional(Type.String()),
  sha256: Type.String(),
  sha256_unsigned: Type.Optional(Type.String()),
  size: Type.Optional(Type.Number()),
});
export type Image = Static<typeof ImageSchema>;

export const ProfileSchema = Type.Object({
  images: Type.Array(ImageSchema),
  titles: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  supported_devices: Type.Optional(Type.Array(Type.String())),
  device_packages: Type.Optional(Type.Array(Type.String())),
  image_prefix: Type.Optional(Type.String()),
});
export type Profile = Static<typeof ProfileSchema>;

export const ProfilesJsonSchema = Type.Object({
  arch_packages: Type.String(),
  target: Type.String(),
  version_code: Type.String(),
  version_number: Type.String(),
  default_packages: Type.Optional(Type.Array(Type.String())),
  linux_kernel: Type.Optional(
    Type.Object({
      release: Type.Optional(Type.String()),
      vermagic: Type.Optional(Type.String()),
      version: Type.Optional(Type.String()),
    }),
  ),
  metadata_version: Type.Optional(Type.Number()),
  source_date_epoch: Type.Optional(Type.Number()),
  profiles: Type.Record(Type.String(), ProfileSchema),
});
export type ProfilesJson = Static<typeof ProfilesJsonSchema>;
