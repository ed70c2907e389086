#!/usr/bin/env perl
# The miniature's apk: index, add, list, depends, whatdepends. Folders come from the environment (rules.mk).
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Digest::SHA qw(sha256_hex);
use Mini::Apk qw(solve full_name);
use Mini::Archive qw(read_package unpack_package);
use Mini::Database qw(installed write_installed manifest_lines requires);
use Mini::Fetch qw(fetch fetch_all);
use Mini::File qw(slurp spew parse_stanzas format_stanza);

use constant CACHE_SECONDS => 4 * 3600;
$| = 1;

my ($command, @arguments) = @ARGV;
my %commands = (index => \&index_local, add => \&add, list => \&list, depends => \&depends, whatdepends => \&whatdepends);
die "apk: unknown command\n" unless defined $command && $commands{$command};
exit $commands{$command}->(@arguments);

# Signs what lies in packages/ and writes its index.
sub index_local {
    my @stanzas = map { read_package($_)->{control} } sort glob "$ENV{TOPDIR}/packages/*.apk";
    my $text = join '', map { format_stanza($_, qw(Package Version ABIVersion Depends Provides Architecture)) } @stanzas;
    spew("$ENV{TOPDIR}/packages/packages.adb", 'mini-adb 1 signed-by ' . sha256_hex(slurp($ENV{LOCAL_PUBLIC_KEY})) . "\n\n" . $text);
    return 0;
}

# All packages known: of the local feed, then of each feed that could be read. `$missing` collects URLs that could not.
sub known_packages {
    my ($missing) = @_;
    my %trusted = map { sha256_hex(slurp($_)) => 1 } glob "$ENV{TOPDIR}/keys/*.pem";
    my @known = map { +{%$_, local => 1} } parse_stanzas(slurp("$ENV{TOPDIR}/packages/packages.adb"));
    for my $url (grep { /^\w+:/ } map { s/^\s+|\s+$//gr } split /\n/, slurp("$ENV{TOPDIR}/repositories")) {
        my $cached = "$ENV{DL_DIR}/APKINDEX." . substr(sha256_hex($url), 0, 8) . '.tar.gz';
        my $changed = (stat $cached)[9];
        if (!defined $changed || $changed < time - CACHE_SECONDS) {
            if (my $code = fetch($url, $cached)) {
                print STDERR "ERROR: wget: exited with error $code\nWARNING: updating and opening $url: unexpected end of file\n";
                push @$missing, $url unless -e $cached;
            }
        }
        next unless -e $cached;
        my ($header, $text) = split /\n/, slurp($cached), 2;
        if (defined $header && $header =~ /^mini-adb 1 signed-by (\w+)$/ && $trusted{$1}) {
            push @known, map { +{%$_, feed => $url =~ s{/[^/]*$}{}r} } parse_stanzas($text);
        }
        else {
            my $why = defined $header && $header =~ /^mini-adb/ ? 'UNTRUSTED signature' : 'v2 package format error';
            print STDERR "WARNING: updating and opening $url: $why\n";
        }
    }
    return @known;
}

sub add {
    my @missing_feeds;
    my @known = known_packages(\@missing_feeds);
    my ($order, $errors) = solve(\@known, @_);
    if (@$errors) {
        print STDERR join("\n", 'ERROR: unable to select packages:', @$errors), "\n";
        return 1;
    }
    for my $package (@$order) {
        print STDERR "WARNING: opening from cache $_: No such file or directory\n" for @missing_feeds;
    }
    my %failed = download(@$order);
    my ($errors_seen, $count, %owner, @done) = (0, 0);
    for my $package (@$order) {
        printf "(%*d/%d) Installing %s (%s)\n", length scalar @$order, ++$count, scalar @$order, @$package{qw(Package Version)};
        if ($failed{$package}) {
            my $corrupt = $failed{$package} eq 'checksum';
            print STDERR "ERROR: wget: exited with error $failed{$package}\n" unless $corrupt;
            print STDERR 'ERROR: ' . full_name($package) . ': ' . ($corrupt ? 'ADB integrity error' : 'unexpected end of file') . "\n";
            $errors_seen++;
            next;
        }
        my $content = read_package(file_of($package));
        for my $path (map { $_->{path} } grep { $_->{type} ne '5' } @{$content->{entries}}) {
            if (defined $owner{$path}) {
                print STDERR 'ERROR: ' . full_name($package) . ": trying to overwrite $path owned by $owner{$path}.\n";
                $errors_seen++;
            }
            else { $owner{$path} = full_name($package) }
        }
        unpack_package($content, $ENV{TARGET_DIR});
        push @done, {stanza => {%$package, SHA256sum => sha256_hex(full_name($package))}, postinst => $content->{postinst}};
    }
    write_installed(@done);
    my $result = sprintf '%d KiB in %d packages', 4 * keys %owner, scalar @done;
    print $errors_seen ? "$errors_seen error" . ($errors_seen > 1 ? 's' : '') . "; $result\n" : "OK: $result\n";
    return $errors_seen > 99 ? 99 : $errors_seen;
}

sub file_of {
    my ($package) = @_;
    return "$ENV{TOPDIR}/packages/" . full_name($package) . '.apk' if $package->{local};
    return "$ENV{DL_DIR}/" . full_name($package) . '.' . substr($package->{SHA256sum}, 0, 8) . '.apk';
}

# Fetches what is not in the download folder. Returns package => wget's exit code for those that failed.
sub download {
    my %url_of = map { $_ => "$_->{feed}/" . full_name($_) . '.apk' } grep { !-e file_of($_) } @_;
    my %failed = fetch_all(map { $url_of{$_} => [file_of($_), $_->{SHA256sum}] } grep { $url_of{$_} } @_);
    return map { $_ => $failed{$url_of{$_}} } grep { $url_of{$_} && $failed{$url_of{$_}} } @_;
}

sub list {
    print manifest_lines(grep { $_ eq '--strip-abi' } @_);
    return 0;
}

sub depends {
    my ($name) = @_;
    for my $package (grep { $_->{Package} eq $name } known_packages([])) {
        print full_name($package) . " depends on:\n", map { "$_\n" } requires($package);
        last;
    }
    return 0;
}

sub whatdepends {
    my ($name) = @_;
    my @found = grep { my $package = $_; grep { $_ eq $name } requires($package) } known_packages([]);
    print "$name is required by:\n", map { full_name($_) . "\n" } sort { $a->{Package} cmp $b->{Package} } @found;
    return 0;
}
