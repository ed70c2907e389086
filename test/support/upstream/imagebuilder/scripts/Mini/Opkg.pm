package Mini::Opkg;
# opkg's way to install packages: one after the other, going on after an error.
use strict;
use warnings;
use Exporter 'import';
use Mini::Archive qw(read_package unpack_package);
use Mini::Database qw(provider_table requires);
use Mini::Fetch qw(fetch_all);
use Mini::File qw(list_field);
our @EXPORT_OK = qw(new_run install_all);

# `file_of`: package to local file, `url_of`: package to URL.
sub new_run {
    my ($stanzas, $file_of, $url_of) = @_;
    return {
        providers => provider_table(@$stanzas), file_of => $file_of, url_of => $url_of,
        installed => {}, provided => {}, owner => {}, order => [], errors => [], failed => {},
    };
}

sub install_all {
    my ($run, @names) = @_;
    prefetch($run, @names);
    install($run, $_) for @names;
    print "Configuring $_->{stanza}{Package}.\n" for @{$run->{order}};
}

sub complain { my ($run, @lines) = @_; push @{$run->{errors}}, @lines; return 0 }

sub refuse { my ($run, $name, @lines) = @_; return complain($run, @lines, " * opkg_install_cmd: Cannot install package $name.") }

# The package for a name: the one of that name, else one that provides it, preferably installed already.
sub candidate {
    my ($run, $name) = @_;
    my @candidates = @{$run->{providers}{$name} || []};
    return $candidates[0] if !@candidates || $candidates[0]{Package} eq $name;
    my ($there) = grep { $run->{installed}{$_->{Package}} } @candidates;
    return $there || $candidates[0];
}

sub install {
    my ($run, $name) = @_;
    my $package = candidate($run, $name) or return refuse($run, $name);
    my @unresolved = unresolved($run, $package, {});
    return refuse($run, $name,
        (map { " * pkg_hash_check_unresolved: cannot find dependency $_ for $name" } @unresolved),
        " * pkg_hash_fetch_best_installation_candidate: Packages for $name found, but incompatible with the architectures configured",
    ) if @unresolved;
    return install_package($run, $package);
}

sub unresolved {
    my ($run, $package, $seen) = @_;
    return () if $seen->{$package->{Package}}++;
    my @found;
    for my $name (requires($package)) {
        my $needed = candidate($run, $name);
        push @found, $needed ? unresolved($run, $needed, $seen) : $name;
    }
    return @found;
}

sub install_package {
    my ($run, $package) = @_;
    my $name = $package->{Package};
    return 1 if $run->{installed}{$name};
    my @hostile = grep { $run->{installed}{$_} } map { $_->[0] } list_field($package->{Conflicts});
    return refuse($run, $name,
        " * check_conflicts_for: The following packages conflict with $name:",
        map { " * check_conflicts_for: \t$_ * " } sort @hostile,
    ) if @hostile;
    for my $needed (requires($package)) {
        next if $run->{installed}{$needed} || $run->{provided}{$needed};
        return 0 unless install_package($run, candidate($run, $needed));
    }
    print "Installing $name ($package->{Version}) to root...\n";
    my $url = $run->{url_of}->($package);
    my $code = $run->{failed}{$url};
    if ($code && $code eq 'checksum') {
        return refuse($run, $name, " * opkg_install_pkg: Checksum or size mismatch for package $name. "
            . 'Either the opkg or the package index are corrupt. Try \'opkg update\'.');
    }
    if ($code) {
        return refuse($run, $name,
            " * opkg_download: Failed to download $url, wget returned $code.",
            " * opkg_install_pkg: Failed to download $name. Perhaps you need to run 'opkg update'?",
        );
    }
    print 'Copying ' . $run->{file_of}->($package) . ".\n";
    return unpack_checked($run, $package);
}

sub unpack_checked {
    my ($run, $package) = @_;
    my $name = $package->{Package};
    my $content = read_package($run->{file_of}->($package));
    my @paths = map { $_->{path} } grep { $_->{type} ne '5' } @{$content->{entries}};
    my @clashes = grep { $run->{owner}{$_} } @paths;
    return refuse($run, $name, map {
        (
            " * check_data_file_clashes: Package $name wants to install file $ENV{TARGET_DIR}/$_",
            "\tBut that file is already provided by package  * $run->{owner}{$_}",
        )
    } @clashes) if @clashes;
    unpack_package($content, $ENV{TARGET_DIR});
    $run->{owner}{$_} = $name for @paths;
    $run->{installed}{$name} = 1;
    $run->{provided}{$_->[0]} = 1 for list_field($package->{Provides});
    push @{$run->{order}}, {stanza => $package, postinst => $content->{postinst}};
    return 1;
}

# Fetches what the names need and the download folder lacks, over one connection.
sub prefetch {
    my ($run, @names) = @_;
    my (%seen, %wanted);
    for my $package (grep { $_ } map { candidate($run, $_) } @names) {
        my @queue = ($package);
        while (my $next = shift @queue) {
            next if $seen{$next->{Package}}++;
            push @queue, grep { $_ } map { candidate($run, $_) } requires($next);
            my $path = $run->{file_of}->($next);
            $wanted{$run->{url_of}->($next)} = [$path, $next->{SHA256sum}] unless -e $path && -s $path == $next->{Size};
        }
    }
    print "Downloading $_\n" for sort keys %wanted;
    $run->{failed} = {fetch_all(%wanted)};
}

1;
