#!/usr/bin/env perl
# The miniature's opkg: index, update, install, list-installed, depends, whatdepends. Folders come from the environment (rules.mk).
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Compress::Zlib ();
use Digest::SHA qw(sha256_hex hmac_sha256);
use MIME::Base64 qw(encode_base64 decode_base64);
use Mini::Archive qw(read_package);
use Mini::Database qw(write_installed manifest_lines requires);
use Mini::Fetch qw(fetch);
use Mini::File qw(slurp spew parse_stanzas format_stanza);
use Mini::Opkg qw(new_run install_all);

$| = 1;
my @FIELDS = qw(Package Version ABIVersion Depends Provides Conflicts Architecture Filename Size SHA256sum);
my ($command, @arguments) = @ARGV;
my %commands = (
    index => \&index_local, update => \&update, install => \&install,
    'list-installed' => \&list, depends => \&depends, whatdepends => \&whatdepends,
);
die "opkg: unknown command\n" unless defined $command && $commands{$command};
exit $commands{$command}->(@arguments);

# Indexes and signs what lies in packages/.
sub index_local {
    my $folder = "$ENV{TOPDIR}/packages";
    my $text = join '', map { format_stanza(local_stanza($_), @FIELDS) } sort glob "$folder/*.ipk";
    spew("$folder/Packages", $text);
    spew("$folder/Packages.gz", Compress::Zlib::memGzip($text));
    my $key = slurp($ENV{LOCAL_KEY});
    my $signature = 'Ed' . substr(hmac_sha256('id', $key), 0, 8) . hmac_sha256($text, $key) x 2;
    spew("$folder/Packages.sig", "untrusted comment: signed by the local key\n" . encode_base64($signature, '') . "\n");
    return 0;
}

sub local_stanza {
    my ($path) = @_;
    my $stanza = read_package($path)->{control};
    return {%$stanza, Filename => $path =~ s{.*/}{}r, Size => -s $path, SHA256sum => sha256_hex(slurp($path))};
}

# ([name, url], ...) of repositories.conf, and whether it asks for signatures.
sub feeds {
    my $text = slurp("$ENV{TOPDIR}/repositories.conf");
    my @feeds = map { /^src(?:\/gz)?\s+(\S+)\s+(\S+)/ ? [$1, $2] : () } split /\n/, $text;
    return (\@feeds, scalar $text =~ /^option\s+check_signature/m);
}

sub update {
    my ($feeds, $check) = feeds();
    my (@errors, $failures);
    for my $feed (@$feeds) {
        my ($name, $url) = @$feed;
        my $list = "$ENV{DL_DIR}/$name";
        if ($url =~ /^file:(.*)/) { spew($list, slurp("$ENV{TOPDIR}/$1/Packages")); next }
        print "Downloading $url/Packages.gz\n";
        if (my $code = fetch("$url/Packages.gz", "$list.gz")) {
            print STDERR "*** Failed to download the package list from $url/Packages.gz\n\n";
            unlink $list;
            push @errors, " * opkg_download: Failed to download $url/Packages.gz, wget returned $code.";
            next;
        }
        print "Updated list of available packages in $list\n";
        my $code = $check ? fetch("$url/Packages.sig", "$list.sig") : 0;
        if ($code) { push @errors, " * opkg_download: Failed to download $url/Packages.sig, wget returned $code." }
        if ($check && ($code || !trusted("$list.sig"))) {
            print STDERR "Signature check failed.\nRemove wrong Signature file.\n\n";
            unlink $list;
            next;
        }
        my $text = Compress::Zlib::memGunzip(slurp("$list.gz"));
        spew($list, $text) if defined $text;
    }
    report(@errors);
    return @errors ? 255 : 0;
}

# A signature is trusted when keys/ has the key it names; its bytes are not checked.
sub trusted {
    my ($line) = grep { !/^untrusted comment:/ } split /\n/, slurp($_[0]);
    return -e "$ENV{TOPDIR}/keys/" . unpack('H16', substr decode_base64(defined $line ? $line : ''), 2, 8);
}

sub report { print STDERR join("\n", 'Collected errors:', @_), "\n" if @_ }

sub known_packages {
    my ($feeds) = feeds();
    my @known;
    for my $feed (@$feeds) {
        my $list = "$ENV{DL_DIR}/$feed->[0]";
        push @known, map { +{%$_, feed => $feed->[1]} } parse_stanzas(slurp($list)) if -e $list;
    }
    return @known;
}

sub install {
    my @files = grep { m{/} } @_;
    my %file_of = map { my $stanza = local_stanza($_); ($stanza->{Package} => [$_, $stanza]) } @files;
    my @known = ((map { $file_of{$_}[1] } sort keys %file_of), known_packages());
    my $run = new_run(
        \@known,
        sub {
            my ($package) = @_;
            return $file_of{$package->{Package}}[0] if $file_of{$package->{Package}};
            return "$ENV{TOPDIR}/$1/$package->{Filename}" if $package->{feed} =~ /^file:(.*)/;
            return "$ENV{DL_DIR}/$package->{Filename}";
        },
        sub { return $_[0]{feed} ? "$_[0]{feed}/$_[0]{Filename}" : 'local' },
    );
    install_all($run, (sort keys %file_of), grep { !m{/} } @_);
    write_installed(@{$run->{order}});
    report(@{$run->{errors}});
    return @{$run->{errors}} ? 255 : 0;
}

sub list {
    print manifest_lines(grep { $_ eq '--strip-abi' } @_);
    return 0;
}

sub depends {
    my ($name) = @_;
    my ($package) = grep { $_->{Package} eq $name } known_packages();
    print "$name depends on:\n", map { "\t$_\n" } requires($package) if $package;
    return 0;
}

sub whatdepends {
    my ($name) = @_;
    my @found = grep { my $package = $_; grep { $_ eq $name } requires($package) } known_packages();
    print "What depends on root set\n", map { "\t$_->{Package} $_->{Version}\tdepends on $name\n" } @found;
    return 0;
}
