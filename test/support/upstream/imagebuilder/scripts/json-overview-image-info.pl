#!/usr/bin/env perl
# Joins the descriptions of the images just built into profiles.json, and with an older one of the same revision.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP ();
use Mini::File qw(slurp spew);

my $json = JSON::PP->new->canonical;
my $output = "$ENV{BIN_DIR}/profiles.json";
my @files = sort glob "$ENV{JSON_INFO_DIR}/*.json";
if (!@files) {
    print "JSON info file script could not find any JSON files for target\n";
    exit 0;
}

my %overview = (
    arch_packages => $ENV{ARCH_PACKAGES},
    default_packages => [split ' ', $ENV{DEFAULT_PACKAGES}],
    linux_kernel => {release => $ENV{LINUX_RELEASE}, vermagic => $ENV{LINUX_VERMAGIC}, version => $ENV{LINUX_VERSION}},
    metadata_version => 1,
    profiles => {},
    source_date_epoch => $ENV{SOURCE_DATE_EPOCH} + 0,
    target => "$ENV{BOARD}/$ENV{SUBTARGET}",
    version_code => $ENV{REVISION},
    version_number => $ENV{VERSION_NUMBER},
);
if (-e $output) {
    my $old = $json->decode(slurp($output));
    $overview{profiles} = $old->{profiles} if $old->{version_code} eq $overview{version_code};
}
my %fresh;
for my $file (@files) {
    my $profiles = $json->decode(slurp($file));
    for my $id (keys %$profiles) {
        if ($fresh{$id}) { push @{$fresh{$id}{images}}, @{$profiles->{$id}{images}} }
        else { $fresh{$id} = $profiles->{$id} }
    }
}
$overview{profiles}{$_} = $fresh{$_} for keys %fresh;
spew($output, $json->encode(\%overview));
