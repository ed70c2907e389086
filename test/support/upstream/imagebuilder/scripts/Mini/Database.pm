package Mini::Database;
# What is installed in a root directory: stanzas in one file, post-install scripts beside it.
use strict;
use warnings;
use Exporter 'import';
use File::Path qw(make_path);
use Mini::File qw(slurp spew parse_stanzas format_stanza);
our @EXPORT_OK = qw(installed write_installed manifest_lines provider_table requires);

sub folder { return "$ENV{TARGET_DIR}/" . ($ENV{APK} ? 'lib/apk/db' : 'usr/lib/opkg') }
sub file { return folder() . ($ENV{APK} ? '/installed' : '/status') }

sub installed { return -e file() ? parse_stanzas(slurp(file())) : () }

# `@packages`: {stanza, postinst} in the order of installation.
sub write_installed {
    my (@packages) = @_;
    my $scripts = $ENV{APK} ? folder() : folder() . '/info';
    make_path($scripts);
    spew(file(), join '', map { format_stanza($_->{stanza}, qw(Package Version ABIVersion Depends Provides Architecture)) } @packages);
    for my $package (grep { defined $_->{postinst} } @packages) {
        my ($name, $version, $sum) = @{$package->{stanza}}{qw(Package Version SHA256sum)};
        my $script = $ENV{APK} ? "$name-$version.Q1" . substr($sum, 0, 27) . '.post-install' : "$name.postinst";
        spew("$scripts/$script", $package->{postinst});
        chmod 0755, "$scripts/$script";
    }
}

# `name - version` lines. apk sorts by the printed name, opkg by the full one.
sub manifest_lines {
    my ($strip_abi) = @_;
    my @rows = map {
        my ($name, $abi) = ($_->{Package}, $_->{ABIVersion});
        my $printed = $name;
        $printed =~ s/\Q$abi\E$// if $strip_abi && defined $abi;
        [$ENV{APK} ? $printed : $name, "$printed - $_->{Version}\n"];
    } installed();
    return map { $_->[1] } sort { $a->[0] cmp $b->[0] } @rows;
}

# Package stanzas by every name they answer to, their own name first; the first index that has a name wins.
sub provider_table {
    my (@stanzas) = @_;
    my (%own, %providers);
    for my $stanza (@stanzas) { $own{$stanza->{Package}} = $stanza unless $own{$stanza->{Package}} }
    for my $name (sort keys %own) {
        unshift @{$providers{$name}}, $own{$name};
        for my $provided (Mini::File::list_field($own{$name}{Provides})) {
            push @{$providers{$provided->[0]}}, $own{$name} if $provided->[0] ne $name;
        }
    }
    return \%providers;
}

sub requires { return map { $_->[0] } Mini::File::list_field($_[0]{Depends}) }

1;
