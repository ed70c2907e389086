#!/usr/bin/env perl
# Stands for make_ext4fs: not a real file system, but one that a tree fits in or not. A header with the size, then a tar of the tree.
use strict;
use warnings;
use File::Find qw(find);

my ($root, $image) = @ARGV;
my $mebibytes = $ENV{ROOTFS_PARTSIZE_MIB};
if (!defined $mebibytes || $mebibytes !~ /^[1-9]\d*$/) {
    print STDERR "Need size of filesystem\n";
    exit 1;
}

# An inode and whole blocks for each file, apparent sizes.
my $bytes = 0;
find({no_chdir => 1, wanted => sub { my @stat = lstat; $bytes += 256 + 4096 * int(($stat[7] + 4095) / 4096) }}, $root);
print "Creating filesystem with parameters:\n    Size: ", $mebibytes * 1024 * 1024, "\n    Block size: 4096\n";
if ($bytes > $mebibytes * 1024 * 1024) {
    print STDERR "error: make_file: failed to allocate inode\n";
    exit 1;
}

open my $out, '>:raw', $image or die "cannot write $image: $!\n";
print {$out} pack 'a1080 v N a434', '', 0xEF53, $mebibytes, '';
close $out or die "cannot write $image: $!\n";
my @tar = ('tar', '-C', $root, '-c', '--format=gnu', '--sort=name', '--numeric-owner', '--owner=0', '--group=0', "--mtime=\@$ENV{SOURCE_DATE_EPOCH}", '.');
exit(system('sh', '-c', 'out=$1; shift; "$@" >> "$out"', 'sh', $image, @tar) >> 8);
