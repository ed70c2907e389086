#!/usr/bin/env perl
# Runs the post-install scripts of the root filesystem and enables its services, but for those named as arguments.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Mini::File qw(slurp);

$| = 1;
my %disabled = map { $_ => 1 } @ARGV;
my $root = $ENV{TARGET_DIR};
chdir $root or die "cannot enter $root: $!\n";
$ENV{IPKG_INSTROOT} = $root;

for my $script (sort glob($ENV{APK} ? './lib/apk/db/*.post-install' : './usr/lib/opkg/info/*.postinst')) {
    my $status = system 'sh', $script;
    my $code = $status & 127 ? 128 + ($status & 127) : $status >> 8;
    if ($code) {
        print STDERR "postinst script $script has failed with exit code $code\n";
        exit 1;
    }
    unlink $script;
}

for my $path (sort glob './etc/init.d/*') {
    my $text = slurp($path);
    next unless $text =~ m{^#!/bin/sh /etc/rc\.common};
    (my $name = $path) =~ s{.*/}{};
    print $disabled{$name} ? "Disabling $name\n" : "Enabling $name\n";
    unlink glob "./etc/rc.d/S??$name";
    next if $disabled{$name};
    mkdir './etc/rc.d';
    my ($start) = $text =~ /^START=(\d+)/m;
    symlink "../init.d/$name", sprintf './etc/rc.d/S%02d%s', defined $start ? $start : 50, $name;
}
