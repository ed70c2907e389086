#!/usr/bin/env perl
# Prints a bill of materials of the root filesystem: never twice the same, as in the real ImageBuilder.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP ();
use Mini::Database qw(installed);
use POSIX qw(strftime);

open my $random, '<:raw', '/dev/urandom' or die "cannot read random bytes: $!\n";
read $random, my $bytes, 16;
my $serial = join '-', unpack 'H8 H4 H4 H4 H12', $bytes;
print JSON::PP->new->encode({
    bomFormat => 'CycloneDX', specVersion => '1.4', version => 1, serialNumber => "urn:uuid:$serial",
    metadata => {timestamp => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime)},
    components => [map { {type => 'application', name => $_->{Package}, version => $_->{Version}} } installed()],
});
