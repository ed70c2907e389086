#!/usr/bin/env perl
# Writes all images of one profile into BIN_DIR, as target/linux/<board>/image/devices.json describes them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP ();
use Mini::File qw(slurp);
use Mini::Image qw(write_flash_image write_disk_image copy_file);

my $device = JSON::PP->new->decode(slurp($ENV{DEVICES_FILE}))->{$ENV{PROFILE_ID}}
    or die "no device $ENV{PROFILE_ID} in $ENV{DEVICES_FILE}\n";
my @filesystems = split ' ', $ENV{IMAGE_FILESYSTEMS};
my $kernel = "$ENV{KERNEL_BUILD_DIR}/$ENV{PROFILE_ID}-kernel.bin";

# Real builds are as noisy on stderr.
system 'dd', "if=$kernel", "of=$ENV{IMAGE_TMP_DIR}/kernel.padded", 'bs=64k', 'conv=sync';
if ($device->{disk}) {
    copy_file($kernel, "$ENV{IMAGE_NAME}-kernel.bin");
    for my $image (@{$device->{images}}) {
        my @each = $image->{extension} eq 'tar.gz' ? ('targz') : @filesystems;
        write_disk_image($device, $image, $_) for grep { $_ ne 'targz' || $ENV{CONFIG_TARGET_ROOTFS_TARGZ} } @each;
    }
}
elsif (grep { $_ eq 'squashfs' } @filesystems) {
    write_flash_image($device, $_) for @{$device->{images}};
}
copy_file("$ENV{KERNEL_BUILD_DIR}/root.tar.gz", "$ENV{IMAGE_NAME}-rootfs.tar.gz") if $ENV{CONFIG_TARGET_ROOTFS_TARGZ};
