package Mini::Archive;
# The miniature's package file, the same for .ipk and .apk: a gzipped ustar of `control`, `postinst` if any, and `data/...`.
use strict;
use warnings;
use Compress::Zlib ();
use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use Mini::File qw(slurp parse_stanzas);
our @EXPORT_OK = qw(read_package unpack_package);

# {control => {...}, postinst => text, entries => [{path, type, mode, link, data}]}; paths are relative to the root.
sub read_package {
    my ($path) = @_;
    my $tar = Compress::Zlib::memGunzip(slurp($path));
    die "$path is not a package\n" unless defined $tar;
    my %package = (entries => []);
    for (my $at = 0; $at + 512 <= length $tar;) {
        my ($name, $mode, undef, undef, $size, undef, undef, $type, $link, undef, undef, undef, undef, undef, undef, $prefix) =
            unpack 'Z100 Z8 Z8 Z8 Z12 Z12 Z8 a1 Z100 a6 a2 Z32 Z32 Z8 Z8 Z155', substr $tar, $at, 512;
        last if $name eq '';
        my $bytes = oct($size =~ s/\s+//gr);
        my $data = substr $tar, $at + 512, $bytes;
        $at += 512 + 512 * int(($bytes + 511) / 512);
        $name = "$prefix/$name" if $prefix ne '';
        if ($name eq 'control') { ($package{control}) = parse_stanzas($data) }
        elsif ($name eq 'postinst') { $package{postinst} = $data }
        elsif ($name =~ s{^data/}{}) {
            push @{$package{entries}}, {path => $name, type => $type, mode => oct($mode =~ s/\s+//gr), link => $link, data => $data};
        }
    }
    die "$path has no control file\n" unless $package{control};
    return \%package;
}

# Writes the files of a package below a root directory, over what is there.
sub unpack_package {
    my ($package, $root) = @_;
    for my $entry (@{$package->{entries}}) {
        my $path = "$root/$entry->{path}";
        if ($entry->{type} eq '5') { make_path($path, {mode => $entry->{mode}}); next }
        make_path(dirname $path);
        unlink $path;
        if ($entry->{type} eq '2') { symlink $entry->{link}, $path or die "cannot link $path: $!\n"; next }
        open my $file, '>:raw', $path or die "cannot write $path: $!\n";
        print {$file} $entry->{data} or die "cannot write $path: $!\n";
        close $file or die "cannot write $path: $!\n";
        chmod $entry->{mode}, $path;
    }
}

1;
