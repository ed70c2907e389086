#!/usr/bin/env perl
# Makes .profiles.mk from .targetinfo: default packages and profiles of one target.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Mini::File qw(slurp);

my ($command, $file, $target) = @ARGV;
die "usage: target-metadata.pl profile_mk <.targetinfo> <target>\n" unless $target && $command eq 'profile_mk';

my ($head, @blocks) = split /^(?=Target-Profile: )/m, slurp($file);
my %head = $head =~ /^([A-Za-z-]+): (.*)$/mg;
die "$file does not describe $target\n" unless $head{Target} eq $target;
print 'DEFAULT_PACKAGES := ', join(' ', sort split ' ', $head{'Default-Packages'}), "\n";

my (@names, $list);
for my $block (@blocks) {
    my %field = $block =~ /^Target-Profile(?:-)?([A-Za-z]*): ?(.*)$/mg;
    my $name = $field{''};
    (my $id = $name) =~ s/^DEVICE_//;
    push @names, $name;
    print "${name}_NAME := $field{Name}\n${name}_PACKAGES := $field{Packages}\n";
    my @lines = ("$id:", "    $field{Name}", "    Packages: $field{Packages}", "    hasImageMetadata: $field{hasImageMetadata}");
    push @lines, "    SupportedDevices: $field{SupportedDevices}" if $field{SupportedDevices};
    $list .= join '', map { " \\\n\techo '$_';" } @lines;
}
print "PROFILE_NAMES := @names\nPROFILE_LIST = $list\n";
